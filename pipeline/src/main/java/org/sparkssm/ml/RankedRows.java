package org.sparkssm.ml;

import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;

/** Sorted rows with their numbers, the same whatever their partitioning. */
final class RankedRows {
  private RankedRows() {}

  /** Sorted rows with a last column {@code rank}, counted from 0. */
  static Dataset<Row> of(Dataset<Row> rows) {
    int width = rows.schema().length();
    JavaRDD<Row> ranked =
        rows.toJavaRDD()
            .zipWithIndex()
            .map(
                indexed -> {
                  Object[] values = new Object[width + 1];
                  for (int i = 0; i < width; i++) {
                    values[i] = indexed._1().get(i);
                  }
                  values[width] = indexed._2();
                  return RowFactory.create(values);
                });
    StructType schema = rows.schema().add("rank", DataTypes.LongType, false);
    return rows.sparkSession().createDataFrame(ranked, schema);
  }
}
