package org.sparkssm.ml;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.apache.commons.rng.UniformRandomProvider;
import org.apache.spark.SparkContext;
import org.apache.spark.ml.Pipeline;
import org.apache.spark.ml.PipelineModel;
import org.apache.spark.ml.PipelineStage;
import org.apache.spark.ml.evaluation.MulticlassClassificationEvaluator;
import org.apache.spark.ml.evaluation.RegressionEvaluator;
import org.apache.spark.ml.linalg.Vector;
import org.apache.spark.ml.param.ParamMap;
import org.apache.spark.ml.tuning.CrossValidator;
import org.apache.spark.ml.tuning.CrossValidatorModel;
import org.apache.spark.ml.tuning.ParamGridBuilder;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerJobStart;
import org.apache.spark.scheduler.SparkListenerTaskEnd;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.data.SeededRandom;
import org.sparkssm.testing.SharedSpark;
import org.sparkssm.train.EpochRecord;
import org.sparkssm.train.TrainingListener;
import scala.jdk.javaapi.CollectionConverters;

class SequenceEstimatorsIT {
  private static final StructType SCHEMA =
      new StructType()
          .add("id", DataTypes.LongType)
          .add("values", DataTypes.createArrayType(DataTypes.FloatType))
          .add("label", DataTypes.IntegerType)
          .add("slope", DataTypes.DoubleType)
          .add("name", DataTypes.StringType)
          .add("steps", DataTypes.createArrayType(DataTypes.IntegerType));

  private final Dataset<Row> walks = walks(96);

  @Test
  void aClassifierLearnsAndWorksWithMllibsEvaluator() {
    SequenceClassificationModel model = classifier().setEpochs(20).fit(walks);
    Dataset<Row> scored = model.transform(walks);
    double accuracy =
        new MulticlassClassificationEvaluator().setMetricName("accuracy").evaluate(scored);
    assertTrue(accuracy > 0.95, "accuracy " + accuracy);
    Row row = scored.orderBy("id").first();
    Vector probability = row.getAs("probability");
    assertEquals(1, Arrays.stream(probability.toArray()).sum(), 1e-12);
    assertEquals(probability.argmax(), (double) row.getAs("prediction"));
    assertEquals(scored.schema(), model.transformSchema(walks.schema()));
    assertEquals(20, model.summary().history().size());
  }

  @Test
  void aRegressorPredictsInUnitsOfTheLabel() {
    Dataset<Row> slopes =
        walks.withColumn("label", functions.col("slope").multiply(100).plus(5000));
    SequenceRegressionModel model =
        regressor().setEpochs(40).setValidationFraction(0.25).fit(slopes);
    double rmse = new RegressionEvaluator().evaluate(model.transform(slopes));
    assertTrue(rmse < 20, "rmse " + rmse + " of a deviation of about 60");
    EpochRecord last = model.summary().history().get(39);
    assertTrue(last.validation().get("rmse") < 30, last::toString);
    assertEquals(96, model.summary().rows() + model.summary().validationRows());
  }

  @Test
  void everyStepMayHaveAClass() {
    Dataset<Row> tokens =
        walks.select(
            functions.col("id"),
            functions.col("steps").as("values"),
            functions.col("steps").as("label"));
    SequenceClassificationModel model = classifier().setEpochs(10).setVocabulary(3).fit(tokens);
    Row row = model.transform(tokens).orderBy("id").first();
    List<Integer> expected = row.getList(1);
    List<Double> predicted = row.getList(3);
    assertEquals(expected.stream().map(Integer::doubleValue).toList(), predicted);
  }

  @Test
  void weightsAreTheSameBitsForAnyPartitionsAndMode() {
    SequenceClassifier classifier =
        classifier().setEpochs(2).setDropout(0.1).setValidationFraction(0.2).setWidth(5);
    String hash = classifier.setMode("barrier").fit(walks.repartition(1)).weightsSha256();
    assertEquals(hash, classifier.fit(walks.repartition(7)).weightsSha256());
    assertEquals(hash, classifier.fit(walks.orderBy(functions.col("id").desc())).weightsSha256());
    SequenceClassificationModel elastic = classifier.setMode("elastic").fit(walks.repartition(3));
    assertEquals(hash, elastic.weightsSha256());
    assertEquals(
        classifier.setMode("barrier").fit(walks).summary().history().get(1).validation(),
        elastic.summary().history().get(1).validation());
    assertFalse(hash.equals(classifier.setSeed(2).fit(walks).weightsSha256()));
  }

  @Test
  void sparksPagesShowWhatIsDoneAndHowFarItIs() throws Exception {
    for (String mode : List.of("barrier", "elastic")) {
      Pages pages = new Pages();
      SparkContext context = SharedSpark.session().sparkContext();
      context.addSparkListener(pages);
      try {
        classifier().setEpochs(3).setMode(mode).fit(walks);
        context.listenerBus().waitUntilEmpty();
      } finally {
        context.removeSparkListener(pages);
      }
      assertTrue(
          pages.descriptions.contains("training, mode " + mode), pages.descriptions::toString);
      assertEquals(3 * 96, pages.sequences, mode);
    }
  }

