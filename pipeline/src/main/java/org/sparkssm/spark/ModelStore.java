package org.sparkssm.spark;

import java.io.IOException;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.ml.Transformer;
import org.apache.spark.sql.SparkSession;
import org.sparkssm.data.InvalidInputException;

/**
 * Trained models on any Hadoop file system: a folder with the whole pipeline from sequences to
 * predictions in MLlib's form, and {@code _model.json}, which is written last and is the commit.
 */
public final class ModelStore {
  private ModelStore() {}

  /**
   * A model as it was read.
   *
   * @param stages from sequences to predictions
   */
  public record StoredModel(ModelManifest manifest, List<Transformer> stages) {

    /** The stages that compute features from sequences. */
    public List<Transformer> featureStages() {
      return stages.subList(0, manifest.featureStages());
    }

    /** The stages that make predictions. */
    public List<Transformer> predictionStages() {
      return stages.subList(manifest.featureStages(), stages.size());
    }
  }

  /** Whether a folder holds a model. */
  public static boolean isModel(SparkSession spark, String path) {
    return Manifests.exists(path, ModelManifest.FILE_NAME, configuration(spark));
  }

  /**
   * Checks that {@link #write} would accept an output folder, without writing anything.
   *
   * @throws InvalidInputException if it exists and must not be replaced
   */
  public static void checkOutput(SparkSession spark, String output, boolean overwrite) {
    OutputFolder.check(configuration(spark), output, ModelManifest.FILE_NAME, overwrite);
  }

  /**
   * Writes a model.
   *
   * @param description everything but the pipeline's place, which is filled in
   */
  public static ModelManifest write(
      SparkSession spark,
      List<? extends Transformer> stages,
      ModelManifest description,
      String output,
      boolean overwrite) {
    try (OutputFolder folder =
        OutputFolder.open(configuration(spark), output, ModelManifest.FILE_NAME, overwrite)) {
      StoredPipeline pipeline = StoredPipeline.save(spark, stages, folder);
      ModelManifest manifest = description.withPipeline(pipeline);
      folder.commit(Manifests.text(manifest));
      return manifest;
    } catch (IOException e) {
      throw new InvalidInputException(
          "the output " + output + " cannot be written: " + HadoopFiles.reason(e), e);
    }
  }

  /**
   * Reads a model's manifest alone.
   *
   * @throws InvalidInputException if there is none, or it is damaged or of another version
   */
  public static ModelManifest readManifest(SparkSession spark, String path) {
    return Manifests.read(
        path,
        ModelManifest.FILE_NAME,
        ModelManifest.FORMAT_VERSION,
        ModelManifest.class,
        "a model",
        "train",
        configuration(spark));
  }

  /**
   * Reads a model.
   *
   * @throws InvalidInputException if there is none, it is damaged or of another version, or a file
   *     is missing
   */
  public static StoredModel read(SparkSession spark, String path) {
    ModelManifest manifest = readManifest(spark, path);
    return new StoredModel(manifest, manifest.pipeline().load(spark, HadoopFiles.path(path)));
  }

  private static Configuration configuration(SparkSession spark) {
    return spark.sparkContext().hadoopConfiguration();
  }
}
