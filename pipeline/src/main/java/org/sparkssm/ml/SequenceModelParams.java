package org.sparkssm.ml;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Map;
import java.util.stream.Stream;
import org.apache.spark.ml.param.BooleanParam;
import org.apache.spark.ml.param.DoubleParam;
import org.apache.spark.ml.param.IntParam;
import org.apache.spark.ml.param.Param;
import org.apache.spark.ml.param.ParamValidators;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.model.BlockActivation;
import org.sparkssm.model.HeadKind;
import org.sparkssm.model.ModelSpec;
import org.sparkssm.model.NormKind;
import org.sparkssm.model.Readout;
import org.sparkssm.spark.SequenceReader;

/**
 * The model that an estimator trains: a whole {@link ModelSpec}, or the Params that describe equal
 * blocks.
 *
 * @param <E> the estimator
 * @param <M> its model
 */
public abstract class SequenceModelParams<
        E extends SequenceEstimator<E, M>, M extends SequenceModelTransformer<M>>
    extends SequenceColumnParams<E, M> {
  private static final long serialVersionUID = 1L;

  private static final ObjectMapper JSON = new ObjectMapper();

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

  SequenceModelParams(String uid) {
    super(uid);
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
            "after each layer: none, gelu, glu or gelu-glu",
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
            "rows the head sees: last or mean where a sequence has one label, every-step where each step has one; not set: mean, or every-step",
            words(Readout.words()));
    timeChannel =
        new BooleanParam(
            this, "timeChannel", "whether time since the start is an additional input channel");
    standardization =
        new BooleanParam(
            this,
            "standardization",
            "whether input channels are shifted and scaled to mean 0 and deviation "
                + "1 over the training split");
    setDefault(layer, "mamba");
    setDefault(layerOptions, "{}");
    setDefault(blocks, 2);
    setDefault(width, 64);
    setDefault(activation, "none");
    setDefault(norm, "rms");
    setDefault(dropout, 0.0);
    setDefault(timeChannel, false);
    setDefault(standardization, true);
  }

  /** The model that the Params describe; sizes of input and output may be missing. */
  final ModelSpec spec(SequenceReader reader, HeadKind head, long seed) {
    if (isSet(modelSpec)) {
      ModelSpec given = ModelSpec.parse(getOrDefault(modelSpec));
      checkFits(given, "modelSpec", reader, head);
      return given.withSeed(seed);
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
        readout(reader),
        new ModelSpec.Head(head, head == HeadKind.REGRESSION ? 1 : 0),
        seed);
  }

  /** Whether any of the Params that describe the model was set. */
  final boolean isModelDescribed() {
    return Stream.of(
            modelSpec,
            layer,
            layerOptions,
            blocks,
            width,
            stateSize,
            activation,
            norm,
            dropout,
            readout,
            timeChannel,
            standardization)
        .anyMatch(this::isSet);
  }

  /** Refuses a whole description that is not one for these rows and labels. */
  static void checkFits(ModelSpec given, String name, SequenceReader reader, HeadKind head) {
    if (given.head().kind() != head) {
      throw new InvalidInputException(
          "%s has head %s, the labels ask for %s"
              .formatted(name, given.head().kind().word(), head.word()));
    }
    if (given.input().tokens() != reader.tokens()) {
      throw new InvalidInputException(
          "%s expects %s, column %s holds %s"
              .formatted(
                  name,
                  given.input().tokens() ? "tokens" : "values",
                  reader.inputColumn(),
                  reader.tokens() ? "tokens" : "values"));
    }
  }

  private Readout readout(SequenceReader reader) {
    Readout natural = reader.labelPerStep() ? Readout.EVERY_STEP : Readout.MEAN;
    Readout asked = isSet(readout) ? Readout.of(getOrDefault(readout)) : natural;
    if ((asked == Readout.EVERY_STEP) != reader.labelPerStep()) {
      throw new InvalidInputException(
          "readout is %s, column %s has one label a %s"
              .formatted(
                  asked.word(), reader.labelColumn(), reader.labelPerStep() ? "step" : "sequence"));
    }
    return asked;
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
}
