package org.sparkssm.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.sparkssm.kernel.HostKernels;
import org.sparkssm.kernel.Tensor;
import org.sparkssm.testing.SampleBatches;

/**
 * Gradients over sequences of 100,000 steps: finite, and with memory in proportion to the length.
 */
class LongSequencesTest {
  private static final int LENGTH = 100_000;

  /** One of each family whose work is linear in the length. */
  static Stream<String> layers() {
    return Stream.of(
        "{'kind': 'delta-net', 'heads': 2, 'key': 3, 'gated': true, 'negative': true}",
        "{'kind': 'gateloop', 'heads': 2, 'key': 2}",
        "{'kind': 'gla', 'heads': 2, 'key': 2, 'temperature': 1}",
        "{'kind': 'linear-cde', 'state': 4, 'controls': 2}",
        "{'kind': 'linear-cde', 'state': 4, 'controls': 2, 'structure': 'block-diagonal'}",
        "{'kind': 'lstm', 'state': 3}",
        "{'kind': 'mamba', 'state': 2}",
        "{'kind': 'mamba', 'state': 2, 'clock': 3}",
        "{'kind': 's4d', 'state': 2}",
        "{'kind': 's5', 'state': 2}");
  }

  @ParameterizedTest
  @MethodSource("layers")
  void gradientsAreFiniteAndMemoryIsLinear(String layer) {
    SequenceModel model = LayerSamples.model(layer);
    long brief = bytesOfGradient(model, LENGTH / 10);
    long whole = bytesOfGradient(model, LENGTH);
    // Ten times the rows, in buffers that double: quadratic memory would be a hundred times as
    // much.
    assertTrue(whole <= 25 * brief, () -> layer + ": " + brief + " and " + whole + " bytes");
  }

  /** Bytes that loss and gradient of one sequence took. */
  private static long bytesOfGradient(SequenceModel model, int length) {
    // Small increments: a path of 100,000 steps of the usual size would leave every range.
    SequenceBatch random = SampleBatches.values(1, 3, length);
    float[] values = random.values().clone();
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) Math.sin(1e-3 * i) * 0.1f;
    }
    double[] times = new double[length];
    for (int l = 0; l < length; l++) {
      times[l] = (double) l / LENGTH;
    }
    SequenceBatch batch =
        SampleBatches.withNumbers(
            new SequenceBatch(random.ids(), random.segments(), 3, values, times, null, null, false),
            2,
            true);
    try (HostKernels host = new HostKernels()) {
      Tensor parameters = LayerSamples.tensor(host, model.layout().initialValues(3));
      Tensor gradients = host.zeros(1, model.layout().size());
      LossSums sums = model.lossAndGradient(host, parameters, gradients, batch, null).sums();
      assertTrue(Double.isFinite(sums.loss()), () -> "loss " + sums.loss());
      assertTrue(Double.isFinite(host.sumOfSquares(gradients).value()), "gradient");
      return host.bytes();
    }
  }

  /** A decay that underflows forgets exactly: what follows is as if the sequence began there. */
  @Test
  void decaysThatUnderflowLeaveNothingBehind() {
    SequenceModel model = LayerSamples.model("{'kind': 'gla', 'heads': 2, 'temperature': 0.001}");
    double[] values = LayerSamples.parameters(model);
    SequenceBatch batch = SampleBatches.values(5, 3, 300);
    try (HostKernels host = new HostKernels()) {
      Tensor parameters = LayerSamples.tensor(host, values);
      float[] whole = model.score(host, parameters, batch);
      for (float output : whole) {
        assertTrue(Float.isFinite(output));
      }
      SequenceState state = model.start(1);
      model.advance(host, parameters, state, LayerSamples.part(batch, 0, 299));
      float[] last = model.advance(host, parameters, state, LayerSamples.part(batch, 299, 300));
      assertArrayEquals(new float[] {whole[299]}, last, 1e-5f);
    }
  }
}
