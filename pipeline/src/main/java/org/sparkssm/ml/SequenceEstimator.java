package org.sparkssm.ml;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import java.util.Map;
import org.apache.spark.ml.Estimator;
import org.apache.spark.ml.param.BooleanParam;
import org.apache.spark.ml.param.DoubleParam;
import org.apache.spark.ml.param.IntParam;
import org.apache.spark.ml.param.LongParam;
import org.apache.spark.ml.param.Param;
import org.apache.spark.ml.param.ParamMap;
import org.apache.spark.ml.param.ParamValidators;
import org.apache.spark.ml.util.DefaultParamsWritable;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.model.BlockActivation;
import org.sparkssm.model.HeadKind;
import org.sparkssm.model.ModelSpec;
import org.sparkssm.model.NormKind;
import org.sparkssm.model.Readout;
import org.sparkssm.spark.DataParallelTrainer;
import org.sparkssm.spark.Failures;
import org.sparkssm.spark.SequenceReader;
import org.sparkssm.train.Schedule;
import org.sparkssm.train.TrainedModel;
import org.sparkssm.train.TrainingListener;
import org.sparkssm.train.TrainingSettings;

/**
 * What the estimators of sequence models share: Params, and {@link #fit} by {@link
 * DataParallelTrainer}. The weights are a function of the rows, the Params and the seed: the same
 * bits for any partitioning, any number of cores and executors, and every mode.
 *
 * @param <E> the estimator
 * @param <M> its model
 */
