package org.sparkssm.ml;

import static org.apache.spark.sql.functions.expr;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.testing.SharedSpark;

/** Trainings that start from the weights of a trained model. */
class InitialModelIT {
  @TempDir static Path folder;

  private static Dataset<Row> rows;
  private static SequenceRegressionModel first;
  private static String saved;

  @BeforeAll
  static void trained() throws Exception {
    rows =
        SharedSpark.session()
            .range(80)
            .selectExpr(
                "id",
                "transform(sequence(0, 2 * (4 + id % 5) - 1), k -> float(sin(k + id))) as values",
                "cos(id) as label",
                "int(id % 2) as class")
            .cache();
    first = described().fit(rows);
    saved = folder.resolve("first").toString();
    first.save(saved);
  }

  /** A rate this small leaves every weight as it is. */
  @Test
  void trainingBeginsWithTheSavedWeightsAndScaling() {
    Dataset<Row> others = rows.withColumn("values", expr("transform(values, x -> 9 * x + 5)"));
    SequenceRegressionModel still = fromSaved().setLearningRate(1e-30).fit(others);
    assertEquals(first.weightsSha256(), still.weightsSha256());
    assertEquals(first.trainedModel().spec().withSeed(4), still.trainedModel().spec());
    assertArrayEquals(
        first.trainedModel().scaling().mean(), still.trainedModel().scaling().mean(), 0);
  }

  @Test
  void itGoesOnLearning() {
    double before = first.summary().history().get(2).trainingLoss();
    double after = fromSaved().setEpochs(10).fit(rows).summary().history().get(9).trainingLoss();
    assertTrue(after < before, after + " after " + before);
  }

  @Test
  void theBitsAreThoseOfAnyPartitionsAndMode() {
    String hash = fromSaved().fit(rows.repartition(1)).weightsSha256();
    assertNotEquals(first.weightsSha256(), hash);
    assertEquals(hash, fromSaved().fit(rows.repartition(5)).weightsSha256());
    assertEquals(hash, fromSaved().setMode("elastic").fit(rows).weightsSha256());
    SequenceRegressor described = described().setInitialModel(saved).setSeed(4).setEpochs(2);
    assertEquals(hash, described.fit(rows).weightsSha256());
  }

  @Test
  void aCheckpointBelongsToItsInitialWeights() throws Exception {
    String checkpoints = folder.resolve("checkpoints").toString();
    SequenceRegressor regressor = fromSaved().setCheckpointDir(checkpoints).setResume(true);
    String hash = regressor.fit(rows).weightsSha256();
    assertEquals(hash, regressor.fit(rows).weightsSha256());
    String other = folder.resolve("second").toString();
    fromSaved().fit(rows).save(other);
    String message =
        assertThrows(InvalidInputException.class, () -> regressor.setInitialModel(other).fit(rows))
            .getMessage();
    assertTrue(message.contains("initialParameters is \""), message);
  }

  @Test
  void anotherModelIsRefused() throws Exception {
    refused(
        "the initial model " + saved + " is another model: width is 5, was 4",
        described().setWidth(5).setInitialModel(saved));
    refused("the model expects 2 channels, column values has 4", fromSaved().setChannels(4));
    refused(
        folder + "/none is no model: it has no model.json",
        fromSaved().setInitialModel(folder + "/none"));
    assertEquals(
        "the initial model " + saved + " has head regression, the labels ask for classification",
        assertThrows(
                InvalidInputException.class,
                () ->
                    new SequenceClassifier()
                        .setChannels(2)
                        .setLabelCol("class")
                        .setInitialModel(saved)
                        .fit(rows))
            .getMessage());
  }

  private static void refused(String sentence, SequenceRegressor regressor) {
    assertEquals(
        sentence,
        assertThrows(InvalidInputException.class, () -> regressor.fit(rows)).getMessage());
  }

  private static SequenceRegressor described() {
    return new SequenceRegressor()
        .setChannels(2)
        .setWidth(4)
        .setBlocks(1)
        .setStateSize(2)
        .setEpochs(3)
        .setSeed(3);
  }

  /** With nothing said about the model. */
  private static SequenceRegressor fromSaved() {
    return new SequenceRegressor().setChannels(2).setEpochs(2).setSeed(4).setInitialModel(saved);
  }
}
