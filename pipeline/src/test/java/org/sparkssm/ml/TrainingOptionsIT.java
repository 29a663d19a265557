package org.sparkssm.ml;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.when;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Map;
import org.apache.spark.SparkConf;
import org.apache.spark.SparkEnv;
import org.apache.spark.ml.evaluation.MulticlassClassificationEvaluator;
import org.apache.spark.ml.evaluation.RegressionEvaluator;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.junit.jupiter.api.Test;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.spark.MicroShards;
import org.sparkssm.testing.SharedSpark;
import org.sparkssm.train.EpochRecord;

/** What decides how rows are trained on, beside the model. */
class TrainingOptionsIT {
  private final Dataset<Row> rows =
      SharedSpark.session()
          .range(120)
          .selectExpr(
              "id",
              "transform(sequence(0, 2 * (4 + id % 5) - 1), k -> float(sin(k + id))) as values",
              "cos(id) as label",
              "int(sin(id) > 0.5) as class",
              "id % 4 = 0 as held",
              "1 + id % 3 as weight")
          .cache();

  @Test
  void rowsCountByTheirWeight() {
    SequenceClassifier classifier = classifier().setStandardization(false).setBatchSize(200);
    Dataset<Row> part = rows.filter("id < 30");
    double equal = loss(classifier.fit(part));
    classifier.setWeightCol("weight");
    assertEquals(equal, loss(classifier.fit(part.withColumn("weight", lit(2)))), 1e-6);
    Dataset<Row> rest = rows.withColumn("weight", when(col("id").lt(30), 1).otherwise(0));
    assertEquals(equal, loss(classifier.fit(rest)), 1e-5);
  }

  @Test
  void marksOfRowsDecideWhatValidates() {
    SequenceRegressionModel model = regressor().setValidationIndicatorCol("held").fit(rows);
    assertEquals(90, model.summary().rows());
    assertEquals(30, model.summary().validationRows());
    assertMllibsMetrics(model, new RegressionEvaluator(), "rmse", "mae", "r2");
  }

  /** Without r2: MLlib's takes the variance of weighted labels for that of a sample. */
  @Test
  void weightedValidationMetricsAreThoseOfMllib() {
    assertMllibsMetrics(
        regressor().setValidationIndicatorCol("held").setWeightCol("weight").fit(rows),
        new RegressionEvaluator().setWeightCol("weight"),
        "rmse",
        "mae");
  }

  private void assertMllibsMetrics(
      SequenceRegressionModel model, RegressionEvaluator evaluator, String... metrics) {
    Dataset<Row> held =
        model.transform(rows.filter("held")).withColumn("weight", col("weight").cast("double"));
    Map<String, Double> validation = model.summary().history().get(1).validation();
    for (String metric : metrics) {
      double expected = evaluator.setMetricName(metric).evaluate(held);
      assertEquals(expected, validation.get(metric), 1e-5, metric);
    }
  }

  @Test
  void validationMetricsOfClassesAreThoseOfMllib() {
    SequenceClassificationModel model =
        classifier().setValidationIndicatorCol("held").setClassWeights(1, 3).fit(rows);
    Dataset<Row> held = model.transform(rows.filter("held"));
    Map<String, Double> validation = model.summary().history().get(1).validation();
    for (String metric : List.of("accuracy", "logLoss")) {
      double expected =
          new MulticlassClassificationEvaluator()
              .setLabelCol("class")
              .setMetricName(metric)
              .evaluate(held);
      assertEquals(expected, validation.get(metric), 1e-5, metric);
    }
  }

  @Test
  void aClassThatWeighsMoreIsPredictedMoreOften() {
    Dataset<Row> even = classifier().setClassWeights(1, 1).setEpochs(6).fit(rows).transform(rows);
    Dataset<Row> heavy = classifier().setClassWeights(1, 50).setEpochs(6).fit(rows).transform(rows);
    assertTrue(heavy.filter("prediction = 1").count() > even.filter("prediction = 1").count());
  }

  @Test
  void sequencesInFilesGiveTheBitsOfSequencesInMemory() {
    SequenceRegressor regressor = regressor().setValidationFraction(0.2).setWeightCol("weight");
    String inMemory = regressor.fit(rows).weightsSha256();
    SparkConf configuration = SparkEnv.get().conf();
    configuration.set(MicroShards.MEMORY, "0");
    try {
      assertEquals(inMemory, regressor.fit(rows).weightsSha256());
      assertEquals(inMemory, regressor.setMode("elastic").fit(rows).weightsSha256());
    } finally {
      configuration.remove(MicroShards.MEMORY);
    }
  }

  @Test
  void optimizersAndSchedulesAreParams() {
    String adamW = regressor().fit(rows).weightsSha256();
    assertNotEquals(adamW, regressor().setOptimizer("sgd").fit(rows).weightsSha256());
    assertNotEquals(adamW, regressor().setSchedule("step").fit(rows).weightsSha256());
    assertEquals(adamW, regressor().setMicroBatch(0).setPatience(0).fit(rows).weightsSha256());
  }

  @Test
  void whatDoesNotGoTogetherIsRefused() {
    refused(
        "keepBest and patience need validation rows; set validationFraction or"
            + " validationIndicatorCol",
        regressor().setPatience(3));
    refused(
        "validationFraction and validationIndicatorCol are set, expected one of them",
        regressor().setValidationFraction(0.1).setValidationIndicatorCol("held"));
    refused("column held is of type boolean, expected a number", regressor().setWeightCol("held"));
    refused(
        "column weight is of type bigint, expected boolean",
        regressor().setValidationIndicatorCol("weight"));
    refused(
        "readout is every-step, column label has one label a sequence",
        regressor().setReadout("every-step"));
    refused(
        "the sequence with id 0 has weight -1.0 in column weight, expected a finite number of at"
            + " least 0",
        regressor().setWeightCol("weight"),
        rows.filter("id = 0").withColumn("weight", lit(-1)));
    assertThrows(IllegalArgumentException.class, () -> regressor().setOptimizer("lion"));
  }

  private void refused(String sentence, SequenceRegressor regressor) {
    refused(sentence, regressor, rows);
  }

  private static void refused(String sentence, SequenceRegressor regressor, Dataset<Row> data) {
    assertEquals(
        sentence,
        assertThrows(InvalidInputException.class, () -> regressor.fit(data)).getMessage());
  }

  private static double loss(SequenceModelTransformer<?> model) {
    List<EpochRecord> history = model.summary().history();
    return history.get(history.size() - 1).trainingLoss();
  }

  private static SequenceRegressor regressor() {
    return new SequenceRegressor()
        .setChannels(2)
        .setWidth(4)
        .setBlocks(1)
        .setStateSize(2)
        .setEpochs(2)
        .setSeed(3);
  }

  private static SequenceClassifier classifier() {
    return new SequenceClassifier()
        .setLabelCol("class")
        .setChannels(2)
        .setWidth(4)
        .setBlocks(1)
        .setStateSize(2)
        .setEpochs(2)
        .setSeed(3);
  }
}
