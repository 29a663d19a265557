package org.sparkssm.spark;

import com.fasterxml.jackson.annotation.JsonIgnore;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.data.LibraryVersion;

/**
 * Predictions on any Hadoop file system: a folder of plain Parquet shards and {@code
 * _predictions.json}, which is written last and is the commit.
 */
public final class PredictionStore {
  private PredictionStore() {}

  /**
   * What {@code _predictions.json} says.
   *
   * @param origin model and input
   * @param count number of rows
   * @param shards the files with the rows
   */
  public record Manifest(
      int formatVersion,
      String libraryVersion,
      Map<String, Object> origin,
      long count,
      List<StoredFile> shards) {
    /** Name of the file. */
    public static final String FILE_NAME = "_predictions.json";

    /** The layout that this library writes. */
    public static final int FORMAT_VERSION = 1;

    /** Bytes of all shards. */
    @JsonIgnore
    public long bytes() {
      return shards.stream().mapToLong(StoredFile::bytes).sum();
    }
  }

  /** Predictions as they were read. */
  public record StoredPredictions(Manifest manifest, Dataset<Row> rows) {}

  /** Whether a folder holds predictions. */
  public static boolean isPredictions(SparkSession spark, String path) {
    return Manifests.exists(path, Manifest.FILE_NAME, spark.sparkContext().hadoopConfiguration());
  }

  /**
   * Reads predictions.
   *
   * @throws InvalidInputException if there are none, or they are damaged or of another version
   */
  public static StoredPredictions read(SparkSession spark, String path) {
    Configuration configuration = spark.sparkContext().hadoopConfiguration();
    Manifest manifest =
        Manifests.read(
            path,
            Manifest.FILE_NAME,
            Manifest.FORMAT_VERSION,
            Manifest.class,
            "predictions",
            "predict",
            configuration);
    Path folder = HadoopFiles.path(path);
    FileSystem fileSystem = HadoopFiles.fileSystem(folder, configuration);
    manifest.shards().forEach(shard -> Shards.check(fileSystem, folder, shard));
    String[] files =
        manifest.shards().stream()
            .map(shard -> new Path(folder, shard.file()).toString())
            .toArray(String[]::new);
    return new StoredPredictions(manifest, spark.read().parquet(files));
  }

  /**
   * Checks that {@link #write} would accept an output folder, without writing anything.
   *
   * @throws InvalidInputException if it exists and must not be replaced
   */
  public static void checkOutput(SparkSession spark, String output, boolean overwrite) {
    OutputFolder.check(
        spark.sparkContext().hadoopConfiguration(), output, Manifest.FILE_NAME, overwrite);
  }

  /** Writes predictions, one shard per partition. */
  public static Manifest write(
      Dataset<Row> predictions, Map<String, Object> origin, String output, boolean overwrite) {
    try (OutputFolder folder =
        OutputFolder.open(
            predictions.sparkSession().sparkContext().hadoopConfiguration(),
            output,
            Manifest.FILE_NAME,
            overwrite)) {
      long count = Shards.write(predictions, folder);
      Manifest manifest =
          new Manifest(
              Manifest.FORMAT_VERSION,
              LibraryVersion.current(),
              origin,
              count,
              Shards.written(folder));
      folder.commit(Manifests.text(manifest));
      return manifest;
    } catch (IOException e) {
      throw new InvalidInputException(
          "the output " + output + " cannot be written: " + HadoopFiles.reason(e), e);
    }
  }
}
