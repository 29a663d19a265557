package org.sparkssm.model;

import java.util.Arrays;
import java.util.stream.Stream;
import org.sparkssm.data.SeededRandom;
import org.sparkssm.kernel.Kernels;
import org.sparkssm.kernel.Segments;
import org.sparkssm.kernel.Tensor;

/**
 * One small layer for every kind in the {@link LayerCatalog} and every option that changes its code
 * path. What is tested with them holds for all layers; a new layer needs its lines here.
 */
final class LayerSamples {
  private LayerSamples() {}

  /** Layers that run step by step. */
  static Stream<String> causal() {
    return Stream.of(
        "{'kind': 'attention', 'heads': 2, 'key': 4}",
        "{'kind': 'attention', 'heads': 1, 'key': 3, 'positions': 'none'}",
        "{'kind': 'delta-net', 'heads': 2, 'key': 3, 'value': 2}",
        "{'kind': 'delta-net', 'heads': 1, 'key': 3, 'negative': true, 'updates': 2}",
        "{'kind': 'delta-net', 'heads': 2, 'key': 2, 'gated': true, 'negative': true}",
        "{'kind': 'delta-net', 'heads': 2, 'key': 2, 'convolution': 1}",
        "{'kind': 'gateloop', 'heads': 2, 'key': 1, 'value': 3, 'gateRank': 2}",
        "{'kind': 'gla', 'heads': 2, 'key': 3, 'gateRank': 2, 'temperature': 4}",
        "{'kind': 'linear-cde', 'state': 5, 'controls': 2}",
        "{'kind': 'linear-cde', 'state': 5, 'controls': 2, 'solver': 'euler'}",
        "{'kind': 'linear-cde', 'state': 4, 'controls': 2, 'solver': 'exponential'}",
        "{'kind': 'linear-cde', 'state': 4, 'controls': 3, 'control': 'values', 'step': 0.2}",
        "{'kind': 'linear-cde', 'state': 4, 'controls': 2, 'structure': 'diagonal'}",
        "{'kind': 'linear-cde', 'state': 6, 'controls': 2, 'structure': 'block-diagonal',"
            + " 'block': 2, 'solver': 'exponential'}",
        "{'kind': 'linear-cde', 'state': 4, 'controls': 2, 'structure': 'low-rank', 'rank': 2}",
        "{'kind': 'linear-cde', 'state': 4, 'controls': 2, 'structure': 'walsh-hadamard',"
            + " 'solver': 'euler'}",
        "{'kind': 'linear-cde', 'state': 5, 'controls': 2, 'structure': 'sparse',"
            + " 'density': 0.4}",
        "{'kind': 'lstm', 'state': 3}",
        "{'kind': 'mamba', 'state': 3}",
        "{'kind': 'mamba', 'state': 2, 'expand': 3, 'convolution': 2}",
        "{'kind': 'mamba', 'state': 2, 'clock': 3}",
        "{'kind': 'rnn', 'state': 3}",
        "{'kind': 's4d', 'state': 3}",
        "{'kind': 's4d', 'state': 2, 'initialization': 'inv', 'discretization': 'bilinear'}",
        "{'kind': 's5', 'state': 3}",
        "{'kind': 's5', 'state': 2, 'discretization': 'bilinear'}",
        "{'kind': 's5', 'state': 2, 'clock': 3}");
  }

  /** Layers whose output at a step depends on what follows it. */
  static Stream<String> acausal() {
    return Stream.of(
        "{'kind': 'bidirectional', 'layer': {'kind': 's5', 'state': 2, 'clock': 3}}",
        "{'kind': 'bidirectional', 'layer': {'kind': 'linear-cde', 'state': 3}}",
        "{'kind': 'linear-cde', 'state': 4, 'controls': 3, 'control': 'values'}");
  }

