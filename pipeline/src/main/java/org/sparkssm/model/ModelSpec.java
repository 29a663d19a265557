package org.sparkssm.model;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.sparkssm.data.InvalidInputException;

/**
 * The single description of a model: every job, Estimator and checkpoint uses it.
 *
 * <p>A model is an encoder, a stack of blocks, a readout and a head. As JSON:
 *
 * <pre>{@code
 * {"input":   {"kind": "values", "channels": 12, "time": false, "standardize": true},
 *  "width":   64,
 *  "blocks":  [{"norm": "rms", "layer": {"kind": "mamba", "state": 16}, "activation": "none",
 *               "residual": true, "dropout": 0.0}],
 *  "finalNorm": "rms",
 *  "readout": "mean",
 *  "head":    {"kind": "classification", "outputs": 9},
 *  "seed":    1}
 * }</pre>
 *
 * Token input is {@code {"kind": "tokens", "vocabulary": 60}}. Options that are left out take their
 * defaults, and {@link #toJson} writes them all; {@code channels}, {@code vocabulary} and {@code
 * outputs} may be left out (0) and come from the data. Unknown names are refused.
 *
 * @param input what a row holds
 * @param width D, columns between blocks
 * @param blocks in order from the input
 * @param finalNorm norm between the last block and the readout
 * @param readout which rows the head sees
 * @param head what comes out
 * @param seed of the initial parameters
 */
