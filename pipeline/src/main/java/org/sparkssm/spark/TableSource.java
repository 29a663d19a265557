package org.sparkssm.spark;

import java.util.List;
import org.apache.hadoop.fs.FileStatus;
import org.apache.spark.sql.AnalysisException;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.sparkssm.data.InvalidInputException;

/** CSV and Parquet tables as a source, in the layouts of {@link ImportOptions.Layout}. */
final class TableSource {
  private TableSource() {}

  static ForeignSource open(SparkSession spark, ImportOptions options) {
    List<FileStatus> files =
        InputFiles.find(options.inputs(), spark.sparkContext().hadoopConfiguration());
    int shards = InputFiles.shards(options, files.stream().mapToLong(FileStatus::getLen).sum());
    Dataset<Row> table = read(spark, options);
    // the types of a CSV file without rows would be called wrong
    if (options.format() == ImportOptions.Format.CSV && table.isEmpty()) {
      throw new InvalidInputException(
          "the input "
              + String.join(",", options.inputs())
              + " is empty, expected at least one row below the names of the columns");
    }
    TableColumns columns = new TableColumns(table, options);
    return switch (options.layout()) {
      case LONG -> LongTable.source(columns, options, shards);
      case WIDE -> RowTable.wide(columns, options, shards);
      case NESTED -> RowTable.nested(columns, options, shards);
    };
  }

  private static Dataset<Row> read(SparkSession spark, ImportOptions options) {
    String[] inputs = options.inputs().toArray(String[]::new);
    try {
      return options.format() == ImportOptions.Format.PARQUET
          ? spark.read().parquet(inputs)
          : spark
              .read()
              .option("header", "true")
              .option("inferSchema", "true")
              .option("mode", "FAILFAST")
              .option("sep", options.delimiter())
              .option("nullValue", options.nullValue())
              .csv(inputs);
    } catch (Exception e) {
      if (e instanceof AnalysisException analysis
          && "UNABLE_TO_INFER_SCHEMA".equals(analysis.getCondition())) {
        throw new InvalidInputException(
            "the input " + String.join(",", inputs) + " has no columns, expected a table", e);
      }
      throw e;
    }
  }
}