  /** Layers that need a model of tokens. */
  static Stream<String> ofTokens() {
    return Stream.of(
        "{'kind': 'linear-cde', 'state': 3, 'control': 'tokens', 'step': 0.5}",
        "{'kind': 'linear-cde', 'state': 4, 'control': 'tokens', 'step': 1,"
            + " 'structure': 'block-diagonal', 'solver': 'euler'}");
  }

  /** Layers that read values. */
  static Stream<String> ofValues() {
    return Stream.concat(causal(), acausal());
  }

  /** A model of one layer with an output for every step. */
  static SequenceModel model(String layer) {
    boolean tokens = layer.contains("tokens");
    return model(layer, tokens, "every-step", tokens ? Scaling.identity(0) : SCALING);
  }

  private static final Scaling SCALING =
      new Scaling(new double[3], new double[] {0.7, 0.7, 0.7}, 2.5, 0.1, 0.5);

  static SequenceModel model(String layer, boolean tokens, String readout, Scaling scaling) {
    String input = tokens ? "{'kind': 'tokens', 'vocabulary': 4}" : "{'channels': 3, 'time': true}";
    String json =
        "{'input': %s, 'width': 4, 'blocks': [{'norm': 'none', 'residual': false, 'layer': %s}],"
                .formatted(input, layer)
            + " 'finalNorm': 'none', 'readout': '%s', 'head': {'kind': 'regression'}}"
                .formatted(readout);
    return new SequenceModel(ModelSpec.parse(json.replace('\'', '"')), scaling);
  }

  /** Away from symmetric values such as gains of one, so that no gradient vanishes by accident. */
  static double[] parameters(SequenceModel model) {
    var random = SeededRandom.create(2);
    double[] values = model.layout().initialValues(11);
    for (int i = 0; i < values.length; i++) {
      // Representable in single precision, so that all kernels see the same numbers.
      values[i] = (float) (values[i] + 0.2 * (random.nextDouble() - 0.5));
    }
    return values;
  }

  static Tensor tensor(Kernels kernels, double[] values) {
    Tensor tensor = kernels.allocate(1, values.length);
    kernels.write(tensor, values);
    return tensor;
  }

  /** Steps {@code from} to {@code to - 1} of each sequence, as far as it has them. */
  static SequenceBatch part(SequenceBatch batch, int from, int to) {
    int[] lengths = new int[batch.size()];
    int rows = 0;
    for (int b = 0; b < lengths.length; b++) {
      int length = batch.segments().length(b);
      lengths[b] = Math.max(0, Math.min(to, length) - from);
      rows += lengths[b];
    }
    int c = batch.channels();
    float[] values = new float[rows * c];
    double[] times = batch.times() == null ? null : new double[rows];
    int[] tokens = batch.tokens() == null ? null : new int[rows];
    int row = 0;
    for (int b = 0; b < lengths.length; b++) {
      int first = batch.segments().offset(b) + from;
      System.arraycopy(
          batch.values(),
          Math.min(first * c, batch.values().length),
          values,
          row * c,
          lengths[b] * c);
      for (int l = 0; l < lengths[b]; l++, row++) {
        if (times != null) {
          times[row] = batch.times()[first + l];
        }
        if (tokens != null) {
          tokens[row] = batch.tokens()[first + l];
        }
      }
    }
    return new SequenceBatch(
        batch.ids(), Segments.ofLengths(lengths), c, values, times, tokens, null, false);
  }

  /** The rows of {@code part} laid into {@code whole}, at steps from {@code from} on. */
  static void place(
      SequenceBatch batch, SequenceBatch part, int from, float[] rows, float[] whole) {
    for (int b = 0; b < batch.size(); b++) {
      int length = part.segments().length(b);
      int to = batch.segments().offset(b) + from;
      System.arraycopy(rows, part.segments().offset(b), whole, Math.min(to, whole.length), length);
    }
  }

  static float[] nan(int count) {
    float[] values = new float[count];
    Arrays.fill(values, Float.NaN);
    return values;
  }
}
