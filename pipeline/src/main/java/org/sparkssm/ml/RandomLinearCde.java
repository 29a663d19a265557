package org.sparkssm.ml;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.apache.spark.api.java.function.MapPartitionsFunction;
import org.apache.spark.ml.Transformer;
import org.apache.spark.ml.attribute.AttributeGroup;
import org.apache.spark.ml.linalg.SQLDataTypes;
import org.apache.spark.ml.param.DoubleParam;
import org.apache.spark.ml.param.IntParam;
import org.apache.spark.ml.param.LongParam;
import org.apache.spark.ml.param.Param;
import org.apache.spark.ml.param.ParamMap;
import org.apache.spark.ml.param.ParamValidators;
import org.apache.spark.ml.util.DefaultParamsReader;
import org.apache.spark.ml.util.DefaultParamsWritable;
import org.apache.spark.ml.util.Identifiable$;
import org.apache.spark.ml.util.MLReader;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.data.SequenceSchema;
import org.sparkssm.kernel.CdeSolver;
import org.sparkssm.kernel.Device;
import org.sparkssm.model.RandomLinearCdeStates;

/**
 * Turns each sequence into the final state of a random Linear CDE: a fixed, random, non-linear
 * feature map that needs no training, to be followed by a linear readout ({@link
 * RandomLinearCdeStates} has the equation).
 *
 * <p>The same Params give the same features on any cluster: the weights are a function of {@link
 * #seed} and the sizes. Rows of a partition are solved side by side; a row's features do not depend
 * on its neighbours. The configuration {@code spark.ssm.device} says where the arithmetic runs. The
 * output is a vector for MLlib, or an array of floats of half the size.
 */
public final class RandomLinearCde extends Transformer implements DefaultParamsWritable {
  private static final long serialVersionUID = 1L;

  private static final String DEVICE_KEY = "spark.ssm.device";

  private final String uid;
  private final Param<String> inputCol;
  private final Param<String> timesCol;
  private final Param<String> outputCol;
  private final IntParam channels;
  private final IntParam stateSize;
  private final Param<String> solver;
  private final DoubleParam scaling;
  private final LongParam seed;
  private final Param<String> outputType;

  public RandomLinearCde() {
    this(Identifiable$.MODULE$.randomUID("randomLinearCde"));
  }

  public RandomLinearCde(String uid) {
    this.uid = uid;
    inputCol =
        new Param<>(
            this, "inputCol", "column of paths: array<float>, row-major [length x channels]");
    timesCol =
        new Param<>(
            this,
            "timesCol",
            "column of strictly increasing times, array<double>; not set: uniform. Scaled to run"
                + " from 0 to 1 in each sequence");
    outputCol = new Param<>(this, "outputCol", "column for the features");
    channels =
        new IntParam(
            this,
            "channels",
            "number of channels; not set: what the column's metadata says",
            ParamValidators.gtEq(1));
    stateSize =
        new IntParam(this, "stateSize", "size N of the state", ParamValidators.inRange(1, 16384));
    solver =
        new Param<>(
            this,
            "solver",
            "one step per increment by euler or rk4",
            ParamValidators.inArray(List.of("euler", "rk4")));
    scaling =
        new DoubleParam(
            this,
            "scaling",
            "the transitions are drawn from scaling N(0, 1) / sqrt(N)",
            ParamValidators.gt(0));
    seed = new LongParam(this, "seed", "seed of the weights");
    outputType =
        new Param<>(
            this,
            "outputType",
            "vector (MLlib) or array (array<float>)",
            ParamValidators.inArray(List.of("vector", "array")));
    setDefault(inputCol, SequenceSchema.VALUES);
    setDefault(outputCol, "features");
    setDefault(stateSize, 256);
    setDefault(solver, "rk4");
    setDefault(scaling, 1.0);
    setDefault(seed, 0L);
    setDefault(outputType, "vector");
  }

  @Override
  public String uid() {
    return uid;
  }

  public Param<String> inputCol() {
    return inputCol;
  }

  public Param<String> timesCol() {
    return timesCol;
  }

  public Param<String> outputCol() {
    return outputCol;
  }

