package org.sparkssm.ml;

import static org.apache.spark.sql.functions.col;

import org.apache.spark.ml.Estimator;
import org.apache.spark.ml.functions;
import org.apache.spark.ml.linalg.SQLDataTypes;
import org.apache.spark.ml.param.BooleanParam;
import org.apache.spark.ml.param.DoubleParam;
import org.apache.spark.ml.param.IntParam;
import org.apache.spark.ml.param.Param;
import org.apache.spark.ml.param.ParamMap;
import org.apache.spark.ml.param.ParamValidators;
import org.apache.spark.ml.util.Identifiable$;
import org.apache.spark.ml.util.MLReader;
import org.apache.spark.ml.util.MLWritable;
import org.apache.spark.ml.util.MLWriter;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.NumericType;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.storage.StorageLevel;
import org.sparkssm.train.LeastSquares;

/**
 * Least squares from a feature vector to one or several outputs: the linear readout of fixed
 * features such as signatures or the states of a random Linear CDE.
 *
 * <p>The data is reduced to the triangular factor of a QR decomposition ({@link MicroShardQr}):
 * rows are ranked by id, micro-shard = rank mod {@link #microShards}, one factor per micro-shard in
 * the order of ranks, and the factors are joined in a fixed binary tree. A truncated singular value
 * decomposition of the joined factor gives the weights of least norm ({@link LeastSquares}). So the
 * weights are the same bits for any partitioning of the data, any number of executors and cores,
 * and any retries; two rows of the same id have no order and are refused. No task holds more rows
 * than its sort buffers and one block.
 *
 * <p>Features are a vector or an array of numbers; labels are a number, a vector or an array (then
 * the prediction is a vector). In double precision throughout.
 */
public final class LinearReadout extends Estimator<LinearReadoutModel> implements MLWritable {
  private static final long serialVersionUID = 1L;

  private final String uid;
  private final Param<String> idCol;
  private final Param<String> featuresCol;
  private final Param<String> labelCol;
  private final Param<String> predictionCol;
  private final BooleanParam fitIntercept;
  private final BooleanParam standardization;
  private final DoubleParam tol;
  private final IntParam microShards;

  public LinearReadout() {
    this(Identifiable$.MODULE$.randomUID("linearReadout"));
  }

  public LinearReadout(String uid) {
    this.uid = uid;
    idCol = new Param<>(this, "idCol", "column of row ids: integers, each once");
    featuresCol = ReadoutColumns.featuresCol(this);
    labelCol = new Param<>(this, "labelCol", "column of labels: a number, vector or array");
    predictionCol = ReadoutColumns.predictionCol(this);
    fitIntercept =
        new BooleanParam(
            this, "fitIntercept", "whether to fit an intercept, which the norm leaves out");
    standardization =
        new BooleanParam(
            this,
            "standardization",
            "whether tolerance and norm refer to features scaled to unit variance");
    tol =
        new DoubleParam(
            this,
            "tol",
            "singular values up to this times the largest one count as zero; in [0, 1)",
            ParamValidators.inRange(0, 1, true, false));
    microShards =
        new IntParam(
            this,
            "microShards",
            "number of parts the rows are reduced in, a power of two; part of the result's bits",
            new PowerOfTwo());
    setDefault(idCol, "id");
    setDefault(featuresCol, "features");
    setDefault(labelCol, "label");
    setDefault(predictionCol, "prediction");
    setDefault(fitIntercept, true);
    setDefault(standardization, true);
    setDefault(tol, 1e-12);
    setDefault(microShards, 8);
  }

  @Override
  public String uid() {
    return uid;
  }

  public Param<String> idCol() {
    return idCol;
  }

  public Param<String> featuresCol() {
    return featuresCol;
  }

  public Param<String> labelCol() {
    return labelCol;
  }

  public Param<String> predictionCol() {
    return predictionCol;
  }

  public BooleanParam fitIntercept() {
    return fitIntercept;
  }

  public BooleanParam standardization() {
    return standardization;
  }

  public DoubleParam tol() {
    return tol;
  }

  public IntParam microShards() {
    return microShards;
  }