  /** What Spark's pages show of a training. */
  private static final class Pages extends SparkListener {
    private final Set<String> descriptions = new TreeSet<>();
    private long sequences;

    @Override
    public void onJobStart(SparkListenerJobStart job) {
      descriptions.add(job.properties().getProperty("spark.job.description"));
    }

    @Override
    public void onTaskEnd(SparkListenerTaskEnd task) {
      CollectionConverters.asJava(task.taskInfo().accumulables()).stream()
          .filter(counter -> counter.name().contains("sequences trained on"))
          .forEach(counter -> sequences += (Long) counter.update().get());
    }
  }

  @Test
  void doublesAndFloatsAreTheSameInput() {
    Dataset<Row> doubles =
        walks.withColumn("values", functions.col("values").cast("array<double>"));
    SequenceClassifier classifier = classifier().setEpochs(1).setChannels(2);
    SequenceClassificationModel model = classifier.fit(walks);
    assertEquals(model.weightsSha256(), classifier.fit(doubles).weightsSha256());
    assertEquals(predictions(model, walks), predictions(model, doubles));
  }

  @Test
  void rowsWithoutIdsAreIdentifiedByTheirContent() {
    Dataset<Row> twice = walks.union(walks).drop("id");
    SequenceClassifier classifier = classifier().setEpochs(1).setIdCol("");
    assertEquals(
        classifier.fit(twice).weightsSha256(),
        classifier.fit(twice.repartition(5)).weightsSha256());
  }

  @Test
  void classNamesComeBack(@TempDir Path folder) throws IOException {
    SequenceClassificationModel model = classifier().setEpochs(20).setLabelCol("name").fit(walks);
    assertEquals(List.of("down", "up"), model.trainedModel().classes());
    Dataset<Row> scored = model.transform(walks);
    assertTrue(scored.filter("name = predictedLabel").count() > 90);
    String path = folder.resolve("model").toString();
    model.save(path);
    assertEquals(
        predictions(model, walks), predictions(SequenceClassificationModel.load(path), walks));
  }

  @Test
  void pipelinesAreSavedAndLoadedWhole(@TempDir Path folder) throws IOException {
    Pipeline pipeline =
        new Pipeline().setStages(new PipelineStage[] {classifier().setEpochs(1).setWidth(3)});
    String untrained = folder.resolve("pipeline").toString();
    pipeline.save(untrained);
    PipelineModel model = Pipeline.load(untrained).fit(walks);
    String trained = folder.resolve("model").toString();
    model.save(trained);
    SequenceClassificationModel before = (SequenceClassificationModel) model.stages()[0];
    SequenceClassificationModel after =
        (SequenceClassificationModel) PipelineModel.load(trained).stages()[0];
    assertEquals(before.weightsSha256(), after.weightsSha256());
    assertEquals(before.summary(), after.summary());
    assertEquals(before.uid(), after.uid());
  }

  @Test
  void crossValidationChoosesAParam() {
    SequenceClassifier classifier = classifier().setEpochs(4);
    ParamMap[] grid =
        new ParamGridBuilder()
            .addGrid(classifier.learningRate(), new double[] {1e-7, 0.02})
            .build();
    CrossValidator validator =
        new CrossValidator()
            .setEstimator(classifier)
            .setEvaluator(new MulticlassClassificationEvaluator().setMetricName("accuracy"))
            .setEstimatorParamMaps(grid)
            .setSeed(6)
            .setNumFolds(2);
    CrossValidatorModel model = validator.fit(walks);
    assertTrue(model.avgMetrics()[1] > model.avgMetrics()[0]);
    CrossValidatorModel parallel = validator.setParallelism(2).fit(walks);
    assertArrayEquals(model.avgMetrics(), parallel.avgMetrics(), 0);
    assertEquals(weights(model), weights(parallel));
  }

  private static String weights(CrossValidatorModel model) {
    return ((SequenceClassificationModel) model.bestModel()).weightsSha256();
  }

  @Test
  void theListenerHearsTheCourse() {
    List<String> heard = Collections.synchronizedList(new ArrayList<>());
    classifier()
        .setEpochs(2)
        .setTrainingListener(
            new TrainingListener() {
              @Override
              public void begins(String description, long training, long validation) {
                heard.add(training + " rows");
              }

              @Override
              public void epochEnds(EpochRecord record) {
                heard.add("epoch " + record.epoch());
              }
            })
        .fit(walks);
    assertEquals(List.of("96 rows", "epoch 1", "epoch 2"), heard);
  }