  public IntParam channels() {
    return channels;
  }

  public IntParam stateSize() {
    return stateSize;
  }

  public Param<String> solver() {
    return solver;
  }

  public DoubleParam scaling() {
    return scaling;
  }

  public LongParam seed() {
    return seed;
  }

  public Param<String> outputType() {
    return outputType;
  }

  public RandomLinearCde setInputCol(String value) {
    set(inputCol, value);
    return this;
  }

  public RandomLinearCde setTimesCol(String value) {
    set(timesCol, value);
    return this;
  }

  public RandomLinearCde setOutputCol(String value) {
    set(outputCol, value);
    return this;
  }

  public RandomLinearCde setChannels(int value) {
    set(channels, value);
    return this;
  }

  public RandomLinearCde setStateSize(int value) {
    set(stateSize, value);
    return this;
  }

  public RandomLinearCde setSolver(String value) {
    set(solver, value);
    return this;
  }

  public RandomLinearCde setScaling(double value) {
    set(scaling, value);
    return this;
  }

  public RandomLinearCde setSeed(long value) {
    set(seed, value);
    return this;
  }

  public RandomLinearCde setOutputType(String value) {
    set(outputType, value);
    return this;
  }

  @Override
  public Dataset<Row> transform(Dataset<?> dataset) {
    StructType schema = dataset.schema();
    StructType outputSchema = transformSchema(schema);
    List<String> arrays = pathColumns();
    int times = isSet(timesCol) ? schema.fieldIndex(getOrDefault(timesCol)) : -1;
    MapPartitionsFunction<Row, Row> solve =
        new StateRows(
            schema.fieldIndex(getOrDefault(inputCol)),
            times,
            Columns.idField(schema),
            channels(schema),
            (int) getOrDefault(stateSize),
            CdeSolver.valueOf(getOrDefault(solver).toUpperCase(Locale.ROOT)),
            (double) getOrDefault(scaling),
            (long) getOrDefault(seed),
            isVector(),
            Device.of(dataset.sparkSession().conf().get(DEVICE_KEY, Device.AUTO.word())));
    List<String> outputArrays = new ArrayList<>(arrays);
    if (!isVector()) {
      outputArrays.add(getOrDefault(outputCol));
    }
    return PrimitiveRows.mapPartitions(dataset, arrays, solve, outputSchema, outputArrays);
  }

  @Override
  public StructType transformSchema(StructType schema) {
    Columns.requireArray(schema, getOrDefault(inputCol), DataTypes.FloatType);
    if (isSet(timesCol)) {
      Columns.requireArray(schema, getOrDefault(timesCol), DataTypes.DoubleType);
    }
    channels(schema);
    StructType checked = Columns.withoutNullElements(schema, pathColumns());
    String name = getOrDefault(outputCol);
    if (!isVector()) {
      return Columns.append(checked, name, DataTypes.createArrayType(DataTypes.FloatType, false));
    }
    AttributeGroup attributes = new AttributeGroup(name, (int) getOrDefault(stateSize));
    return Columns.append(checked, name, SQLDataTypes.VectorType(), attributes.toMetadata());
  }

  private List<String> pathColumns() {
    List<String> columns = new ArrayList<>(List.of(getOrDefault(inputCol)));
    if (isSet(timesCol)) {
      columns.add(getOrDefault(timesCol));
    }
    return columns;
  }

  private boolean isVector() {
    return getOrDefault(outputType).equals("vector");
  }

  private int channels(StructType schema) {
    if (isSet(channels)) {
      return (int) getOrDefault(channels);
    }
    return Columns.channelsOf(schema, getOrDefault(inputCol))
        .orElseThrow(
            () ->
                new InvalidInputException(
                    "column "
                        + getOrDefault(inputCol)
                        + " does not say how many channels it has; set channels"));
  }

  @Override
  public RandomLinearCde copy(ParamMap extra) {
    return defaultCopy(extra);
  }

  public static MLReader<RandomLinearCde> read() {
    return new DefaultParamsReader<>();
  }

  public static RandomLinearCde load(String path) {
    return read().load(path);
  }
}
