package org.sparkssm.ml;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import org.apache.spark.ml.Transformer;
import org.apache.spark.sql.SparkSession;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.model.ModelSpec;
import org.sparkssm.spark.ModelStore;
import org.sparkssm.train.JsonDifferences;
import org.sparkssm.train.TrainedModel;

/**
 * A trained model that another training starts from: its weights, and the scaling that they were
 * trained with.
 *
 * @param path as it was given, for messages
 */
record InitialModel(String path, TrainedModel trained) {

  /**
   * Reads what {@link SequenceModelTransformer#write} or the command {@code train} wrote.
   *
   * @throws InvalidInputException if there is no sequence model, or it is damaged
   */
  static InitialModel read(String path, SparkSession spark) {
    if (!ModelStore.isModel(spark, path)) {
      return new InitialModel(
          path, SequenceModelReader.trainedModel(path, spark.sparkContext().hadoopConfiguration()));
    }
    List<Transformer> stages = ModelStore.read(spark, path).predictionStages();
    if (!stages.isEmpty() && stages.get(0) instanceof SequenceModelTransformer<?> model) {
      return new InitialModel(path, model.trainedModel());
    }
    throw new InvalidInputException(
        "the initial model " + path + " is trained on features, expected a sequence model");
  }

  /**
   * Refuses to go on training another model.
   *
   * @param spec of the training, with all sizes; the seed may differ
   * @param classes their names; empty if they have none
   */
  void require(ModelSpec spec, List<String> classes) {
    List<String> differences =
        JsonDifferences.between(withoutSeed(spec), withoutSeed(trained.spec()));
    if (!differences.isEmpty()) {
      throw new InvalidInputException(
          "the initial model %s is another model: %s"
              .formatted(path, String.join("; ", differences)));
    }
    if (!trained.classes().equals(classes)) {
      throw new InvalidInputException(
          "the initial model %s has the classes %s, the labels have %s"
              .formatted(path, trained.classes(), classes));
    }
  }

  /** With numbers as they are read back. */
  private static JsonNode withoutSeed(ModelSpec spec) {
    return ModelSpec.parse(spec.withSeed(0).toJson()).toJsonNode();
  }
}
