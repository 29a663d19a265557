package org.sparkssm.spark;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.ml.Transformer;
import org.apache.spark.ml.attribute.AttributeGroup;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.StructType;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.data.LibraryVersion;
import org.sparkssm.data.SeededRandom;
import org.sparkssm.data.SequenceSchema;

/**
 * Feature data sets on any Hadoop file system: a folder of Parquet shards, the pipeline that made
 * the features, and {@code _features.json}, which is written last and is the commit.
 */
public final class FeatureStore {
  /** The column of features, an MLlib vector. */
  public static final String FEATURES = "features";

  private static final ObjectMapper JSON = new ObjectMapper();

  /** The columns of a sequence that its features stand for. */
  private static final List<String> SEQUENCE_COLUMNS =
      List.of(
          SequenceSchema.VALUES,
          SequenceSchema.TOKENS,
          SequenceSchema.TIMES,
          SequenceSchema.LABELS);

  private FeatureStore() {}

  /** Whether a folder holds a feature data set. */
  public static boolean isFeatureSet(SparkSession spark, String path) {
    return Manifests.exists(path, FeatureManifest.FILE_NAME, configuration(spark));
  }

  /**
   * Checks that {@link #write} would accept an output folder, without writing anything.
   *
   * @throws InvalidInputException if it exists and must not be replaced
   */
  public static void checkOutput(SparkSession spark, String output, boolean overwrite) {
    OutputFolder.check(configuration(spark), output, FeatureManifest.FILE_NAME, overwrite);
  }

  /**
   * Computes features and writes them.
   *
   * @param stages applied in order; they add the column {@value #FEATURES}, a vector
   * @param source where the rows come from
   * @param rows of the source, partitioned as the shards shall be
   * @param specification the options behind the stages
   */
  public static FeatureManifest write(
      List<? extends Transformer> stages,
      SequenceDataSet source,
      Dataset<Row> rows,
      Map<String, Object> specification,
      String output,
      boolean overwrite) {
    SparkSession spark = rows.sparkSession();
    Dataset<Row> features = rows;
    for (Transformer stage : stages) {
      features = stage.transform(features);
    }
    features = features.drop(SEQUENCE_COLUMNS.toArray(String[]::new));
    int width = AttributeGroup.fromStructField(features.schema().apply(FEATURES)).size();
    try (OutputFolder folder =
        OutputFolder.open(configuration(spark), output, FeatureManifest.FILE_NAME, overwrite)) {
      StoredPipeline pipeline = StoredPipeline.save(spark, stages, folder);
      long count = Shards.write(features, folder);
      FeatureManifest manifest =
          new FeatureManifest(
              FeatureManifest.FORMAT_VERSION,
              LibraryVersion.current(),
              source.manifest().name(),
              specification,
              pipeline,
              source.manifest(),
              count,
              width,
              fingerprint(source, specification),
              Shards.written(folder),
              JSON.readTree(features.schema().json()));
      folder.commit(Manifests.text(manifest));
      return manifest;
    } catch (IOException e) {
      throw new InvalidInputException(
          "the output " + output + " cannot be written: " + HadoopFiles.reason(e), e);
    }
  }

  private static String fingerprint(SequenceDataSet source, Map<String, Object> specification)
      throws JsonProcessingException {
    long rows = Long.parseUnsignedLong(source.manifest().fingerprint(), 16);
    long[] text = JSON.writeValueAsString(specification).chars().asLongStream().toArray();
    return String.format("%016x", SeededRandom.hash(rows, text));
  }

  /**
   * Opens a feature data set; no row is read yet.
   *
   * @throws InvalidInputException if there is none, its manifest is damaged or of another version,
   *     or a shard is missing or has another size than the manifest says
   */
  public static FeatureDataSet read(SparkSession spark, String path) {
    FeatureManifest manifest =
        Manifests.read(
            path,
            FeatureManifest.FILE_NAME,
            FeatureManifest.FORMAT_VERSION,
            FeatureManifest.class,
            "a feature data set",
            "features",
            configuration(spark));
    Path folder = HadoopFiles.path(path);
    FileSystem fileSystem = HadoopFiles.fileSystem(folder, configuration(spark));
    for (StoredFile shard : manifest.shards()) {
      Shards.check(fileSystem, folder, shard);
    }
    ParquetMemory.limitReaderBatches(spark, manifest.width(), Double.BYTES);
    StructType schema = (StructType) DataType.fromJson(manifest.schema().toString());
    String[] files =
        manifest.shards().stream()
            .map(shard -> new Path(folder, shard.file()).toString())
            .toArray(String[]::new);
    return new FeatureDataSet(path, manifest, spark.read().schema(schema).parquet(files));
  }

  private static Configuration configuration(SparkSession spark) {
    return spark.sparkContext().hadoopConfiguration();
  }
}
