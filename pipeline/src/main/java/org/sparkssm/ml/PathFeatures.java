package org.sparkssm.ml;

import java.util.List;
import org.apache.spark.ml.Transformer;
import org.apache.spark.ml.param.IntParam;
import org.apache.spark.ml.param.Param;
import org.apache.spark.ml.param.ParamValidators;
import org.apache.spark.ml.util.MLWritable;
import org.apache.spark.ml.util.MLWriter;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.data.SequenceSchema;

/**
 * What transformers of paths into features share: Params of the columns, their checks, and
 * persistence.
 *
 * @param <T> the transformer itself
 */
public abstract class PathFeatures<T extends PathFeatures<T>> extends Transformer
    implements MLWritable {
  private static final long serialVersionUID = 1L;

  private static final String NUMBERS = "array<float> or array<double>";

  private final String uid;
  private final Param<String> inputCol;
  private final Param<String> timesCol;
  private final Param<String> idCol;
  private final Param<String> outputCol;
  private final IntParam channels;
  private final Param<String> outputType;

  PathFeatures(String uid) {
    this.uid = uid;
    inputCol =
        new Param<>(
            this, "inputCol", "column of paths: flat arrays [length x channels], row-major");
    timesCol =
        new Param<>(
            this,
            "timesCol",
            "column of strictly increasing times, array<double>; not set: steps are uniform, from"
                + " 0 to 1");
    idCol = new Param<>(this, "idCol", "column that names a row in error messages, if it is there");
    outputCol = new Param<>(this, "outputCol", "column of features to add");
    channels =
        new IntParam(
            this,
            "channels",
            "number of channels; not set: what the input column's metadata says",
            ParamValidators.gtEq(1));
    outputType =
        new Param<>(
            this,
            "outputType",
            "vector (MLlib) or array (of numbers)",
            ParamValidators.inArray(List.of("vector", "array")));
    setDefault(inputCol, SequenceSchema.VALUES);
    setDefault(idCol, SequenceSchema.ID);
    setDefault(outputCol, "features");
    setDefault(outputType, "vector");
  }

  /** The type of the paths' numbers, float or double; refuses other columns. */
  final DataType elementType(StructType schema) {
    String name = getOrDefault(inputCol);
    DataType type = Columns.type(schema, name, NUMBERS);
    if (type instanceof ArrayType array
        && (array.elementType().equals(DataTypes.FloatType)
            || array.elementType().equals(DataTypes.DoubleType))) {
      return array.elementType();
    }
    throw Columns.wrongType(name, type, NUMBERS);
  }

  /**
   * The channels of the input column.
   *
   * @throws InvalidInputException if nothing says it
   */
  final int channels(StructType schema) {
    Integer set = isSet(channels) ? (Integer) getOrDefault(channels) : null;
    return Columns.channels(schema, getOrDefault(inputCol), set);
  }

  /** Refuses a column of times that is none. */
  final void checkTimes(StructType schema) {
    Columns.requireArray(schema, getOrDefault(timesCol), DataTypes.DoubleType);
  }

  final boolean isVector() {
    return getOrDefault(outputType).equals("vector");
  }

  @SuppressWarnings("unchecked") // T is the class itself
  final T self() {
    return (T) this;
  }

  @Override
  public final MLWriter write() {
    return new StageWriter(this);
  }

  @Override
  public final String uid() {
    return uid;
  }

  public final Param<String> inputCol() {
    return inputCol;
  }

  public final Param<String> timesCol() {
    return timesCol;
  }

  public final Param<String> idCol() {
    return idCol;
  }

  public final Param<String> outputCol() {
    return outputCol;
  }

  public final IntParam channels() {
    return channels;
  }

  public final Param<String> outputType() {
    return outputType;
  }

  public final T setInputCol(String value) {
    set(inputCol, value);
    return self();
  }

  public final T setTimesCol(String value) {
    set(timesCol, value);
    return self();
  }

  public final T setIdCol(String value) {
    set(idCol, value);
    return self();
  }

  public final T setOutputCol(String value) {
    set(outputCol, value);
    return self();
  }

  public final T setChannels(int value) {
    set(channels, value);
    return self();
  }

  public final T setOutputType(String value) {
    set(outputType, value);
    return self();
  }

  public final String getInputCol() {
    return getOrDefault(inputCol);
  }

  public final String getOutputCol() {
    return getOrDefault(outputCol);
  }

  public final String getOutputType() {
    return getOrDefault(outputType);
  }
}