public abstract class SequenceEstimator<
        E extends SequenceEstimator<E, M>, M extends SequenceModelTransformer<M>>
    extends Estimator<M> implements DefaultParamsWritable {
  private static final long serialVersionUID = 1L;

  private static final ObjectMapper JSON = new ObjectMapper();

  private final String uid;
  private final Param<String> idCol;
  private final Param<String> inputCol;
  private final Param<String> timesCol;
  private final Param<String> labelCol;
  private final Param<String> predictionCol;
  private final IntParam channels;
  private final IntParam vocabulary;
  private final Param<String> modelSpec;
  private final Param<String> layer;
  private final Param<String> layerOptions;
  private final IntParam blocks;
  private final IntParam width;
  private final IntParam stateSize;
  private final Param<String> activation;
  private final Param<String> norm;
  private final DoubleParam dropout;
  private final Param<String> readout;
  private final BooleanParam timeChannel;
  private final BooleanParam standardization;
  private final IntParam epochs;
  private final IntParam batchSize;
  private final DoubleParam learningRate;
  private final Param<String> schedule;
  private final DoubleParam warmupFraction;
  private final DoubleParam weightDecay;
  private final DoubleParam gradientClip;
  private final IntParam microShards;
  private final LongParam seed;
  private final DoubleParam validationFraction;
  private final BooleanParam keepBest;
  private final DoubleParam maxSeconds;
  private final Param<String> device;
  private final Param<String> mode;
  private transient TrainingListener listener;

  SequenceEstimator(String uid) {
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
    modelSpec =
        new Param<>(
            this,
            "modelSpec",
            "the whole model as JSON; not set: the Params from layer to "
                + "standardization describe it");
    layer =
        new Param<>(
            this, "layer", "kind of the layers: " + String.join(", ", ModelSpec.layerKinds()));
    layerOptions =
        new Param<>(this, "layerOptions", "further options of the layer as a JSON object");
    blocks = new IntParam(this, "blocks", "number of blocks", ParamValidators.gtEq(1));
    width = new IntParam(this, "width", "columns between blocks, D", ParamValidators.gtEq(1));
    stateSize =
        new IntParam(
            this,
            "stateSize",
            "state size N of a layer; not set: the layer's default",
            ParamValidators.gtEq(1));
    activation =
        new Param<>(
            this,
            "activation",
            "after each layer: none, gelu or glu",
            words(BlockActivation.words()));
    norm =
        new Param<>(
            this,
            "norm",
            "before each layer and after the last block: none, rms or layer",
            words(NormKind.words()));
    dropout =
        new DoubleParam(
            this,
            "dropout",
            "rate of dropout in each block, in [0, 1)",
            ParamValidators.inRange(0, 1, true, false));
    readout =
        new Param<>(
            this,
            "readout",
            "rows the head sees where a sequence has one label: last or mean",
            words(new String[] {"last", "mean"}));
    timeChannel =
        new BooleanParam(
            this, "timeChannel", "whether time since the start is an additional input channel");
    standardization =
        new BooleanParam(
            this,
            "standardization",
            "whether input channels are shifted and scaled to mean 0 and deviation "
                + "1 over the training split");
    epochs =
        new IntParam(this, "epochs", "passes over the training split", ParamValidators.gtEq(1));
    batchSize =
        new IntParam(this, "batchSize", "sequences per optimizer step", ParamValidators.gtEq(1));
    learningRate =
        new DoubleParam(this, "learningRate", "greatest rate of AdamW", ParamValidators.gt(0));
    schedule =
        new Param<>(
            this,
            "schedule",
            "of the learning rate after the warm-up: constant or cosine",
            words(Schedule.words()));
    warmupFraction =
        new DoubleParam(
            this,
            "warmupFraction",
            "share of the steps over which the learning rate rises, in [0, 1)",
            ParamValidators.inRange(0, 1, true, false));
    weightDecay =
        new DoubleParam(
            this, "weightDecay", "of AdamW, on weight matrices", ParamValidators.gtEq(0));
    gradientClip =
        new DoubleParam(
            this,
            "gradientClip",
            "greatest norm of the mean gradient; 0: no limit",
            ParamValidators.gtEq(0));
    microShards =
        new IntParam(
            this,
            "microShards",
            "number of parts of a batch that are summed separately, a power of two; "
                + "part of the result's bits, and the greatest useful number of cores",
            new PowerOfTwo());
    seed =
        new LongParam(
            this, "seed", "seed of initial weights, order of rows, dropout and validation split");
    validationFraction =
        new DoubleParam(
            this,
            "validationFraction",
            "share of rows kept for validation, in [0, 1)",
            ParamValidators.inRange(0, 1, true, false));
    keepBest =
        new BooleanParam(
            this,
            "keepBest",
            "whether the epoch with the best validation metric is kept instead of "
                + "the last one");
    maxSeconds =
        new DoubleParam(
            this,
            "maxSeconds",
            "training ends after the epoch in which this time runs out; 0: no limit",
            ParamValidators.gtEq(0));
    device =
        new Param<>(
            this,
            "device",
            "auto, cpu, gpu or reference; not set: spark.ssm.device, else auto",
            words(new String[] {"auto", "cpu", "gpu", "reference"}));
    mode =
        new Param<>(
            this,
            "mode",
            "where micro-shards live: local (this process), elastic (Spark's cache, "
                + "a job per step), or auto: local if Spark runs in this process",
            words(DataParallelTrainer.Mode.words()));
    setDefault(idCol, "id");
    setDefault(inputCol, "values");
    setDefault(labelCol, "label");
    setDefault(predictionCol, "prediction");
    setDefault(layer, "mamba");
    setDefault(layerOptions, "{}");
    setDefault(blocks, 2);
    setDefault(width, 64);
    setDefault(activation, "none");
    setDefault(norm, "rms");
    setDefault(dropout, 0.0);
    setDefault(readout, "mean");
    setDefault(timeChannel, false);
    setDefault(standardization, true);
    setDefault(epochs, 20);
    setDefault(batchSize, 32);
    setDefault(learningRate, 0.003);
    setDefault(schedule, "cosine");
    setDefault(warmupFraction, 0.05);
    setDefault(weightDecay, 0.01);
    setDefault(gradientClip, 1.0);
    setDefault(microShards, 8);
    setDefault(seed, 0L);
    setDefault(validationFraction, 0.0);
    setDefault(keepBest, false);
    setDefault(maxSeconds, 0.0);
    setDefault(mode, "auto");
  }

  private static scala.Function1<String, Object> words(String[] allowed) {
    return ParamValidators.inArray(List.of(allowed));
  }

  /** Names of classes; empty for numbers and for classes without names. */
  abstract List<String> classNames(Dataset<?> dataset);

  /** Number of classes, 0 for numbers. */
  abstract int classes(Dataset<?> dataset, List<String> names);

  /** The head for one label a sequence, or one a step. */
  abstract HeadKind head(boolean labelPerStep);

  /** Refuses a label column of a type that does not fit. */
  abstract void checkLabel(String name, DataType type);

  /** The model around what training gave. */
  abstract M model(TrainedModel trained);

  @SuppressWarnings("unchecked") // E is the class itself
  private E self() {
    return (E) this;
  }

  /** Hears how the training goes; not part of the Params, and not saved. */
  public final E setTrainingListener(TrainingListener value) {
    listener = value;
    return self();
  }

  /**
   * Trains a model.
   *
   * @throws InvalidInputException if a column or a row does not fit, in one sentence
   * @throws org.sparkssm.model.NonFiniteException if a number stops being finite
   * @throws java.util.concurrent.CancellationException if the thread is interrupted
   */
  @Override
  public M fit(Dataset<?> dataset) {
    transformSchema(dataset.schema());
    try {
      List<String> names = classNames(dataset);
      SequenceReader reader = reader(dataset, names);
      TrainedModel trained = trainer(dataset, reader).train(dataset, reader, names);
      return copyValues(model(trained).setParent(this), ParamMap.empty());
    } catch (Exception e) {
      throw failure(e);
    }
  }

  /** What a user can mend, out of what Spark wraps around it. */
  private static RuntimeException failure(Exception e) {
    if (Failures.invalidInput(e).isPresent()) {
      return Failures.invalidInput(e).get();
    }
    return e instanceof RuntimeException unchecked
        ? unchecked
        : new IllegalStateException(e.getMessage(), e);
  }

  private DataParallelTrainer trainer(Dataset<?> dataset, SequenceReader reader) {
    return new DataParallelTrainer(
        sized(spec(reader), dataset, reader),
        settings(),
        (double) getOrDefault(validationFraction),
        SequenceColumns.device(this, device, dataset.sparkSession()),
        DataParallelTrainer.Mode.of(getOrDefault(mode)),
        listener == null ? new TrainingLog() : listener);
  }

  private TrainingSettings settings() {
    return new TrainingSettings(
        (int) getOrDefault(epochs),
        (int) getOrDefault(batchSize),
        (double) getOrDefault(learningRate),
        Schedule.of(getOrDefault(schedule)),
        (double) getOrDefault(warmupFraction),
        (double) getOrDefault(weightDecay),
        (double) getOrDefault(gradientClip),
        (int) getOrDefault(microShards),
        (long) getOrDefault(seed),
        (boolean) getOrDefault(keepBest),
        (double) getOrDefault(maxSeconds));
  }

  // ---------------------------------------------------------------- columns

  @Override
  public StructType transformSchema(StructType schema) {
    SequenceColumns.checkInput(schema, getOrDefault(inputCol));
    if (isSet(timesCol)) {
      Columns.requireArray(schema, getOrDefault(timesCol), DataTypes.DoubleType);
    }
    if (!getOrDefault(idCol).isEmpty()) {
      SequenceColumns.checkId(schema, getOrDefault(idCol));
    }
    String label = getOrDefault(labelCol);
    DataType labelType = Columns.type(schema, label, "a label");
    checkLabel(label, labelType);
    boolean perStep = labelType instanceof ArrayType;
    return Columns.append(
        schema,
        getOrDefault(predictionCol),
        perStep ? DataTypes.createArrayType(DataTypes.DoubleType, false) : DataTypes.DoubleType);
  }

  private SequenceReader reader(Dataset<?> dataset, List<String> names) {
    StructType schema = dataset.schema();
    String input = getOrDefault(inputCol);
    boolean tokens = SequenceColumns.isTokens(schema, input);
    DataType label = schema.apply(getOrDefault(labelCol)).dataType();
    return new SequenceReader(
        getOrDefault(idCol),
        input,
        tokens,
        tokens ? 0 : channels(schema, input),
        isSet(timesCol) ? getOrDefault(timesCol) : null,
        getOrDefault(labelCol),
        label instanceof ArrayType,
        classes(dataset, names),
        label.equals(DataTypes.StringType) ? SequenceColumns.numbered(names) : null);
  }

  private int channels(StructType schema, String input) {
    if (isSet(channels)) {
      return (int) getOrDefault(channels);
    }
    return Columns.channelsOf(schema, input)
        .orElseThrow(
            () ->
                new InvalidInputException(
                    "column " + input + " does not say how many channels it has; set channels"));
  }

  private int vocabulary(Dataset<?> dataset) {
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

  // ---------------------------------------------------------------- model

  private ModelSpec spec(SequenceReader reader) {
    HeadKind head = head(reader.labelPerStep());
    if (isSet(modelSpec)) {
      ModelSpec given = ModelSpec.parse(getOrDefault(modelSpec));
      if (given.head().kind() != head) {
        throw new InvalidInputException(
            "modelSpec has head %s, the labels ask for %s"
                .formatted(given.head().kind().word(), head.word()));
      }
      if (given.input().tokens() != reader.tokens()) {
        throw new InvalidInputException(
            "modelSpec expects %s, column %s holds %s"
                .formatted(
                    given.input().tokens() ? "tokens" : "values",
                    reader.inputColumn(),
                    reader.tokens() ? "tokens" : "values"));
      }
      return given.withSeed((long) getOrDefault(seed));
    }
    NormKind normKind = NormKind.of(getOrDefault(norm));
    return new ModelSpec(
        new ModelSpec.Input(
            reader.tokens(),
            0,
            0,
            !reader.tokens() && (boolean) getOrDefault(timeChannel),
            !reader.tokens() && (boolean) getOrDefault(standardization)),
        (int) getOrDefault(width),
        ModelSpec.blocks(
            (int) getOrDefault(blocks),
            getOrDefault(layer),
            options(),
            (int) getOrDefault(width),
            normKind,
            BlockActivation.of(getOrDefault(activation)),
            (double) getOrDefault(dropout)),
        normKind,
        reader.labelPerStep() ? Readout.EVERY_STEP : Readout.of(getOrDefault(readout)),
        new ModelSpec.Head(head, head == HeadKind.REGRESSION ? 1 : 0),
        (long) getOrDefault(seed));
  }

  private ObjectNode options() {
    ObjectNode options = JsonNodeFactory.instance.objectNode();
    try {
      JsonNode given = JSON.readTree(getOrDefault(layerOptions));
      if (!given.isObject()) {
        throw new InvalidInputException("layerOptions is " + given + ", expected a JSON object");
      }
      for (Map.Entry<String, JsonNode> option : given.properties()) {
        options.set(option.getKey(), option.getValue());
      }
    } catch (JsonProcessingException e) {
      throw new InvalidInputException("layerOptions is not JSON: " + e.getOriginalMessage(), e);
    }
    if (isSet(stateSize)) {
      options.put("state", (int) getOrDefault(stateSize));
    }
    return options;
  }

  private ModelSpec sized(ModelSpec spec, Dataset<?> dataset, SequenceReader reader) {
    int given = reader.tokens() ? spec.input().vocabulary() : spec.input().channels();
    int size = reader.channels();
    if (reader.tokens()) {
      size = given > 0 ? given : vocabulary(dataset);
    }
    if (given > 0 && given != size) {
      throw new InvalidInputException(
          "modelSpec expects %d channels, column %s has %d"
              .formatted(given, reader.inputColumn(), size));
    }
    ModelSpec sized = spec.withInputSize(size);
    if (reader.classes() == 0) {
      return sized;
    }
    int outputs = Math.max(spec.head().outputs(), reader.classes());
    return sized.withOutputs(outputs);
  }

  @Override
  public E copy(ParamMap extra) {
    E copy = defaultCopy(extra);
    return copy.setTrainingListener(listener);
  }

  // ---------------------------------------------------------------- Params

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

  public final Param<String> predictionCol() {
    return predictionCol;
  }

  public final IntParam channels() {
    return channels;
  }

  public final IntParam vocabulary() {
    return vocabulary;
  }

  public final Param<String> modelSpec() {
    return modelSpec;
  }

  public final Param<String> layer() {
    return layer;
  }

  public final Param<String> layerOptions() {
    return layerOptions;
  }

  public final IntParam blocks() {
    return blocks;
  }

  public final IntParam width() {
    return width;
  }

  public final IntParam stateSize() {
    return stateSize;
  }

  public final Param<String> activation() {
    return activation;
  }

  public final Param<String> norm() {
    return norm;
  }

  public final DoubleParam dropout() {
    return dropout;
  }

  public final Param<String> readout() {
    return readout;
  }

  public final BooleanParam timeChannel() {
    return timeChannel;
  }

  public final BooleanParam standardization() {
    return standardization;
  }

  public final IntParam epochs() {
    return epochs;
  }

  public final IntParam batchSize() {
    return batchSize;
  }

  public final DoubleParam learningRate() {
    return learningRate;
  }

  public final Param<String> schedule() {
    return schedule;
  }

  public final DoubleParam warmupFraction() {
    return warmupFraction;
  }

  public final DoubleParam weightDecay() {
    return weightDecay;
  }

  public final DoubleParam gradientClip() {
    return gradientClip;
  }

  public final IntParam microShards() {
    return microShards;
  }

  public final LongParam seed() {
    return seed;
  }

  public final DoubleParam validationFraction() {
    return validationFraction;
  }

  public final BooleanParam keepBest() {
    return keepBest;
  }

  public final DoubleParam maxSeconds() {
    return maxSeconds;
  }

  public final Param<String> device() {
    return device;
  }

  public final Param<String> mode() {
    return mode;
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

  public final E setModelSpec(String value) {
    set(modelSpec, value);
    return self();
  }

  public final E setLayer(String value) {
    set(layer, value);
    return self();
  }

  public final E setLayerOptions(String value) {
    set(layerOptions, value);
    return self();
  }

  public final E setBlocks(int value) {
    set(blocks, value);
    return self();
  }

  public final E setWidth(int value) {
    set(width, value);
    return self();
  }

  public final E setStateSize(int value) {
    set(stateSize, value);
    return self();
  }

  public final E setActivation(String value) {
    set(activation, value);
    return self();
  }

  public final E setNorm(String value) {
    set(norm, value);
    return self();
  }

  public final E setDropout(double value) {
    set(dropout, value);
    return self();
  }

  public final E setReadout(String value) {
    set(readout, value);
    return self();
  }

  public final E setTimeChannel(boolean value) {
    set(timeChannel, value);
    return self();
  }

  public final E setStandardization(boolean value) {
    set(standardization, value);
    return self();
  }

  public final E setEpochs(int value) {
    set(epochs, value);
    return self();
  }

  public final E setBatchSize(int value) {
    set(batchSize, value);
    return self();
  }

  public final E setLearningRate(double value) {
    set(learningRate, value);
    return self();
  }

  public final E setSchedule(String value) {
    set(schedule, value);
    return self();
  }

  public final E setWarmupFraction(double value) {
    set(warmupFraction, value);
    return self();
  }

  public final E setWeightDecay(double value) {
    set(weightDecay, value);
    return self();
  }

  public final E setGradientClip(double value) {
    set(gradientClip, value);
    return self();
  }

  public final E setMicroShards(int value) {
    set(microShards, value);
    return self();
  }

  public final E setSeed(long value) {
    set(seed, value);
    return self();
  }

  public final E setValidationFraction(double value) {
    set(validationFraction, value);
    return self();
  }

  public final E setKeepBest(boolean value) {
    set(keepBest, value);
    return self();
  }

  public final E setMaxSeconds(double value) {
    set(maxSeconds, value);
    return self();
  }

  public final E setDevice(String value) {
    set(device, value);
    return self();
  }

  public final E setMode(String value) {
    set(mode, value);
    return self();
  }
}
