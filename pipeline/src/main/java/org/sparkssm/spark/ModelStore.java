package org.sparkssm.spark;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.spark.ml.Transformer;
import org.apache.spark.sql.SparkSession;
import org.sparkssm.data.InvalidInputException;

/**
 * Trained models on any Hadoop file system: a folder with the whole pipeline from sequences to
 * predictions in MLlib's form, and {@code _model.json}, which is written last and is the commit.
 */
public final class ModelStore {
  private static final ObjectMapper JSON = new ObjectMapper();

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
      writeHistory(spark, manifest, new Path(folder.folder(), ModelManifest.HISTORY));
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
    ModelManifest manifest =
        Manifests.read(
            path,
            ModelManifest.FILE_NAME,
            ModelManifest.FORMAT_VERSION,
            ModelManifest.class,
            "a model",
            "train",
            configuration(spark));
    return manifest.history() == null ? manifest.withHistory(history(spark, path)) : manifest;
  }

  private static void writeHistory(SparkSession spark, ModelManifest manifest, Path file)
      throws IOException {
    try (OutputStream out = HadoopFiles.fileSystem(file, configuration(spark)).create(file, true)) {
      for (Map<String, Object> entry : manifest.history()) {
        out.write((JSON.writeValueAsString(entry) + "\n").getBytes(StandardCharsets.UTF_8));
      }
    }
  }

  private static List<Map<String, Object>> history(SparkSession spark, String path) {
    Path file = new Path(HadoopFiles.path(path), ModelManifest.HISTORY);
    List<Map<String, Object>> history = new ArrayList<>();
    String text =
        HadoopFiles.readText(file, configuration(spark))
            .orElseThrow(() -> new InvalidInputException("the file " + file + " is missing"));
    for (String line : text.lines().toList()) {
      try {
        history.add(JSON.readValue(line, new TypeReference<>() {}));
      } catch (JsonProcessingException e) {
        throw new InvalidInputException(file + " is damaged: a line is not JSON", e);
      }
    }
    return history;
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
