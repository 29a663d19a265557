package org.sparkssm.ml;

import static org.apache.spark.sql.functions.col;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.ml.Model;
import org.apache.spark.ml.functions;
import org.apache.spark.ml.linalg.SQLDataTypes;
import org.apache.spark.ml.linalg.Vector;
import org.apache.spark.ml.linalg.Vectors;
import org.apache.spark.ml.param.Param;
import org.apache.spark.ml.param.ParamMap;
import org.apache.spark.ml.util.MLReader;
import org.apache.spark.ml.util.MLWritable;
import org.apache.spark.ml.util.MLWriter;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.api.java.UDF1;
import org.apache.spark.sql.expressions.UserDefinedFunction;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.sparkssm.data.InvalidInputException;

/**
 * The affine map that {@link LinearReadout} fitted: {@code prediction = weights^T features +
 * intercepts}, in double precision, summed in the order of the features. The prediction of a row
 * depends on that row alone, to the bit. It is a number for one output and a vector for several.
 */
public final class LinearReadoutModel extends Model<LinearReadoutModel> implements MLWritable {
  private static final long serialVersionUID = 1L;

  private final String uid;
  private final AffineMap map;
  private final LinearReadoutSummary summary;
  private final Param<String> featuresCol;
  private final Param<String> predictionCol;

  LinearReadoutModel(String uid, AffineMap map, LinearReadoutSummary summary) {
    this.uid = uid;
    this.map = map;
    this.summary = summary;
    featuresCol = ReadoutColumns.featuresCol(this);
    predictionCol = ReadoutColumns.predictionCol(this);
    setDefault(featuresCol, "features");
    setDefault(predictionCol, "prediction");
  }

  @Override
  public String uid() {
    return uid;
  }

  public Param<String> featuresCol() {
    return featuresCol;
  }

  public Param<String> predictionCol() {
    return predictionCol;
  }

  public LinearReadoutModel setFeaturesCol(String value) {
    set(featuresCol, value);
    return this;
  }

  public LinearReadoutModel setPredictionCol(String value) {
    set(predictionCol, value);
    return this;
  }

  /** Number of features, p. */
  public int numFeatures() {
    return map.inputs();
  }

  /** Number of outputs, k. */
  public int numOutputs() {
    return map.outputs();
  }

  /** Weights [p, k], row-major, in the units of the data; a copy. */
  public double[] weights() {
    return map.weights().clone();
  }

  /** Intercepts [k]; 0 where none was fitted; a copy. */
  public double[] intercepts() {
    return map.intercepts().clone();
  }

  /** How the fit came out on its own rows. */
  public LinearReadoutSummary summary() {
    return summary;
  }

  /**
   * The prediction for one row.
   *
   * @return [k]
   * @throws InvalidInputException if the vector is missing or of another size
   */
  public double[] predict(Vector row) {
    return map.apply(row);
  }

  @Override
  public Dataset<Row> transform(Dataset<?> dataset) {
    transformSchema(dataset.schema());
    String name = getOrDefault(featuresCol);
    Column row = col(name);
    if (dataset.schema().apply(name).dataType() instanceof ArrayType) {
      row = functions.array_to_vector(row.cast(DataTypes.createArrayType(DataTypes.DoubleType)));
    }
    return dataset.withColumn(getOrDefault(predictionCol), prediction().apply(row));
  }

  private UserDefinedFunction prediction() {
    AffineMap affine = map; // not this model, which would travel with each task
    if (affine.outputs() == 1) {
      UDF1<Vector, Double> number = row -> affine.apply(row)[0];
      return org.apache.spark.sql.functions.udf(number, DataTypes.DoubleType).asNonNullable();
    }
    UDF1<Vector, Vector> vector = row -> Vectors.dense(affine.apply(row));
    return org.apache.spark.sql.functions.udf(vector, SQLDataTypes.VectorType()).asNonNullable();
  }

  @Override
  public StructType transformSchema(StructType schema) {
    ReadoutColumns.checkFeatures(schema, getOrDefault(featuresCol));
    DataType type = map.outputs() == 1 ? DataTypes.DoubleType : SQLDataTypes.VectorType();
    return Columns.append(schema, getOrDefault(predictionCol), type);
  }

  @Override
  public LinearReadoutModel copy(ParamMap extra) {
    return copyValues(new LinearReadoutModel(uid, map, summary), extra).setParent(parent());
  }

  @Override
  public MLWriter write() {
    return new Writer(this);
  }

  public static MLReader<LinearReadoutModel> read() {
    return new Reader();
  }

  public static LinearReadoutModel load(String path) {
    return read().load(path);
  }

  /** What is stored beside the Params. */
  record Content(AffineMap map, LinearReadoutSummary summary) {}

  private static final String CONTENT = "readout.json";
  private static final ObjectMapper JSON = JsonMapper.builder().build();

  private static final class Writer extends MLWriter {
    private final LinearReadoutModel model;

    Writer(LinearReadoutModel model) {
      this.model = model;
    }

    @Override
    public void saveImpl(String path) {
      StageWriter.saveMetadata(model, path, sparkSession());
      Content content = new Content(model.map, model.summary);
      Path file = new Path(path, CONTENT);
      try (OutputStream out = fileSystem(file, sparkSession()).create(file)) {
        JSON.writeValue(out, content);
      } catch (IOException e) {
        throw new UncheckedIOException("the model could not be written to " + file, e);
      }
    }
  }

  private static final class Reader extends MLReader<LinearReadoutModel> {
    @Override
    public LinearReadoutModel load(String path) {
      var metadata = StageReader.metadata(path, LinearReadoutModel.class, sparkSession());
      Path file = new Path(path, CONTENT);
      try (InputStream in = fileSystem(file, sparkSession()).open(file)) {
        Content content = JSON.readValue(in, Content.class);
        LinearReadoutModel model =
            new LinearReadoutModel(metadata.uid(), content.map(), content.summary());
        metadata.getAndSetParams(model, metadata.getAndSetParams$default$2());
        return model;
      } catch (IOException e) {
        throw new InvalidInputException("the model file " + file + " is missing or damaged", e);
      }
    }
  }

  private static FileSystem fileSystem(Path file, org.apache.spark.sql.SparkSession spark)
      throws IOException {
    Configuration configuration = spark.sparkContext().hadoopConfiguration();
    return file.getFileSystem(configuration);
  }
}
