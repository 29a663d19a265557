package org.sparkssm.spark;

import static org.apache.spark.sql.functions.coalesce;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.count_if;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.max;
import static org.apache.spark.sql.functions.min;
import static org.apache.spark.sql.functions.size;
import static org.apache.spark.sql.functions.sum;
import static org.apache.spark.sql.functions.when;
import static org.apache.spark.sql.functions.xxhash64;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.StructType;
import org.sparkssm.data.DataSetManifest;
import org.sparkssm.data.DataSetManifest.Shard;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.data.LabelDescription;
import org.sparkssm.data.SequenceSchema;

/**
 * Sequence data sets on any Hadoop file system: a folder of Parquet shards and {@code
 * _dataset.json}.
 *
 * <p>Writing streams the rows through Spark's Parquet writer, one shard per partition, and counts,
 * checks and fingerprints them on the way. The manifest is written last and is the commit (see
 * {@link OutputFolder}); it lists the shards, so nothing else in the folder is ever read.
 *
 * <p>One sequence may be a hundred megabytes among others of a kilobyte: see {@link ParquetMemory}.
 */
public final class SequenceStore {
  /** Values of the column {@code split}. */
  static final List<String> SPLITS =
      List.of(SequenceSchema.TRAIN_SPLIT, "validation", SequenceSchema.TEST_SPLIT);

  /** The columns that the fingerprint covers. */
  private static final List<String> FINGERPRINTED =
      List.of(
          SequenceSchema.ID,
          SequenceSchema.LENGTH,
          SequenceSchema.VALUES,
          SequenceSchema.TOKENS,
          SequenceSchema.TIMES,
          SequenceSchema.LABEL,
          SequenceSchema.LABELS);

  private SequenceStore() {}

  /**
   * Checks that {@link #write} would accept an output folder, without writing anything.
   *
   * @throws InvalidInputException if it exists and must not be replaced
   */
  public static void checkOutput(SparkSession spark, String output, boolean overwrite) {
    OutputFolder.check(configuration(spark), output, DataSetManifest.FILE_NAME, overwrite);
  }

  /** Writes rows whose description is complete; see the other form. */
  public static DataSetManifest write(
      Dataset<Row> rows, DataSetManifest.Builder description, String output, boolean overwrite) {
    return write(rows, description, complete -> {}, output, overwrite);
  }

  /**
   * Writes a data set, one shard per partition of {@code rows}.
   *
   * @param rows columns as in {@link SequenceSchema}; {@code id}, {@code length} and {@code values}
   *     or {@code tokens} at least
   * @param description what is known beforehand: channels, labels, origin
   * @param complete called after the rows were written and before the commit, to add what is known
   *     only then
   * @param output folder
   * @param overwrite whether an existing data set may be replaced
   * @return the manifest as written
   * @throws InvalidInputException if the output exists, there is no row, or a row does not fit the
   *     description; nothing is left behind then
   */
  public static DataSetManifest write(
      Dataset<Row> rows,
      DataSetManifest.Builder description,
      Consumer<DataSetManifest.Builder> complete,
      String output,
      boolean overwrite) {
    Configuration configuration = configuration(rows.sparkSession());
    try (OutputFolder folder =
        OutputFolder.open(configuration, output, DataSetManifest.FILE_NAME, overwrite)) {
      Map<String, Object> found =
          ObservedWrite.write(rows, observedColumns(rows.schema(), description), folder);
      checkRows(found, description);
      description.written(
          number(found, "rows"),
          number(found, "steps"),
          (int) number(found, "minLength"),
          (int) number(found, "maxLength"),
          splitCounts(found));
      description.content(shards(folder), fingerprint(found), rows.schema().json());
      complete.accept(description);
      DataSetManifest manifest = description.build();
      folder.commit(manifest.toJson());
      return manifest;
    } catch (IOException e) {
      throw new InvalidInputException(
          "the output " + output + " cannot be written: " + HadoopFiles.reason(e), e);
    }
  }

  /**
   * Opens a data set; no row is read yet.
   *
   * @throws InvalidInputException if there is none, its manifest is damaged or of another version,
   *     or a shard is missing or has another size than the manifest says
   */
  public static SequenceDataSet read(SparkSession spark, String path) {
    DataSetManifest manifest = readManifest(spark, path);
    checkShards(spark, path, manifest);
    ParquetMemory.limitReaderBatches(
        spark, (long) manifest.maxLength() * Math.max(1, manifest.channels().size()), Float.BYTES);
    StructType schema = (StructType) DataType.fromJson(manifest.schema().toString());
    String[] files =
        manifest.shards().stream()
            .map(shard -> new Path(HadoopFiles.path(path), shard.file()).toString())
            .toArray(String[]::new);
    return new SequenceDataSet(path, manifest, spark.read().schema(schema).parquet(files));
  }

  /**
   * Reads a data set's manifest alone.
   *
   * @throws InvalidInputException if there is none, or it is damaged or of another version
   */
  public static DataSetManifest readManifest(SparkSession spark, String path) {
    Configuration configuration = configuration(spark);
    Path folder = HadoopFiles.path(path);
    Path file = new Path(folder, DataSetManifest.FILE_NAME);
    String json =
        HadoopFiles.readText(file, configuration)
            .orElseThrow(() -> notADataSet(folder, configuration));
    return DataSetManifest.fromJson(json, file.toString());
  }

