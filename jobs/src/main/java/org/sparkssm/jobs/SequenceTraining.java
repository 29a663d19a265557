package org.sparkssm.jobs;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.sparkssm.data.DataSetManifest;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.data.LabelDescription;
import org.sparkssm.data.SequenceSchema;
import org.sparkssm.ml.SequenceClassifier;
import org.sparkssm.ml.SequenceEstimator;
import org.sparkssm.ml.SequenceModelTransformer;
import org.sparkssm.ml.SequenceRegressor;
import org.sparkssm.train.EpochRecord;
import org.sparkssm.train.TrainedModel;
import org.sparkssm.train.TrainingListener;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code train} with a sequence model: its options, and the MLlib Estimator behind it. */
final class SequenceTraining {
  private static final ObjectMapper JSON = new ObjectMapper();

  @Mixin private SequenceModelOptions model;
  @Mixin private LearningOptions learning;

  @Option(
      names = "--mode",
      paramLabel = "MODE",
      description =
          "How workers run: barrier (one job for the whole training), elastic (a job per step,"
              + " executors may come and go), or auto (default).")
  private String mode;

  @Option(
      names = "--checkpoint",
      paramLabel = "DIR",
      description = "Keep the state of the training here, to go on after an interruption.")
  private String checkpoint;

  @Option(
      names = "--resume",
      description = "Go on with the training that is kept in --checkpoint, if there is one.")
  private boolean resume;

  @Option(
      names = "--initial-model",
      paramLabel = "MODEL",
      description =
          "Start from the weights of this trained sequence model; --model and its options may be"
              + " left out, or describe the same model.")
  private String initialModel;

  @Option(
      names = "--device",
      paramLabel = "DEVICE",
      description = "auto (default), cpu, gpu or reference.")
  private String device;

  @Option(
      names = "--max-time",
      paramLabel = "TIME",
      description = "Stop after the epoch in which this time runs out, as in 90s, 30m or 2h.")
  private String maxTime;

  /** Names of the options that were given, for models that have none of them. */
  Optional<String> anyGiven() {
    Map<String, Object> given = new LinkedHashMap<>(model.given());
    given.putAll(learning.given());
    given.put("--mode", mode);
    given.put("--checkpoint", checkpoint);
    given.put("--resume", resume ? true : null);
    given.put("--initial-model", initialModel);
    given.put("--device", device);
    given.put("--max-time", maxTime);
    return given.keySet().stream().filter(name -> given.get(name) != null).findFirst();
  }

  /** Null: weights are drawn. */
  String initialModel() {
    return initialModel;
  }

  /**
   * Trains on sequences.
   *
   * @param rows that train or validate
   * @param layer nullable: kind of the layers; with an initial model, its layers
   * @param spec nullable: the whole model as JSON, in place of {@code layer} and its options
   * @param splits what is held back
   * @param microShards nullable
   * @param listener hears the course of the training
   */
  Training fit(
      Dataset<Row> rows,
      DataSetManifest source,
      String layer,
      String spec,
      Splits splits,
      Integer microShards,
      TrainingListener listener) {
    LabelDescription label = source.label();
    try {
      if (label.kind() == LabelDescription.Kind.CLASS) {
        SequenceClassifier classifier =
            new SequenceClassifier("sequence-model").setNumClasses(label.classCount());
        set(classifier, source, layer, spec, splits, microShards, listener);
        return training(classifier, classifier.fit(rows));
      }
      SequenceRegressor regressor = new SequenceRegressor("sequence-model");
      set(regressor, source, layer, spec, splits, microShards, listener);
      return training(regressor, regressor.fit(rows));
    } catch (InvalidInputException e) {
      throw e;
    } catch (IllegalArgumentException e) {
      throw new InvalidInputException(
          String.valueOf(e.getMessage()).replaceFirst("^sequence-model parameter ", "the option "),
          e);
    }
  }