  public LinearReadout setIdCol(String value) {
    set(idCol, value);
    return this;
  }

  public LinearReadout setFeaturesCol(String value) {
    set(featuresCol, value);
    return this;
  }

  public LinearReadout setLabelCol(String value) {
    set(labelCol, value);
    return this;
  }

  public LinearReadout setPredictionCol(String value) {
    set(predictionCol, value);
    return this;
  }

  public LinearReadout setFitIntercept(boolean value) {
    set(fitIntercept, value);
    return this;
  }

  public LinearReadout setStandardization(boolean value) {
    set(standardization, value);
    return this;
  }

  public LinearReadout setTol(double value) {
    set(tol, value);
    return this;
  }

  public LinearReadout setMicroShards(int value) {
    set(microShards, value);
    return this;
  }

  @Override
  public LinearReadoutModel fit(Dataset<?> dataset) {
    transformSchema(dataset.schema());
    Dataset<Row> rows = readoutRows(dataset).persist(StorageLevel.MEMORY_AND_DISK());
    try {
      MicroShardQr qr = MicroShardQr.of(rows, (boolean) getOrDefault(fitIntercept));
      LeastSquares solution =
          LeastSquares.solve(
              qr.factor((int) getOrDefault(microShards)),
              qr.outputs(),
              qr.intercept(),
              (boolean) getOrDefault(standardization),
              (double) getOrDefault(tol));
      return model(solution);
    } finally {
      rows.unpersist();
    }
  }

  @Override
  public StructType transformSchema(StructType schema) {
    DataType id = Columns.type(schema, getOrDefault(idCol), "an integer");
    if (!(id.equals(DataTypes.LongType)
        || id.equals(DataTypes.IntegerType)
        || id.equals(DataTypes.ShortType))) {
      throw Columns.wrongType(getOrDefault(idCol), id, "an integer");
    }
    ReadoutColumns.checkFeatures(schema, getOrDefault(featuresCol));
    DataType label = Columns.type(schema, getOrDefault(labelCol), "a number, vector or array");
    boolean manyOutputs = !(label instanceof NumericType);
    if (manyOutputs && !Columns.isVectorOrNumbers(label)) {
      throw Columns.wrongType(getOrDefault(labelCol), label, "a number, vector or array");
    }
    DataType prediction = manyOutputs ? SQLDataTypes.VectorType() : DataTypes.DoubleType;
    return Columns.append(schema, getOrDefault(predictionCol), prediction);
  }

  @Override
  public LinearReadout copy(ParamMap extra) {
    return defaultCopy(extra);
  }

  @Override
  public MLWriter write() {
    return new StageWriter(this);
  }

  public static MLReader<LinearReadout> read() {
    return new StageReader<>(LinearReadout.class, LinearReadout::new);
  }

  public static LinearReadout load(String path) {
    return read().load(path);
  }

  /** Columns (id bigint, features vector, labels vector). */
  private Dataset<Row> readoutRows(Dataset<?> dataset) {
    StructType schema = dataset.schema();
    String features = getOrDefault(featuresCol);
    String label = getOrDefault(labelCol);
    return dataset.select(
        col(getOrDefault(idCol)).cast(DataTypes.LongType).as("id"),
        vector(features, schema.apply(features).dataType()).as("features"),
        vector(label, schema.apply(label).dataType()).as("labels"));
  }

  private static Column vector(String name, DataType type) {
    if (type instanceof ArrayType) {
      return functions.array_to_vector(
          col(name).cast(DataTypes.createArrayType(DataTypes.DoubleType)));
    }
    if (type instanceof NumericType) {
      return functions.array_to_vector(
          org.apache.spark.sql.functions.array(col(name).cast(DataTypes.DoubleType)));
    }
    return col(name);
  }

  private LinearReadoutModel model(LeastSquares solution) {
    LinearReadoutModel model =
        new LinearReadoutModel(
            uid,
            new AffineMap(
                solution.features(), solution.outputs(), solution.weights(), solution.intercepts()),
            LinearReadoutSummary.of(solution));
    return copyValues(model.setParent(this), ParamMap.empty());
  }
}
