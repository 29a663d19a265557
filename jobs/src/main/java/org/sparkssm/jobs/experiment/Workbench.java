package org.sparkssm.jobs.experiment;

import static org.apache.spark.ml.functions.vector_to_array;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import org.apache.hadoop.fs.Path;
import org.apache.spark.ml.Transformer;
import org.apache.spark.ml.evaluation.MulticlassClassificationEvaluator;
import org.apache.spark.ml.evaluation.RegressionEvaluator;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.functions;
import org.apache.spark.storage.StorageLevel;
import org.sparkssm.data.DataSetManifest;
import org.sparkssm.data.Generators;
import org.sparkssm.data.LabelDescription;
import org.sparkssm.data.LengthRange;
import org.sparkssm.jobs.Splits;
import org.sparkssm.ml.LinearReadout;
import org.sparkssm.ml.LinearReadoutModel;
import org.sparkssm.ml.SequenceClassifier;
import org.sparkssm.ml.SequenceEstimator;
import org.sparkssm.ml.SequenceModelTransformer;
import org.sparkssm.ml.SequenceRegressor;
import org.sparkssm.spark.HadoopFiles;
import org.sparkssm.spark.ImportOptions;
import org.sparkssm.spark.SequenceDataSet;
import org.sparkssm.spark.SequenceGeneration;
import org.sparkssm.spark.SequenceImport;
import org.sparkssm.spark.SequenceStore;
import org.sparkssm.train.EpochRecord;
import org.sparkssm.train.TrainedModel;
import org.sparkssm.train.TrainingListener;

/** What cells work with: a session, generated data sets, and training. */
final class Workbench {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int SHARDS = 8;

  private final SparkSession spark;
  private final Path folder;
  private final Consumer<String> tell;

  /**
   * @param folder where generated data sets are kept
   * @param tell where the course of things is told
   */
  Workbench(SparkSession spark, Path folder, Consumer<String> tell) {
    this.spark = spark;
    this.folder = folder;
    this.tell = tell;
  }

  SparkSession spark() {
    return spark;
  }

  /**
   * How a model is trained; the same for all models of a comparison.
   *
   * @param microShards parts of a batch; a batch of few sequences is faster in few parts, but no
   *     more cores than parts take part
   */
  record Recipe(
      int epochs,
      int batch,
      double learningRate,
      double validationFraction,
      int microShards,
      double warmup,
      long seed) {
    /**
     * Share of the steps over which the learning rate rises, where nothing else was found better.
     */
    static final double WARMUP = 0.05;

    /** With the library's usual micro-shards and warm-up. */
    Recipe(int epochs, int batch, double learningRate, double validationFraction, long seed) {
      this(epochs, batch, learningRate, validationFraction, 8, WARMUP, seed);
    }
  }

  /** A generated data set, made when it is first asked for. */
  SequenceDataSet data(String task, long count, int length, List<Integer> word, long seed) {
    return data(task, count, length, word, 0, seed);
  }

  /**
   * The same with more channels than the word has letters.
   *
   * @param channels for the task word; 0: the largest letter
   */
  SequenceDataSet data(
      String task, long count, int length, List<Integer> word, int channels, long seed) {
    String letters = word.stream().map(String::valueOf).reduce("", String::concat);
    String name =
        "%s%s%s-%d-%d-%d"
            .formatted(task, letters, channels == 0 ? "" : "of" + channels, count, length, seed);
    String path = new Path(folder, name).toString();
    if (isMissing(path)) {
      tell.accept("generating " + name);
      SequenceGeneration.generate(
          spark,
          Generators.create(
              task,
              new Generators.Parameters(
                  new LengthRange(length, length), seed, word, channels, 16, 4)),
          count,
          SHARDS,
          Optional.empty(),
          path,
          false);
    }
    return SequenceStore.read(spark, path);
  }

  /** A folder of {@code .ts} files as a data set, imported when it is first asked for. */
  SequenceDataSet imported(String name, String source) {
    String path = new Path(folder, name).toString();
    if (isMissing(path)) {
      tell.accept("importing " + source);
      SequenceImport.run(
          spark, new ImportOptions(ImportOptions.Format.TS, List.of(source)), path, false);
    }
    return SequenceStore.read(spark, path);
  }