public record ModelSpec(
    Input input,
    int width,
    List<Block> blocks,
    NormKind finalNorm,
    Readout readout,
    Head head,
    long seed) {
  private static final ObjectMapper MAPPER = new ObjectMapper();

  /** A layer is described by its kind and its options, defaults filled in. */
  public record Layer(String kind, JsonNode options) {}

  /**
   * What a row of a sequence is.
   *
   * @param tokens whether a row is a token instead of channel values
   * @param channels C; 0: from the data
   * @param vocabulary number of tokens; 0: from the data, and for values
   * @param time whether the time since the sequence's start, divided by the longest duration of the
   *     training split, becomes the first channel
   * @param standardize whether each channel is shifted and scaled to mean 0 and deviation 1 over
   *     the rows of the training split
   */
  public record Input(
      boolean tokens, int channels, int vocabulary, boolean time, boolean standardize) {

    /** Columns that the encoder sees. */
    public int columns() {
      return channels + (time ? 1 : 0);
    }
  }

  /**
   * {@code y = x + dropout(activation(layer(norm(x))))}, without {@code x +} where not residual.
   */
  public record Block(
      NormKind norm, Layer layer, BlockActivation activation, boolean residual, double dropout) {}

  /** What the head predicts. */
  public record Head(HeadKind kind, int outputs) {}

  /** Copies the list of blocks and checks what the parts demand of each other. */
  public ModelSpec {
    blocks = List.copyOf(blocks);
    if (blocks.isEmpty()) {
      throw new InvalidInputException("a model has at least one block, found none");
    }
    if ((head.kind() == HeadKind.TOKEN_CLASSIFICATION) && readout != Readout.EVERY_STEP) {
      throw new InvalidInputException(
          "head token-classification labels every step, expected readout every-step, found "
              + readout.word());
    }
    if (head.kind() == HeadKind.CLASSIFICATION && readout == Readout.EVERY_STEP) {
      throw new InvalidInputException(
          "head classification labels a sequence, expected readout last or mean, found every-step"
              + " (token-classification labels every step)");
    }
    if (head.kind() == HeadKind.REGRESSION && head.outputs() != 1) {
      throw new InvalidInputException("head regression has 1 output, found " + head.outputs());
    }
  }

  /**
   * Reads a description.
   *
   * @throws InvalidInputException if it is not JSON, or an option is unknown, missing or out of
   *     range
   */
  public static ModelSpec parse(String json) {
    JsonNode node;
    try {
      node = MAPPER.readTree(json);
    } catch (JsonProcessingException e) {
      throw new InvalidInputException(
          "the model description is not JSON: " + e.getOriginalMessage(), e);
    }
    if (node == null || node.isMissingNode()) {
      throw new InvalidInputException("the model description is empty, expected a JSON object");
    }
    return of(new Options(node, "the model description"));
  }

  private static ModelSpec of(Options options) {
    Input input = input(options.child("input", "the input"));
    int width = options.integer("width", 64, 1);
    LayerSetting setting = LayerSetting.of(input, width);
    List<Block> blocks = new ArrayList<>();
    for (Options block : options.children("blocks", "block")) {
      blocks.add(block(block, setting));
    }
    Options head = options.child("head", "the head");
    HeadKind kind = HeadKind.of(head.word("kind", null, HeadKind.words()));
    int outputs = head.integer("outputs", kind == HeadKind.REGRESSION ? 1 : 0, 0);
    head.finish();
    ModelSpec spec =
        new ModelSpec(
            input,
            width,
            blocks,
            NormKind.of(options.word("finalNorm", "rms", NormKind.words())),
            Readout.of(
                options.word(
                    "readout",
                    kind == HeadKind.TOKEN_CLASSIFICATION ? "every-step" : "mean",
                    Readout.words())),
            new Head(kind, outputs),
            options.longInteger("seed", 0));
    options.finish();
    return spec;
  }

  private static Input input(Options options) {
    boolean tokens = options.word("kind", "values", "values", "tokens").equals("tokens");
    Input input =
        tokens
            ? new Input(true, 0, options.integer("vocabulary", 0, 0), false, false)
            : new Input(
                false,
                options.integer("channels", 0, 0),
                0,
                options.flag("time", false),
                options.flag("standardize", true));
    options.finish();
    return input;
  }

  private static Block block(Options options, LayerSetting setting) {
    Block block =
        new Block(
            NormKind.of(options.word("norm", "rms", NormKind.words())),
            layer(options.child("layer", "the layer of " + options.where()), setting),
            BlockActivation.of(options.word("activation", "none", BlockActivation.words())),
            options.flag("residual", true),
            options.number("dropout", 0, 0, 1));
    options.finish();
    return block;
  }

  private static Layer layer(Options options, LayerSetting setting) {
    LayerCatalog.create(options, setting, new ParameterLayout());
    options.finish();
    ObjectNode resolved = options.resolved();
    String kind = resolved.remove("kind").asText();
    return new Layer(kind, resolved);
  }

  /**
   * {@code count} equal blocks with default options otherwise.
   *
   * @param layer kind of the layer
   * @param layerOptions JSON object with the layer's options; those left out take their defaults
   */
  public static List<Block> blocks(
      int count,
      String layer,
      JsonNode layerOptions,
      int width,
      NormKind norm,
      BlockActivation activation,
      double dropout) {
    ObjectNode layerNode = JsonNodeFactory.instance.objectNode().put("kind", layer);
    layerOptions.properties().forEach(entry -> layerNode.set(entry.getKey(), entry.getValue()));
    ObjectNode node = JsonNodeFactory.instance.objectNode();
    node.put("norm", norm.word()).put("activation", activation.word()).put("dropout", dropout);
    node.set("layer", layerNode);
    // The input is not known here; what depends on it is looked at with the whole description.
    LayerSetting setting = new LayerSetting(width, 1);
    return Collections.nCopies(count, block(new Options(node, "each block"), setting));
  }

  /** The same model for data of that many channels (values) or tokens. */
  public ModelSpec withInputSize(int size) {
    Input sized =
        new Input(
            input.tokens(),
            input.tokens() ? 0 : size,
            input.tokens() ? size : 0,
            input.time(),
            input.standardize());
    return new ModelSpec(sized, width, blocks, finalNorm, readout, head, seed);
  }

  /** The same model with that many outputs. */
  public ModelSpec withOutputs(int outputs) {
    return new ModelSpec(
        input, width, blocks, finalNorm, readout, new Head(head.kind(), outputs), seed);
  }

  /** The same model with other initial parameters. */
  public ModelSpec withSeed(long newSeed) {
    return new ModelSpec(input, width, blocks, finalNorm, readout, head, newSeed);
  }

  /** Names of all kinds of layers, in alphabetical order. */
  public static List<String> layerKinds() {
    return List.of(LayerCatalog.kinds());
  }

  /** The whole description, defaults included; {@link #parse} reads it back. */
  public String toJson() {
    return toJsonNode().toPrettyString();
  }

  /** The whole description, defaults included. */
  public JsonNode toJsonNode() {
    ObjectNode node = JsonNodeFactory.instance.objectNode();
    ObjectNode inputNode = node.putObject("input");
    if (input.tokens()) {
      inputNode.put("kind", "tokens").put("vocabulary", input.vocabulary());
    } else {
      inputNode.put("kind", "values").put("channels", input.channels());
      inputNode.put("time", input.time()).put("standardize", input.standardize());
    }
    node.put("width", width);
    for (Block block : blocks) {
      if (!node.has("blocks")) {
        node.putArray("blocks");
      }
      ObjectNode blockNode = node.withArray("blocks").addObject();
      blockNode.put("norm", block.norm().word());
      ObjectNode layerNode = blockNode.putObject("layer").put("kind", block.layer().kind());
      block.layer().options().properties().forEach(e -> layerNode.set(e.getKey(), e.getValue()));
      blockNode.put("activation", block.activation().word());
      blockNode.put("residual", block.residual()).put("dropout", block.dropout());
    }
    node.put("finalNorm", finalNorm.word()).put("readout", readout.word());
    node.putObject("head").put("kind", head.kind().word()).put("outputs", head.outputs());
    return node.put("seed", seed);
  }
}
