package org.sparkssm.jobs;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.ml.Transformer;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.sparkssm.data.DataSetManifest;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.data.LabelDescription;
import org.sparkssm.data.LibraryVersion;
import org.sparkssm.data.SequenceSchema;
import org.sparkssm.model.ModelSpec;
import org.sparkssm.spark.FeatureDataSet;
import org.sparkssm.spark.FeatureStore;
import org.sparkssm.spark.HadoopFiles;
import org.sparkssm.spark.ModelManifest;
import org.sparkssm.spark.ModelStore;
import org.sparkssm.spark.SequenceDataSet;
import org.sparkssm.spark.SequenceStore;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Trains a model. */
@Command(
    name = "train",
    description = {
      "Trains a model and writes it with everything that scoring raw sequences needs.",
      "linear-readout and logistic-regression are trained on features, the other models on"
          + " sequences. Rows that the data set marks as test are never trained on."
    })
final class TrainCommand extends SparkCommand {
  private static final String LINEAR_READOUT = "linear-readout";
  private static final String LOGISTIC_REGRESSION = "logistic-regression";

  @Option(
      names = "--input",
      required = true,
      paramLabel = "DIR",
      description = "Feature or sequence data set.")
  private String input;

  @Option(
      names = "--output",
      required = true,
      paramLabel = "MODEL",
      description = "Where to write.")
  private String output;

  @Option(
      names = "--model",
      paramLabel = "KIND",
      description =
          "linear-readout or logistic-regression (on features); attention, delta-net, gateloop, gla,"
              + " linear-cde, lstm, mamba, rnn, s4d or s5 (on sequences; pipeline/MODELS.md).")
  private String model;

  @Option(
      names = "--spec",
      paramLabel = "FILE",
      description = "The whole sequence model as JSON, in place of --model and its options.")
  private String specFile;

  @Option(names = "--seed", paramLabel = "S", defaultValue = "0", description = "Seed.")
  private long seed;

  @Option(
      names = "--validation-fraction",
      paramLabel = "F",
      description =
          "Share of the training rows that is held back, by a hash of their ids; default 0.2, or 0"
              + " where the data set has a test split.")
  private Double validationFraction;

  @Option(
      names = "--validation-column",
      paramLabel = "COL",
      description = "Boolean column: rows where it is true validate, in place of a fraction.")
  private String validationColumn;

  @Option(
      names = "--micro-shards",
      paramLabel = "S",
      description = "Number of parts that sums are made in, a power of two; part of the result.")
  private Integer microShards;

  @Option(
      names = "--tolerance",
      paramLabel = "T",
      description =
          "For linear-readout: singular values up to T times the largest one count as zero.")
  private Double tolerance;

  @Option(
      names = "--regularization",
      paramLabel = "R",
      description =
          "For logistic-regression: weight of half the squared norm; default: by cross-validation on"
              + " the training rows.")
  private Double regularization;

  @Mixin private SequenceTraining sequences;

  @Override
  protected String plan() {
    return String.format(Locale.ROOT, "%s on %s, model to %s", what(), input, output);
  }

  /** The model, or where it is described. */
  private String what() {
    return model != null ? model : specFile != null ? specFile : sequences.initialModel();
  }

  @Override
  protected Map<String, Object> run(SparkSession spark) {
    long start = System.nanoTime();
    ModelStore.checkOutput(spark, output, common().overwrite);
    if (validationFraction != null && !(validationFraction >= 0 && validationFraction < 1)) {
      throw new InvalidInputException(
          "--validation-fraction is " + validationFraction + ", expected at least 0 and below 1");
    }
    checkModel();
    ModelManifest manifest =
        isReadout() ? trainOnFeatures(spark, start) : trainOnSequences(spark, start);
    Map<String, Object> summary = new LinkedHashMap<>();
    summary.put("model", manifest.model());
    summary.put("output", output);
    summary.putAll(manifest.training());
    summary.put("weightsSha256", manifest.weightsSha256());
    return summary;
  }

  private ModelManifest trainOnFeatures(SparkSession spark, long start) {
    FeatureDataSet data = featureSet(spark);
    LabelDescription label = data.manifest().label();
    checkLabels(label);
    Splits splits = splits(data.rows(), data.manifest().source().splits());
    Dataset<Row> rows = splits.rows(data.rows(), "train");
    Training training =
        model.equals(LINEAR_READOUT)
            ? ReadoutTraining.fit(rows, microShards, tolerance)
            : LogisticTraining.fit(rows, regularization, seed);
    Map<String, Object> results = new LinkedHashMap<>(training.results());
    results.putAll(validation(training.stages(), splits, data.rows(), label));
    addSpeed(results, start);
    List<Transformer> stages =
        new ArrayList<>(data.manifest().pipeline().load(spark, HadoopFiles.path(input)));
    int featureStages = stages.size();
    stages.addAll(training.stages());
    ModelManifest manifest =
        new ModelManifest(
            ModelManifest.FORMAT_VERSION,
            LibraryVersion.current(),
            model,
            null,
            featureStages,
            data.manifest().specification(),
            data.manifest().source(),
            splits.validationFraction(),
            splits.seed(),
            training.options(),
            results,
            training.history(),
            training.weightsSha256());
    return ModelStore.write(spark, stages, manifest, output, common().overwrite);
  }