  private void set(
      SequenceEstimator<?, ?> estimator,
      DataSetManifest source,
      String layer,
      String spec,
      Splits splits,
      Integer microShards,
      TrainingListener listener) {
    estimator.setLabelCol(labelColumn(source.label()));
    if (source.channels().isEmpty()) {
      estimator.setInputCol(SequenceSchema.TOKENS);
      estimator.setVocabulary(source.vocabulary());
    } else {
      estimator.setChannels(source.channels().size());
    }
    if (model.timeChannel() && source.time() != null) {
      estimator.setTimesCol(SequenceSchema.TIMES);
    }
    model.set(estimator);
    learning.set(estimator);
    Optional.ofNullable(layer).ifPresent(estimator::setLayer);
    Optional.ofNullable(spec).ifPresent(estimator::setModelSpec);
    Optional.ofNullable(mode).ifPresent(estimator::setMode);
    Optional.ofNullable(checkpoint).ifPresent(estimator::setCheckpointDir);
    estimator.setResume(resume);
    Optional.ofNullable(initialModel).ifPresent(estimator::setInitialModel);
    Optional.ofNullable(device).ifPresent(estimator::setDevice);
    Optional.ofNullable(microShards).ifPresent(estimator::setMicroShards);
    Optional.ofNullable(maxTime).map(SequenceTraining::seconds).ifPresent(estimator::setMaxSeconds);
    estimator.setSeed(splits.seed());
    if (splits.validationColumn() == null) {
      estimator.setValidationFraction(splits.validationFraction());
    } else {
      estimator.setValidationIndicatorCol(splits.validationColumn());
    }
    estimator.setTrainingListener(listener);
  }

  /** The column that is learnt: one label a step where there are some. */
  static String labelColumn(LabelDescription label) {
    return label.perStep() ? SequenceSchema.LABELS : SequenceSchema.LABEL;
  }

  private static double seconds(String time) {
    String number = time.strip().replaceFirst("[smh]$", "");
    double unit = time.strip().endsWith("h") ? 3600 : time.strip().endsWith("m") ? 60 : 1;
    try {
      return Double.parseDouble(number) * unit;
    } catch (NumberFormatException e) {
      throw new InvalidInputException(
          "--max-time is '" + time + "', expected a time as in 90s, 30m or 2h", e);
    }
  }

  private static Training training(
      SequenceEstimator<?, ?> estimator, SequenceModelTransformer<?> model) {
    TrainedModel.Training summary = model.summary();
    Map<String, Object> options = new LinkedHashMap<>();
    Arrays.stream(estimator.params()).forEach(param -> putValue(options, estimator, param));
    Map<String, Object> results = new LinkedHashMap<>();
    results.put("rows", summary.rows());
    results.put("validationRows", summary.validationRows());
    results.put("parameters", model.trainedModel().parameters().length);
    results.put("epoch", summary.epoch());
    results.put("device", summary.device());
    addLast(results, summary.history());
    results.put("trainingSeconds", summary.seconds());
    results.put("sequencesPerSecond", summary.sequencesPerSecond());
    List<Map<String, Object>> history =
        JSON.convertValue(summary.history(), new TypeReference<>() {});
    return new Training(List.of(model), options, results, history, model.weightsSha256());
  }

  private static void putValue(
      Map<String, Object> options,
      SequenceEstimator<?, ?> estimator,
      org.apache.spark.ml.param.Param<?> param) {
    if (estimator.isDefined(param)) {
      options.put(param.name(), estimator.getOrDefault(param));
    }
  }

  private static void addLast(Map<String, Object> results, List<EpochRecord> history) {
    if (history.isEmpty()) {
      return;
    }
    EpochRecord last = history.get(history.size() - 1);
    results.put("trainingLoss", last.trainingLoss());
    last.validation()
        .forEach((name, value) -> results.put(TrainCommand.validationName(name), value));
  }
}
