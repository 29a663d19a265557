package org.sparkssm.ml;

import java.util.List;
import org.apache.spark.ml.Estimator;
import org.apache.spark.ml.param.IntParam;
import org.apache.spark.ml.param.Param;
import org.apache.spark.ml.param.ParamValidators;
import org.apache.spark.ml.util.MLWritable;
import org.apache.spark.ml.util.MLWriter;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.spark.SequenceReader;

/**
 * The columns that an estimator of sequence models reads and writes.
 *
 * @param <E> the estimator
 * @param <M> its model
 */
public abstract class SequenceColumnParams<
        E extends SequenceEstimator<E, M>, M extends SequenceModelTransformer<M>>
    extends Estimator<M> implements MLWritable {
  private static final long serialVersionUID = 1L;

  private final String uid;
  private final Param<String> idCol;
  private final Param<String> inputCol;
  private final Param<String> timesCol;
  private final Param<String> labelCol;
  private final Param<String> weightCol;
  private final Param<String> validationIndicatorCol;
  private final Param<String> predictionCol;
  private final IntParam channels;
  private final IntParam vocabulary;

  SequenceColumnParams(String uid) {
    this.uid = uid;
    idCol =
        new Param<>(
            this,
            "idCol",
            "column of row ids: integers, each once; empty: a hash of input and "
                + "label identifies a row");
    inputCol =
        new Param<>(
            this,
            "inputCol",
            "column of sequences: array<float> or array<double>, row-major [length "
                + "x channels], or array<int> tokens");
    timesCol =
        new Param<>(
            this,
            "timesCol",
            "column of strictly increasing times, array<double>; not set: steps are " + "uniform");
    labelCol =
        new Param<>(
            this, "labelCol", "column of labels: one a sequence, or an array with one a step");
    weightCol =
        new Param<>(
            this, "weightCol", "column of row weights, numbers of at least 0; not set: 1 each");
    validationIndicatorCol =
        new Param<>(
            this,
            "validationIndicatorCol",
            "boolean column: rows where it is true validate and do not train; not set: validationFraction decides");
    predictionCol = new Param<>(this, "predictionCol", "column for predictions");
    channels =
        new IntParam(
            this,
            "channels",
            "number of channels; not set: what the input column's metadata says",
            ParamValidators.gtEq(1));
    vocabulary =
        new IntParam(
            this,
            "vocabulary",
            "number of tokens; not set: one more than the greatest in the training " + "data",
            ParamValidators.gtEq(1));
    setDefault(idCol, "id");
    setDefault(inputCol, "values");
    setDefault(labelCol, "label");
    setDefault(predictionCol, "prediction");
  }

  static scala.Function1<String, Object> words(String[] allowed) {
    return ParamValidators.inArray(List.of(allowed));
  }

  @SuppressWarnings("unchecked") // E is the class itself
  final E self() {
    return (E) this;
  }

  /** Refuses columns that are not there or of another type; the label's is not looked at. */
  final void checkColumns(StructType schema) {
    SequenceColumns.checkInput(schema, getOrDefault(inputCol));
    if (isSet(timesCol)) {
      Columns.requireArray(schema, getOrDefault(timesCol), DataTypes.DoubleType);
    }
    if (isSet(weightCol)) {
      SequenceColumns.checkNumber(schema, getOrDefault(weightCol), "weights of rows");
    }
    if (isSet(validationIndicatorCol)) {
      SequenceColumns.checkFlag(schema, getOrDefault(validationIndicatorCol));
    }
    if (!getOrDefault(idCol).isEmpty()) {
      SequenceColumns.checkId(schema, getOrDefault(idCol));
    }
  }

  private int channels(StructType schema) {
    Integer set = isSet(channels) ? (Integer) getOrDefault(channels) : null;
    return Columns.channels(schema, getOrDefault(inputCol), set);
  }

  /**
   * Reads the columns.
   *
   * @param names of classes; empty if they have none
   * @param classes their number; 0 for numbers
   * @param classWeights nullable: 1 each
   */
  final SequenceReader reader(
      Dataset<?> dataset, List<String> names, int classes, double[] classWeights) {
    StructType schema = dataset.schema();
    String input = getOrDefault(inputCol);
    boolean tokens = SequenceColumns.isTokens(schema, input);
    DataType label = schema.apply(getOrDefault(labelCol)).dataType();
    return new SequenceReader(
        getOrDefault(idCol),
        input,
        tokens,
        tokens ? 0 : channels(schema),
        isSet(timesCol) ? getOrDefault(timesCol) : null,
        getOrDefault(labelCol),
        label instanceof ArrayType,
        classes,
        label.equals(DataTypes.StringType) ? SequenceColumns.numbered(names) : null,
        new SequenceReader.RowWeights(
            isSet(weightCol) ? getOrDefault(weightCol) : null,
            isSet(validationIndicatorCol) ? getOrDefault(validationIndicatorCol) : null,
            classWeights));
  }

  /** The number of tokens: what is set, or else one more than the greatest in the data. */
  final int vocabulary(Dataset<?> dataset) {
    if (isSet(vocabulary)) {
      return (int) getOrDefault(vocabulary);
    }
    Row greatest =
        dataset
            .select(functions.max(functions.array_max(functions.col(getOrDefault(inputCol)))))
            .first();
    if (greatest.isNullAt(0)) {
      throw new InvalidInputException(
          "column " + getOrDefault(inputCol) + " holds no tokens, expected rows to train on");
    }
    return Math.max(0, greatest.getInt(0)) + 1;
  }

  @Override
  public final MLWriter write() {
    return new StageWriter(this);
  }

  @Override
  public final String uid() {
    return uid;
  }

  public final Param<String> idCol() {
    return idCol;
  }

  public final Param<String> inputCol() {
    return inputCol;
  }

  public final Param<String> timesCol() {
    return timesCol;
  }

  public final Param<String> labelCol() {
    return labelCol;
  }

  public final Param<String> weightCol() {
    return weightCol;
  }

  public final Param<String> validationIndicatorCol() {
    return validationIndicatorCol;
  }

  public final Param<String> predictionCol() {
    return predictionCol;
  }

  public final IntParam channels() {
    return channels;
  }

  public final IntParam vocabulary() {
    return vocabulary;
  }

  public final E setIdCol(String value) {
    set(idCol, value);
    return self();
  }

  public final E setInputCol(String value) {
    set(inputCol, value);
    return self();
  }

  public final E setTimesCol(String value) {
    set(timesCol, value);
    return self();
  }

  public final E setLabelCol(String value) {
    set(labelCol, value);
    return self();
  }

  public final E setWeightCol(String value) {
    set(weightCol, value);
    return self();
  }

  public final E setValidationIndicatorCol(String value) {
    set(validationIndicatorCol, value);
    return self();
  }

  public final E setPredictionCol(String value) {
    set(predictionCol, value);
    return self();
  }

  public final E setChannels(int value) {
    set(channels, value);
    return self();
  }

  public final E setVocabulary(int value) {
    set(vocabulary, value);
    return self();
  }
}