  private boolean isMissing(String dataSet) {
    Path manifest = new Path(dataSet, DataSetManifest.FILE_NAME);
    return HadoopFiles.readText(manifest, spark.sparkContext().hadoopConfiguration()).isEmpty();
  }

  /**
   * Fits a linear readout to features of paths.
   *
   * @param features adds the column {@code features} and keeps {@code id} and {@code label}
   * @return {@code rmse} on the validation split, {@code trainingRmse}, {@code labelDeviation},
   *     {@code features} and {@code rank}
   */
  ObjectNode readOut(
      SequenceDataSet data,
      UnaryOperator<Dataset<Row>> features,
      double validationFraction,
      long seed) {
    Splits splits = new Splits(validationFraction, seed, null);
    Dataset<Row> rows =
        features
            .apply(data.rows())
            .select("id", "features", "label")
            .persist(StorageLevel.MEMORY_AND_DISK());
    try {
      LinearReadoutModel model = new LinearReadout().fit(splits.rows(rows, "train"));
      ObjectNode values = JSON.createObjectNode();
      Dataset<Row> held = splits.rows(rows, "validation");
      values.put("rmse", rmse(model.transform(held)));
      values.put("trainingRmse", rmse(model.transform(splits.rows(rows, "train"))));
      values.put("labelDeviation", labelDeviation(held));
      values.put("features", model.numFeatures());
      values.put("rank", model.summary().rank());
      return values;
    } finally {
      rows.unpersist();
    }
  }

  /**
   * How much of each target's variance a linear readout of features explains.
   *
   * @param features adds the column {@code features}
   * @param targets adds the vector column {@code targetCol}
   * @return R2 on the validation split, one a target
   */
  double[] determination(
      SequenceDataSet data,
      Transformer features,
      Transformer targets,
      String targetCol,
      double validationFraction) {
    Splits splits = new Splits(validationFraction, 0, null);
    Dataset<Row> rows =
        targets
            .transform(features.transform(data.rows()))
            .select("id", "features", targetCol)
            .persist(StorageLevel.MEMORY_AND_DISK());
    try {
      LinearReadoutModel model =
          new LinearReadout().setLabelCol(targetCol).fit(splits.rows(rows, "train"));
      Dataset<Row> predicted =
          model
              .transform(splits.rows(rows, "validation"))
              .select(
                  vector_to_array(functions.col(targetCol), "float64").as("y"),
                  vector_to_array(functions.col("prediction"), "float64").as("p"));
      List<Column> sums = new ArrayList<>();
      for (int k = 0; k < model.numOutputs(); k++) {
        Column y = functions.get(functions.col("y"), functions.lit(k));
        Column p = functions.get(functions.col("p"), functions.lit(k));
        sums.add(functions.avg(functions.pow(y.minus(p), 2)));
        sums.add(functions.var_pop(y));
      }
      Row found =
          predicted.agg(sums.get(0), sums.subList(1, sums.size()).toArray(Column[]::new)).first();
      double[] determination = new double[model.numOutputs()];
      for (int k = 0; k < determination.length; k++) {
        // a word of time alone is the same for all paths: nothing is left to explain
        double variance = found.getDouble(2 * k + 1);
        determination[k] = variance < 1e-12 ? 1 : 1 - found.getDouble(2 * k) / variance;
      }
      return determination;
    } finally {
      rows.unpersist();
    }
  }

  /** Root mean squared error of the column {@code prediction}. */
  static double rmse(Dataset<Row> predicted) {
    return new RegressionEvaluator().setMetricName("rmse").evaluate(predicted);
  }

  /** Deviation of the labels of the validation rows: the error of predicting their mean. */
  double labelDeviation(SequenceDataSet data, double validationFraction, long seed) {
    return labelDeviation(
        new Splits(validationFraction, seed, null).rows(data.rows(), "validation"));
  }

  /** Deviation of the column {@code label}. */
  static double labelDeviation(Dataset<Row> rows) {
    return rows.select(functions.stddev_pop("label")).first().getDouble(0);
  }

  /**
   * Trains a model and tells how it went.
   *
   * @param modelSpec the model as JSON
   * @return {@code epochs}, {@code seconds}, {@code trainingLoss} and the validation metrics by
   *     epoch as arrays, the last validation metrics as numbers, {@code parameters}, {@code
   *     sequencesPerSecond} and {@code weightsSha256}
   */
  ObjectNode train(SequenceDataSet data, ObjectNode modelSpec, Recipe recipe) {
    return train(data, data.rows(), modelSpec, recipe);
  }

