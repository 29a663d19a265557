package org.sparkssm.ml;

import java.util.Arrays;
import java.util.List;
import org.apache.spark.ml.attribute.Attribute;
import org.apache.spark.ml.attribute.NominalAttribute;
import org.apache.spark.ml.linalg.SQLDataTypes;
import org.apache.spark.ml.param.DoubleArrayParam;
import org.apache.spark.ml.param.IntParam;
import org.apache.spark.ml.param.Param;
import org.apache.spark.ml.param.ParamValidators;
import org.apache.spark.ml.util.Identifiable$;
import org.apache.spark.ml.util.MLReader;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.NumericType;
import org.apache.spark.sql.types.StructType;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.model.HeadKind;
import org.sparkssm.train.TrainedModel;

/**
 * Learns a class for every sequence, or for every step where the label column is an array, by
 * cross-entropy.
 *
 * <p>Labels are class indices from 0, or class names (strings), which are numbered in alphabetical
 * order. Names of indices are taken from the label column's metadata, as MLlib's StringIndexer and
 * a sequence data set write them; they come back in {@code predictedLabelCol}. In an array of
 * labels a null is a step that does not count.
 */
public final class SequenceClassifier
    extends SequenceEstimator<SequenceClassifier, SequenceClassificationModel> {
  private static final long serialVersionUID = 1L;

  private final IntParam numClasses;
  private final DoubleArrayParam classWeights;
  private final Param<String> rawPredictionCol;
  private final Param<String> probabilityCol;
  private final Param<String> predictedLabelCol;

  public SequenceClassifier() {
    this(Identifiable$.MODULE$.randomUID("sequenceClassifier"));
  }

  public SequenceClassifier(String uid) {
    super(uid);
    numClasses =
        new IntParam(
            this,
            "numClasses",
            "number of classes; not set: from names, else one more than the greatest label",
            ParamValidators.gtEq(2));
    classWeights =
        new DoubleArrayParam(
            this,
            "classWeights",
            "what a label of each class counts for in training, by index; not set: 1 each");
    rawPredictionCol = ClassColumns.rawPredictionCol(this);
    probabilityCol = ClassColumns.probabilityCol(this);
    predictedLabelCol = ClassColumns.predictedLabelCol(this);
    ClassColumns.setDefaults(this, rawPredictionCol, probabilityCol, predictedLabelCol);
  }

  @Override
  List<String> classNames(Dataset<?> dataset) {
    String label = getOrDefault(labelCol());
    if (dataset.schema().apply(label).dataType().equals(DataTypes.StringType)) {
      List<String> names =
          dataset
              .select(functions.col(label))
              .distinct()
              .na()
              .drop()
              .as(Encoders.STRING())
              .collectAsList();
      return names.stream().sorted().toList();
    }
    if (!(dataset.schema().apply(label).dataType() instanceof NumericType)) {
      return List.of();
    }
    Attribute attribute = Attribute.fromStructField(dataset.schema().apply(label));
    return attribute instanceof NominalAttribute nominal && nominal.values().isDefined()
        ? List.of(nominal.values().get())
        : List.of();
  }

  @Override
  int classes(Dataset<?> dataset, List<String> names) {
    if (isSet(numClasses)) {
      int given = (int) getOrDefault(numClasses);
      if (given < names.size()) {
        throw new InvalidInputException(
            "numClasses is %d, the label column names %d classes".formatted(given, names.size()));
      }
      return given;
    }
    if (!names.isEmpty()) {
      return names.size();
    }
    String label = getOrDefault(labelCol());
    Column greatest = functions.col(label);
    if (dataset.schema().apply(label).dataType() instanceof ArrayType) {
      greatest = functions.array_max(greatest);
    }
    Row row = dataset.select(functions.max(greatest).cast(DataTypes.DoubleType)).first();
    if (row.isNullAt(0)) {
      throw new InvalidInputException(
          "column " + label + " holds no labels, expected rows to train on");
    }
    double last = row.getDouble(0);
    if (!(last >= 0 && last < 1 << 20)) {
      throw new InvalidInputException(
          "the greatest label in column %s is %s, expected class indices from 0"
              .formatted(label, last));
    }
    return (int) last + 1;
  }

  @Override
  double[] classWeights(int classes) {
    if (!isSet(classWeights)) {
      return null;
    }
    double[] given = getOrDefault(classWeights);
    if (given.length != classes) {
      throw new InvalidInputException(
          "classWeights has %d weights, expected one for each of %d classes"
              .formatted(given.length, classes));
    }
    for (double weight : given) {
      if (!(weight >= 0 && Double.isFinite(weight))) {
        throw new InvalidInputException(
            "classWeights has the weight " + weight + ", expected finite numbers of at least 0");
      }
    }
    return given;
  }

  @Override
  HeadKind head(boolean labelPerStep) {
    return labelPerStep ? HeadKind.TOKEN_CLASSIFICATION : HeadKind.CLASSIFICATION;
  }

  @Override
  void checkLabel(String name, DataType type) {
    DataType label = type instanceof ArrayType array ? array.elementType() : type;
    boolean isName = type.equals(DataTypes.StringType);
    if (!(isName || label instanceof NumericType)) {
      throw Columns.wrongType(name, type, "a class index, an array of them, or a class name");
    }
  }

  @Override
  public StructType transformSchema(StructType schema) {
    StructType checked = super.transformSchema(schema);
    if (schema.apply(getOrDefault(labelCol())).dataType() instanceof ArrayType) {
      return checked;
    }
    for (Param<String> column : Arrays.asList(rawPredictionCol, probabilityCol)) {
      if (!getOrDefault(column).isEmpty()) {
        checked = Columns.append(checked, getOrDefault(column), SQLDataTypes.VectorType());
      }
    }
    return checked;
  }

  @Override
  SequenceClassificationModel model(TrainedModel trained) {
    return new SequenceClassificationModel(uid(), trained);
  }

  public IntParam numClasses() {
    return numClasses;
  }

  public DoubleArrayParam classWeights() {
    return classWeights;
  }

  public Param<String> rawPredictionCol() {
    return rawPredictionCol;
  }

  public Param<String> probabilityCol() {
    return probabilityCol;
  }

  public Param<String> predictedLabelCol() {
    return predictedLabelCol;
  }

  public SequenceClassifier setNumClasses(int value) {
    set(numClasses, value);
    return this;
  }

  public SequenceClassifier setClassWeights(double... value) {
    set(classWeights, value);
    return this;
  }

  public SequenceClassifier setRawPredictionCol(String value) {
    set(rawPredictionCol, value);
    return this;
  }

  public SequenceClassifier setProbabilityCol(String value) {
    set(probabilityCol, value);
    return this;
  }

  public SequenceClassifier setPredictedLabelCol(String value) {
    set(predictedLabelCol, value);
    return this;
  }

  public static MLReader<SequenceClassifier> read() {
    return new StageReader<>(SequenceClassifier.class, SequenceClassifier::new);
  }

  public static SequenceClassifier load(String path) {
    return read().load(path);
  }
}