  private void checkModel() {
    if (model != null && specFile != null) {
      throw new InvalidInputException("train takes one of --model and --spec, found both");
    }
    if (what() == null) {
      throw new InvalidInputException("train takes one of --model and --spec, found neither");
    }
    List<String> known = new ArrayList<>(List.of(LINEAR_READOUT, LOGISTIC_REGRESSION));
    known.addAll(ModelSpec.layerKinds());
    if (model != null && !known.contains(model)) {
      throw new InvalidInputException(
          "--model is '" + model + "', expected one of " + String.join(", ", known));
    }
    refuse(isReadout() && sequences.anyGiven().isPresent(), sequences.anyGiven().orElse(""));
    refuse(isReadout() && validationColumn != null, "--validation-column");
    refuse(tolerance != null && !LINEAR_READOUT.equals(model), "--tolerance");
    refuse(regularization != null && !LOGISTIC_REGRESSION.equals(model), "--regularization");
    refuse(microShards != null && LOGISTIC_REGRESSION.equals(model), "--micro-shards");
  }

  private void refuse(boolean foreign, String option) {
    if (foreign) {
      throw new InvalidInputException(option + " does not belong to the model " + what());
    }
  }

  private boolean isReadout() {
    return LINEAR_READOUT.equals(model) || LOGISTIC_REGRESSION.equals(model);
  }

  private ModelManifest trainOnSequences(SparkSession spark, long start) {
    if (FeatureStore.isFeatureSet(spark, input)) {
      throw new InvalidInputException(
          "--model %s is trained on sequences, %s holds features; use linear-readout or"
                  .formatted(model, input)
              + " logistic-regression");
    }
    SequenceDataSet data = SequenceStore.read(spark, input);
    DataSetManifest source = data.manifest();
    if (source.label().kind() == LabelDescription.Kind.NONE) {
      throw new InvalidInputException("the data set " + input + " has no labels to train on");
    }
    if (sequences.initialModel() != null) {
      Scoring.requireSameUnits(spark, sequences.initialModel(), source, input);
    }
    Splits splits = splits(data.rows(), source.splits());
    Training training =
        sequences.fit(
            splits.trainingAndValidation(data.rows()),
            source,
            model,
            specFile == null ? null : specification(),
            splits,
            microShards,
            progress().training());
    Map<String, Object> results = new LinkedHashMap<>(training.results());
    results.put("seconds", seconds(start));
    ModelManifest manifest =
        new ModelManifest(
            ModelManifest.FORMAT_VERSION,
            LibraryVersion.current(),
            model == null ? "spec" : model,
            null,
            0,
            null,
            source,
            splits.validationFraction(),
            splits.seed(),
            training.options(),
            results,
            training.history(),
            training.weightsSha256());
    return ModelStore.write(spark, training.stages(), manifest, output, common().overwrite);
  }

  private String specification() {
    return HadoopFiles.readText(HadoopFiles.path(specFile), new Configuration())
        .orElseThrow(
            () -> new InvalidInputException("the file --spec " + specFile + " does not exist"));
  }

  private FeatureDataSet featureSet(SparkSession spark) {
    if (!FeatureStore.isFeatureSet(spark, input)) {
      SequenceStore.readManifest(spark, input); // or the sentence that there is no data at all
      throw new InvalidInputException(
          "--model %s is trained on features, and %s has no _features.json; make them with features"
              .formatted(model, input));
    }
    return FeatureStore.read(spark, input);
  }

  private void checkLabels(LabelDescription label) {
    boolean classes = label.kind() == LabelDescription.Kind.CLASS;
    if (!label.perSequence()) {
      throw new InvalidInputException(
          "the data set " + input + " has no label per sequence to train " + model + " on");
    }
    if (classes && model.equals(LINEAR_READOUT)) {
      throw new InvalidInputException(
          "--model linear-readout predicts numbers, the labels of %s are classes; use"
                  .formatted(input)
              + " logistic-regression");
    }
    if (!classes && model.equals(LOGISTIC_REGRESSION)) {
      throw new InvalidInputException(
          "--model logistic-regression predicts classes, the labels of %s are numbers; use"
                  .formatted(input)
              + " linear-readout");
    }
  }

  private Splits splits(Dataset<Row> rows, Map<String, Long> counts) {
    boolean hasTest =
        Arrays.asList(rows.columns()).contains(SequenceSchema.SPLIT)
            && counts.containsKey(SequenceSchema.TEST_SPLIT);
    if (validationColumn != null && validationFraction != null) {
      throw new InvalidInputException(
          "train takes one of --validation-fraction and --validation-column, found both");
    }
    double fraction = hasTest || validationColumn != null ? 0 : 0.2;
    return new Splits(
        validationFraction == null ? fraction : validationFraction, seed, validationColumn);
  }

  private static Map<String, Object> validation(
      List<Transformer> stages, Splits splits, Dataset<Row> rows, LabelDescription label) {
    if (splits.validationFraction() == 0) {
      return Map.of();
    }
    Dataset<Row> scored = splits.rows(rows, "validation");
    for (Transformer stage : stages) {
      scored = stage.transform(scored);
    }
    Dataset<Row> pairs =
        scored.selectExpr("id", "double(label) as label", "double(prediction) as prediction");
    Map<String, Object> results = new LinkedHashMap<>();
    new Predictions(pairs, label)
        .metrics()
        .forEach(
            (name, value) ->
                results.put(
                    "validation"
                        + name.substring(0, 1).toUpperCase(Locale.ROOT)
                        + name.substring(1),
                    value));
    return results;
  }

  /** The name in summaries of a metric on the validation rows. */
  static String validationName(String metric) {
    return "validation" + metric.substring(0, 1).toUpperCase(Locale.ROOT) + metric.substring(1);
  }

  private static void addSpeed(Map<String, Object> results, long start) {
    double seconds = seconds(start);
    long rows = ((Number) results.get("rows")).longValue();
    results.put("seconds", seconds);
    results.put("sequencesPerSecond", Math.round(rows / seconds * 10) / 10.0);
  }

  private static double seconds(long start) {
    return Math.round((System.nanoTime() - start) / 1e6) / 1e3;
  }
}
