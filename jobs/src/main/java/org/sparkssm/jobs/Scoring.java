package org.sparkssm.jobs;

import static org.apache.spark.sql.functions.arrays_zip;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.explode;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.spark.ml.Transformer;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataTypes;
import org.sparkssm.data.DataSetManifest;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.data.LabelDescription;
import org.sparkssm.data.SequenceSchema;
import org.sparkssm.ml.ChannelScaling;
import org.sparkssm.spark.FeatureDataSet;
import org.sparkssm.spark.FeatureStore;
import org.sparkssm.spark.ModelManifest;
import org.sparkssm.spark.ModelStore;
import org.sparkssm.spark.SequenceDataSet;
import org.sparkssm.spark.SequenceStore;

/**
 * A model over a data set: sequences go through the whole pipeline, in the units the model was
 * trained in; features that were computed alike enter it half-way.
 *
 * @param model as it was read
 * @param source what is known about the sequences behind the rows
 * @param rows the input
 * @param stages what is left to apply
 */
record Scoring(
    ModelStore.StoredModel model,
    DataSetManifest source,
    Dataset<Row> rows,
    List<Transformer> stages) {

  /**
   * Opens model and data.
   *
   * @throws InvalidInputException if one is missing or damaged, or they do not fit
   */
  static Scoring open(SparkSession spark, String modelPath, String input) {
    ModelStore.StoredModel model = ModelStore.read(spark, modelPath);
    ModelManifest manifest = model.manifest();
    if (FeatureStore.isFeatureSet(spark, input)) {
      FeatureDataSet features = FeatureStore.read(spark, input);
      if (!features.manifest().specification().equals(manifest.features())) {
        throw new InvalidInputException(
            "the features in %s are %s, the model %s expects %s"
                .formatted(
                    input,
                    features.manifest().specification(),
                    modelPath,
                    manifest.features() == null ? "sequences" : manifest.features()));
      }
      checkScales(features.manifest().source(), manifest.source(), true);
      return new Scoring(
          model, features.manifest().source(), features.rows(), model.predictionStages());
    }
    SequenceDataSet sequences = SequenceStore.read(spark, input);
    checkInput(sequences.manifest(), manifest.source(), input, modelPath);
    checkScales(sequences.manifest(), manifest.source(), false);
    Dataset<Row> rows =
        ChannelScaling.between(sequences.manifest(), manifest.source()).apply(sequences.rows());
    return new Scoring(model, sequences.manifest(), rows, model.stages());
  }

  /**
   * Refuses to go on training a model on data of other channels or in other units.
   *
   * @param modelPath of a model that {@code train} wrote
   */
  static void requireSameUnits(
      SparkSession spark, String modelPath, DataSetManifest data, String input) {
    DataSetManifest trained = ModelStore.readManifest(spark, modelPath).source();
    checkInput(data, trained, input, modelPath);
    checkScales(data, trained, false);
    if (!ChannelScaling.between(data, trained).isIdentity()) {
      throw new InvalidInputException(
          "the values of the data set %s were standardized by other numbers than those that the model %s was trained on"
              .formatted(input, modelPath));
    }
  }

  private static void checkInput(
      DataSetManifest data, DataSetManifest trained, String input, String modelPath) {
    if (!data.channels().equals(trained.channels())) {
      throw new InvalidInputException(
          "the data set %s has the channels %s, the model %s was trained on %s"
              .formatted(input, data.channels(), modelPath, trained.channels()));
    }
    if (trained.vocabulary() != null
        && (data.vocabulary() == null || data.vocabulary() > trained.vocabulary())) {
      throw new InvalidInputException(
          "the data set %s has %s tokens, the model %s was trained on %d"
              .formatted(
                  input,
                  data.vocabulary() == null ? "no" : data.vocabulary().toString(),
                  modelPath,
                  trained.vocabulary()));
    }
  }

  /**
   * Labels, and features, of data that were divided by other numbers are in other units than those
   * of the model; sequences without labels are brought to the model's units.
   */
  private static void checkScales(
      DataSetManifest data, DataSetManifest trained, boolean isFeatures) {
    boolean isLabelled = data.label().kind() != LabelDescription.Kind.NONE;
    boolean otherLabels = isLabelled && data.label().scale() != trained.label().scale();
    boolean otherValues = data.valueScale() != trained.valueScale();
    if (otherLabels || (otherValues && (isLabelled || isFeatures))) {
      throw new InvalidInputException(
          "the values and labels of the data set were divided by %s and %s, those the model was"
                  .formatted(data.valueScale(), data.label().scale())
              + " trained on by %s and %s; use generate --scale-from"
                  .formatted(trained.valueScale(), trained.label().scale()));
    }
  }

  /** The splits of the training. */
  Splits splits() {
    ModelManifest manifest = model.manifest();
    return new Splits(
        manifest.validationFraction(),
        manifest.validationSeed(),
        (String) manifest.options().get("validationIndicatorCol"));
  }

  /** Rows with the model's output columns. */
  Dataset<Row> score(Dataset<Row> input) {
    Dataset<Row> scored = input;
    for (Transformer stage : stages) {
      scored = stage.transform(scored);
    }
    return scored;
  }

  /**
   * Columns (id, label, prediction), and, for classes of a whole sequence, probability.
   *
   * @throws InvalidInputException if there are no labels, or others than the model's
   */
  Dataset<Row> labelled(Dataset<Row> input) {
    LabelDescription trained = model.manifest().label();
    LabelDescription found = source.label();
    String column = labelColumn();
    if (!Arrays.asList(input.columns()).contains(column)) {
      throw new InvalidInputException(
          "the data set has no column " + column + " to compare predictions with");
    }
    if (found.kind() != trained.kind() || !found.classes().equals(trained.classes())) {
      throw new InvalidInputException(
          "the labels of the data set are %s, those the model was trained on are %s"
              .formatted(describe(found), describe(trained)));
    }
    Dataset<Row> scored = score(input);
    if (column.equals(SequenceSchema.LABELS)) {
      scored =
          scored
              .select(col("id"), explode(arrays_zip(col(column), col("prediction"))).as("step"))
              .select(col("id"), col("step." + column).as("label"), col("step.prediction"))
              .filter(col("label").isNotNull());
    }
    List<Column> columns = new ArrayList<>();
    columns.add(col("id"));
    columns.add(col("label").cast(DataTypes.DoubleType).as("label"));
    columns.add(col("prediction").cast(DataTypes.DoubleType).as("prediction"));
    if (Arrays.asList(scored.columns()).contains(Predictions.PROBABILITY)) {
      columns.add(col(Predictions.PROBABILITY));
    }
    return scored.select(columns.toArray(Column[]::new));
  }

  /** The column that was learnt; one label a step where the model is of sequences and has them. */
  private String labelColumn() {
    return model.manifest().featureStages() > 0
        ? SequenceSchema.LABEL
        : SequenceTraining.labelColumn(model.manifest().label());
  }

  private static String describe(LabelDescription label) {
    return switch (label.kind()) {
      case NONE -> "none";
      case NUMBER -> "numbers";
      case CLASS -> "the classes " + label.classes();
    };
  }
}
