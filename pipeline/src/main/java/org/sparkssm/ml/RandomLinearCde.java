package org.sparkssm.ml;

import java.util.List;
import java.util.Locale;
import org.apache.spark.ml.attribute.AttributeGroup;
import org.apache.spark.ml.linalg.SQLDataTypes;
import org.apache.spark.ml.param.DoubleParam;
import org.apache.spark.ml.param.IntParam;
import org.apache.spark.ml.param.LongParam;
import org.apache.spark.ml.param.Param;
import org.apache.spark.ml.param.ParamMap;
import org.apache.spark.ml.param.ParamValidators;
import org.apache.spark.ml.util.Identifiable$;
import org.apache.spark.ml.util.MLReader;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.sparkssm.kernel.CdeSolver;
import org.sparkssm.kernel.Device;
import org.sparkssm.model.RandomLinearCdeStates;
import org.sparkssm.spark.PartitionMap;

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
public final class RandomLinearCde extends PathFeatures<RandomLinearCde> {
  private static final long serialVersionUID = 1L;

  private static final String DEVICE_KEY = "spark.ssm.device";

  private final IntParam stateSize;
  private final Param<String> solver;
  private final DoubleParam scaling;
  private final LongParam seed;

  public RandomLinearCde() {
    this(Identifiable$.MODULE$.randomUID("randomLinearCde"));
  }

  public RandomLinearCde(String uid) {
    super(uid);
    stateSize =
        new IntParam(this, "stateSize", "size N of the state", ParamValidators.inRange(1, 16384));
    solver =
        new Param<>(
            this,
            "solver",
            "one step per increment by euler, rk4 or exponential",
            ParamValidators.inArray(List.of("euler", "rk4", "exponential")));
    scaling =
        new DoubleParam(
            this,
            "scaling",
            "the transitions are drawn from scaling N(0, 1) / sqrt(N)",
            ParamValidators.gt(0));
    seed = new LongParam(this, "seed", "seed of the weights");
    setDefault(stateSize, 256);
    setDefault(solver, "rk4");
    setDefault(scaling, 1.0);
    setDefault(seed, 0L);
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

  @Override
  public Dataset<Row> transform(Dataset<?> dataset) {
    StructType schema = dataset.schema();
    StructType outputSchema = transformSchema(schema);
    SequenceFields fields =
        SequenceFields.of(
            schema,
            getInputCol(),
            isSet(timesCol()) ? getOrDefault(timesCol()) : null,
            getOrDefault(idCol()));
    StateRows states = states(fields, channels(schema), dataset.sparkSession());
    return PartitionMap.apply(dataset.toDF(), outputSchema, states);
  }

  private StateRows states(SequenceFields fields, int channels, SparkSession spark) {
    return new StateRows(
        fields,
        channels,
        (int) getOrDefault(stateSize),
        CdeSolver.valueOf(getOrDefault(solver).toUpperCase(Locale.ROOT)),
        (double) getOrDefault(scaling),
        (long) getOrDefault(seed),
        isVector(),
        Device.of(spark.conf().get(DEVICE_KEY, Device.AUTO.word())));
  }

  /** For sequences that are not in one row each. */
  LongStates.Equation equation(StructType keySchema, int channels, SparkSession spark) {
    return new LongStates.Equation(
        states(null, channels, spark), appendTo(keySchema), isSet(timesCol()));
  }

  @Override
  public StructType transformSchema(StructType schema) {
    elementType(schema);
    if (isSet(timesCol())) {
      checkTimes(schema);
    }
    channels(schema);
    return appendTo(schema);
  }

  private StructType appendTo(StructType schema) {
    if (!isVector()) {
      return Columns.append(
          schema, getOutputCol(), DataTypes.createArrayType(DataTypes.FloatType, false));
    }
    AttributeGroup attributes = new AttributeGroup(getOutputCol(), (int) getOrDefault(stateSize));
    return Columns.append(
        schema, getOutputCol(), SQLDataTypes.VectorType(), attributes.toMetadata());
  }

  @Override
  public RandomLinearCde copy(ParamMap extra) {
    return defaultCopy(extra);
  }

  public static MLReader<RandomLinearCde> read() {
    return new StageReader<>(RandomLinearCde.class, RandomLinearCde::new);
  }

  public static RandomLinearCde load(String path) {
    return read().load(path);
  }
}