  private static InvalidInputException notADataSet(Path folder, Configuration configuration) {
    try {
      FileStatus[] children = HadoopFiles.fileSystem(folder, configuration).listStatus(folder);
      boolean inProgress =
          Arrays.stream(children)
              .anyMatch(child -> child.getPath().getName().equals(OutputFolder.MARKER));
      return new InvalidInputException(
          inProgress
              ? "the data set "
                  + folder
                  + " is incomplete: its writer has not finished or was"
                  + " killed; run that again"
              : folder
                  + " is not a sequence data set: it has no "
                  + DataSetManifest.FILE_NAME
                  + "; make one with generate or import");
    } catch (FileNotFoundException e) {
      return new InvalidInputException("the data set " + folder + " does not exist", e);
    } catch (IOException e) {
      return HadoopFiles.unreadable(folder, e);
    }
  }

  private static void checkShards(SparkSession spark, String path, DataSetManifest manifest) {
    Path folder = HadoopFiles.path(path);
    Map<String, Long> sizes = new HashMap<>();
    try {
      FileSystem fileSystem = HadoopFiles.fileSystem(folder, configuration(spark));
      for (FileStatus child : fileSystem.listStatus(folder)) {
        sizes.put(child.getPath().getName(), child.getLen());
      }
    } catch (IOException e) {
      throw HadoopFiles.unreadable(folder, e);
    }
    for (Shard shard : manifest.shards()) {
      Long size = sizes.get(shard.file());
      if (size == null || size != shard.bytes()) {
        throw new InvalidInputException(
            "the shard "
                + new Path(folder, shard.file())
                + (size == null ? " is missing" : " has " + size + " bytes")
                + ", the manifest lists it with "
                + shard.bytes()
                + " bytes");
      }
    }
  }

  private static List<Column> observedColumns(
      StructType schema, DataSetManifest.Builder description) {
    List<String> names = Arrays.asList(schema.fieldNames());
    Column id = col(SequenceSchema.ID);
    Column length = col(SequenceSchema.LENGTH);
    List<Column> observed = new ArrayList<>();
    observed.add(count(lit(1)).as("rows"));
    observed.add(coalesce(sum(length), lit(0L)).as("steps"));
    observed.add(min(length).as("minLength"));
    observed.add(max(length).as("maxLength"));
    observed.add(sum(rowHash(names)).as("fingerprint"));
    int channels = description.channels().size();
    Column size =
        names.contains(SequenceSchema.VALUES)
            ? size(col(SequenceSchema.VALUES))
            : size(col(SequenceSchema.TOKENS)).multiply(Math.max(1, channels));
    observed.add(
        min(when(size.notEqual(length.multiply(Math.max(1, channels))), id)).as("wrongSize"));
    LabelDescription label = description.label();
    if (label.kind() == LabelDescription.Kind.CLASS && label.perSequence()) {
      Column value = col(SequenceSchema.LABEL);
      Column wrong = value.isNull().or(value.lt(0)).or(value.geq(label.classCount()));
      observed.add(min(when(wrong, id)).as("wrongLabel"));
    }
    if (names.contains(SequenceSchema.SPLIT)) {
      for (String split : SPLITS) {
        observed.add(count_if(col(SequenceSchema.SPLIT).equalTo(split)).as("split " + split));
      }
    }
    return observed;
  }

  /** As a decimal, so that the sum does not overflow. */
  private static Column rowHash(List<String> names) {
    Column[] columns =
        FINGERPRINTED.stream()
            .filter(names::contains)
            .map(org.apache.spark.sql.functions::col)
            .toArray(Column[]::new);
    return xxhash64(columns).cast("decimal(20,0)");
  }

  private static void checkRows(Map<String, Object> found, DataSetManifest.Builder description) {
    if (number(found, "rows") == 0) {
      throw new InvalidInputException("the data set is empty, expected at least one sequence");
    }
    if (found.get("wrongSize") != null) {
      throw new InvalidInputException(
          "the number of values of sequence "
              + found.get("wrongSize")
              + " is not its length times the number of channels, "
              + description.channels().size());
    }
    if (found.get("wrongLabel") != null) {
      throw new InvalidInputException(
          "the label of sequence "
              + found.get("wrongLabel")
              + " is out of range, expected a class index from 0 to "
              + (description.label().classCount() - 1));
    }
  }

  private static Map<String, Long> splitCounts(Map<String, Object> found) {
    Map<String, Long> counts = new LinkedHashMap<>();
    for (String split : SPLITS) {
      Object value = found.get("split " + split);
      if (value instanceof Number number && number.longValue() > 0) {
        counts.put(split, number.longValue());
      }
    }
    return counts;
  }

  private static List<Shard> shards(OutputFolder folder) throws IOException {
    return Arrays.stream(folder.writtenParts())
        .map(status -> new Shard(status.getPath().getName(), status.getLen()))
        .toList();
  }

  private static String fingerprint(Map<String, Object> found) {
    return String.format(
        "%016x", ((BigDecimal) found.get("fingerprint")).toBigIntegerExact().longValue());
  }

  private static long number(Map<String, Object> found, String name) {
    return found.get(name) instanceof Number number ? number.longValue() : 0;
  }

  /** The name of a data set that has no other: that of its folder. */
  static String nameOf(String output) {
    return HadoopFiles.path(output).getName();
  }

  private static Configuration configuration(SparkSession spark) {
    return spark.sparkContext().hadoopConfiguration();
  }
}
