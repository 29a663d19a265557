package org.sparkssm.ml;

import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.ml.Model;
import org.apache.spark.ml.param.Param;
import org.apache.spark.ml.util.MLWritable;
import org.apache.spark.ml.util.MLWriter;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.model.ModelSpec;
import org.sparkssm.model.Readout;
import org.sparkssm.spark.PartitionMap;
import org.sparkssm.train.TrainedModel;

/**
 * What trained sequence models share: they take raw sequences (the model carries their scaling) and
 * append columns. Rows are scored in batches of a task, so a prediction may differ in its last bits
 * (about 1e-6) with the rows around it.
 *
 * <p>Saved as MLlib metadata, {@code model.json} and {@code weights.safetensors}.
 *
 * @param <M> the class itself
 */
public abstract class SequenceModelTransformer<M extends SequenceModelTransformer<M>>
    extends Model<M> implements MLWritable {
  private static final long serialVersionUID = 1L;

  private final String uid;
  private final transient TrainedModel trained;
  private final Param<String> inputCol;
  private final Param<String> timesCol;
  private final Param<String> idCol;
  private final Param<String> predictionCol;
  private final Param<String> device;

  SequenceModelTransformer(String uid, TrainedModel trained) {
    this.uid = uid;
    this.trained = trained;
    inputCol = SequenceColumns.inputCol(this);
    timesCol = SequenceColumns.timesCol(this);
    idCol = new Param<>(this, "idCol", "column of row ids, for messages; it may be absent");
    predictionCol = SequenceColumns.predictionCol(this);
    device = SequenceColumns.device(this);
    setDefault(inputCol, "values");
    setDefault(idCol, "id");
    setDefault(predictionCol, "prediction");
  }

  /** The columns that scoring appends, in order, and how they come about. */
  abstract OutputColumns outputs();

  /** The model's description, parameters, classes and history. */
  public final TrainedModel trainedModel() {
    return trained;
  }

  /** How the model was trained: rows, time, and the history of loss and metrics by epoch. */
  public final TrainedModel.Training summary() {
    return trained.training();
  }

  /** Hash of the parameters' bits. */
  public final String weightsSha256() {
    return trained.weightsSha256();
  }

  @Override
  public final Dataset<Row> transform(Dataset<?> dataset) {
    StructType schema = dataset.schema();
    StructType outputSchema = transformSchema(schema);
    ScoreRows score =
        new ScoreRows(
            SequenceFields.of(
                schema,
                getOrDefault(inputCol),
                isSet(timesCol) ? getOrDefault(timesCol) : null,
                getOrDefault(idCol)),
            outputs(),
            trained.spec().toJson(),
            trained.scaling(),
            JavaSparkContext.fromSparkContext(dataset.sparkSession().sparkContext())
                .broadcast(trained.parameters()),
            SequenceColumns.device(this, device, dataset.sparkSession()));
    return PartitionMap.apply(dataset.toDF(), outputSchema, score);
  }

  @Override
  public final StructType transformSchema(StructType schema) {
    String input = getOrDefault(inputCol);
    SequenceColumns.checkInput(schema, input);
    ModelSpec.Input expected = trained.spec().input();
    if (SequenceColumns.isTokens(schema, input) != expected.tokens()) {
      throw Columns.wrongType(
          input,
          schema.apply(input).dataType(),
          expected.tokens() ? "array<int> (tokens)" : "array<float> or array<double> (values)");
    }
    if (!expected.tokens()) {
      int found = Columns.channelsOf(schema, input).orElse(expected.channels());
      if (found != expected.channels()) {
        throw new InvalidInputException(
            "column %s has %d channels, the model expects %d"
                .formatted(input, found, expected.channels()));
      }
    }
    if (isSet(timesCol)) {
      Columns.requireArray(schema, getOrDefault(timesCol), DataTypes.DoubleType);
    }
    return outputs().appendTo(schema);
  }

  /** Whether there is one prediction a step. */
  final boolean isPerStep() {
    return trained.spec().readout() == Readout.EVERY_STEP;
  }

  @Override
  public final MLWriter write() {
    return new SequenceModelWriter(this);
  }

  @Override
  public final String uid() {
    return uid;
  }

  @SuppressWarnings("unchecked") // M is the class itself
  private M self() {
    return (M) this;
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

  public final Param<String> predictionCol() {
    return predictionCol;
  }

  public final Param<String> device() {
    return device;
  }

  public final M setInputCol(String value) {
    set(inputCol, value);
    return self();
  }

  public final M setTimesCol(String value) {
    set(timesCol, value);
    return self();
  }

  public final M setIdCol(String value) {
    set(idCol, value);
    return self();
  }

  public final M setPredictionCol(String value) {
    set(predictionCol, value);
    return self();
  }

  public final M setDevice(String value) {
    set(device, value);
    return self();
  }
}