  @Test
  void badInputIsOneSentence() {
    assertFault(
        "there is no column path, expected array<float> or array<double> (values) or array<int>"
            + " (tokens); the columns are id, values, label, slope, name, steps",
        classifier().setInputCol("path"),
        walks);
    assertFault(
        "column name is of type string, expected array<float> or array<double> (values) or"
            + " array<int> (tokens)",
        classifier().setInputCol("name"),
        walks);
    assertFault(
        "column values does not say how many channels it has; set channels",
        new SequenceClassifier(),
        walks);
    assertFault(
        "the sequence with id 1 has 3 values, expected a multiple of 2 channels",
        classifier(),
        walks.withColumn("values", functions.expr("array(1f, 2f, 3f)")).filter("id = 1"));
    assertFault(
        "the sequence with id 5 has label 2.0, expected a class from 0 to 1",
        classifier().setNumClasses(2),
        walks.withColumn("label", functions.when(functions.col("id").equalTo(5), 2).otherwise(1)));
    assertFault(
        "the sequence with id 7 has the value NaN at step 0, channel 1, expected a finite number",
        classifier(),
        walks.withColumn(
            "values",
            functions
                .when(functions.col("id").equalTo(7), functions.expr("array(0f, float('nan'))"))
                .otherwise(functions.col("values"))));
    assertFault(
        "the id 3 occurs more than once, expected each id once",
        classifier(),
        walks.union(walks.filter("id = 3")));
    assertFault(
        "the data set is empty, expected rows to train on",
        classifier().setNumClasses(2),
        walks.filter("id < 0"));
    assertFault(
        "option 'kind' of the layer of each block is \"s6\", expected one of"
            + " attention, bidirectional, delta-net, gateloop, gla, linear-cde, lstm, mamba, rnn,"
            + " s4d, s5",
        classifier().setLayer("s6"),
        walks);
    assertFault(
        "column slope exists already, expected a free name for the output",
        classifier().setPredictionCol("slope"),
        walks);
  }

  @Test
  void damagedModelFoldersAreRefused(@TempDir Path folder) throws IOException {
    Path model = folder.resolve("model");
    classifier().setEpochs(1).fit(walks).save(model.toString());
    assertRefused(folder + "/none is no model: it has no model.json", folder + "/none");
    Path description = model.resolve("model.json");
    String text = Files.readString(description);
    Files.delete(model.resolve(".model.json.crc"));
    Files.writeString(description, text.replace("\"formatVersion\" : 1", "\"formatVersion\" : 9"));
    InvalidInputException e =
        assertThrows(
            InvalidInputException.class, () -> SequenceClassificationModel.load(model.toString()));
    assertTrue(e.getMessage().startsWith(model + "/model.json has format version 9,"));
    Files.writeString(description, text);
    Files.delete(model.resolve("weights.safetensors"));
    assertRefused(model + " is no model: it has no weights.safetensors", model.toString());
  }

  private static void assertRefused(String sentence, String path) {
    assertEquals(
        sentence,
        assertThrows(InvalidInputException.class, () -> SequenceClassificationModel.load(path))
            .getMessage());
  }

  private static void assertFault(
      String sentence, SequenceClassifier classifier, Dataset<Row> rows) {
    assertEquals(
        sentence,
        assertThrows(InvalidInputException.class, () -> classifier.fit(rows)).getMessage());
  }

  private static List<Double> predictions(SequenceClassificationModel model, Dataset<Row> rows) {
    return model.transform(rows).orderBy("id").select("prediction").collectAsList().stream()
        .map(row -> row.getDouble(0))
        .toList();
  }

  private static SequenceClassifier classifier() {
    return new SequenceClassifier()
        .setChannels(2)
        .setBlocks(1)
        .setWidth(8)
        .setStateSize(2)
        .setBatchSize(16)
        .setLearningRate(0.01)
        .setSeed(1);
  }

  private static SequenceRegressor regressor() {
    return new SequenceRegressor()
        .setChannels(2)
        .setBlocks(1)
        .setWidth(8)
        .setLayer("linear-cde")
        .setLayerOptions("{\"state\": 8, \"controls\": 2}")
        .setBatchSize(16)
        .setLearningRate(0.01)
        .setSeed(1);
  }

  /** Ragged random walks with a drift; the class is whether the first channel goes up. */
  private static Dataset<Row> walks(int count) {
    List<Row> rows = new ArrayList<>();
    for (long id = 0; id < count; id++) {
      UniformRandomProvider random = SeededRandom.create(4, id);
      double slope = 2 * random.nextDouble() - 1;
      int length = 4 + random.nextInt(6);
      List<Float> values = new ArrayList<>();
      List<Integer> steps = new ArrayList<>();
      for (int l = 0; l < length; l++) {
        values.add((float) (slope * l + 0.1 * random.nextDouble()));
        values.add(random.nextFloat());
        steps.add(random.nextInt(3));
      }
      int label = slope > 0 ? 1 : 0;
      rows.add(
          RowFactory.create(
              id, values.toArray(), label, slope, label == 1 ? "up" : "down", steps.toArray()));
    }
    return SharedSpark.session().createDataFrame(rows, SCHEMA).repartition(3).cache();
  }
}