  /**
   * Trains a model on rows that were put together from data sets.
   *
   * @param like a data set with the channels or tokens and the kind of labels of the rows
   * @param rows where they have a boolean column {@code held}, it tells the rows for validation,
   *     not the recipe
   * @return as {@link #train(SequenceDataSet, ObjectNode, Recipe)}
   */
  ObjectNode train(SequenceDataSet like, Dataset<Row> rows, ObjectNode modelSpec, Recipe recipe) {
    LabelDescription label = like.manifest().label();
    SequenceEstimator<?, ?> estimator =
        label.kind() == LabelDescription.Kind.CLASS
            ? new SequenceClassifier().setNumClasses(label.classCount())
            : new SequenceRegressor();
    prepare(estimator, like, modelSpec, recipe);
    if (List.of(rows.columns()).contains("held")) {
      estimator.setValidationFraction(0).setValidationIndicatorCol("held");
    }
    return course(estimator.fit(rows));
  }

  /**
   * Trains a classifier on the rows that the source gave for training, and tests it on the others.
   *
   * @return as {@link #train}, without validation, and {@code accuracy} on the test split
   */
  ObjectNode classify(SequenceDataSet data, ObjectNode modelSpec, Recipe recipe) {
    SequenceClassifier classifier =
        new SequenceClassifier().setNumClasses(data.manifest().label().classCount());
    prepare(classifier, data, modelSpec, recipe);
    SequenceModelTransformer<?> model = classifier.fit(data.rows().filter("split = 'train'"));
    ObjectNode values = course(model);
    values.put(
        "accuracy",
        new MulticlassClassificationEvaluator()
            .setMetricName("accuracy")
            .evaluate(model.transform(data.rows().filter("split = 'test'"))));
    return values;
  }

  private void prepare(
      SequenceEstimator<?, ?> estimator, SequenceDataSet data, ObjectNode spec, Recipe recipe) {
    if (data.manifest().channels().isEmpty()) {
      estimator.setInputCol("tokens");
      estimator.setVocabulary(data.manifest().vocabulary());
    } else {
      estimator.setChannels(data.manifest().channels().size());
    }
    estimator.setIdCol("id");
    estimator.setLabelCol(data.manifest().label().perStep() ? "labels" : "label");
    estimator.setModelSpec(spec.toString());
    estimator.setEpochs(recipe.epochs());
    estimator.setBatchSize(recipe.batch());
    estimator.setLearningRate(recipe.learningRate());
    estimator.setWeightDecay(0);
    estimator.setValidationFraction(recipe.validationFraction());
    estimator.setMicroShards(recipe.microShards());
    estimator.setWarmupFraction(recipe.warmup());
    estimator.setSeed(recipe.seed());
    estimator.setTrainingListener(
        new TrainingListener() {
          @Override
          public void epochEnds(EpochRecord epoch) {
            tell.accept(
                "  epoch %d of %d: training loss %.5g, validation %s, %.0f s"
                    .formatted(
                        epoch.epoch(),
                        recipe.epochs(),
                        epoch.trainingLoss(),
                        epoch.validation(),
                        epoch.seconds()));
          }
        });
  }

  private static ObjectNode course(SequenceModelTransformer<?> model) {
    TrainedModel.Training training = model.summary();
    List<EpochRecord> history = training.history();
    ObjectNode values = JSON.createObjectNode();
    EpochRecord last = history.get(history.size() - 1);
    last.validation().forEach(values::put);
    values.put("parameters", model.trainedModel().parameters().length);
    values.put("sequencesPerSecond", training.sequencesPerSecond());
    values.put("weightsSha256", model.weightsSha256());
    for (EpochRecord record : history) {
      values.withArrayProperty("epochs").add(record.epoch());
      values.withArrayProperty("secondsAfter").add(record.seconds());
      values.withArrayProperty("trainingLoss").add(record.trainingLoss());
      record
          .validation()
          .forEach((name, value) -> values.withArrayProperty(name + "History").add(value));
    }
    return values;
  }
}
