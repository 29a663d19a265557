package org.sparkssm.model;

import org.sparkssm.kernel.Segments;
import org.sparkssm.kernel.Tensor;

/**
 * Depthwise causal convolution, then SiLU, as before the scans of Mamba and DeltaNet; taps drawn
 * uniformly in ±1/sqrt(taps), the default of PyTorch's Conv1d.
 */
final class CausalConvolution implements Layer {
  private final int columns;
  private final int taps;
  private final Parameter weight;
  private final Parameter bias;
  private final StateSlot tail;

  CausalConvolution(int columns, int taps, boolean biased, ParameterLayout layout) {
    this.columns = columns;
    this.taps = taps;
    Initializer initializer = Initializer.uniform(1 / Math.sqrt(taps));
    weight = layout.addWeight("weight", columns, taps, initializer);
    bias = biased ? layout.addFree("bias", 1, columns, initializer) : null;
    tail = layout.addState("tail", (taps - 1) * columns, Carry.lastRows(taps - 1));
  }

  @Override
  public Backward forward(Pass pass, Tensor x, Tensor y) {
    if (pass.carries()) {
      continued(pass, x, y);
    } else {
      convolve(pass, pass.segments(), x, y);
    }
    return (dy, dx) ->
        pass.kernels()
            .causalConvolutionBackward(
                pass.segments(),
                x,
                pass.value(weight),
                biasOf(pass),
                true,
                dy,
                dx,
                pass.gradient(weight),
                bias == null ? null : pass.gradient(bias));
  }

  private void convolve(Pass pass, Segments segments, Tensor x, Tensor y) {
    pass.kernels().causalConvolutionForward(segments, x, pass.value(weight), biasOf(pass), true, y);
  }

  private Tensor biasOf(Pass pass) {
    return bias == null ? null : pass.value(bias);
  }

  /** Each sequence with the rows before it that the first taps see. */
  private void continued(Pass pass, Tensor x, Tensor y) {
    Segments segments = pass.segments();
    int[] lengths = new int[segments.batch()];
    for (int b = 0; b < lengths.length; b++) {
      lengths[b] = taps - 1 + segments.length(b);
    }
    Segments longer = Segments.ofLengths(lengths);
    Tensor before = pass.before(tail);
    Tensor after = pass.after(tail);
    Tensor all = pass.kernels().zeros(longer.rows(), columns);
    Tensor convolved = pass.kernels().allocate(longer.rows(), columns);
    for (int b = 0; b < lengths.length; b++) {
      int first = longer.offset(b);
      Tensor ofSequence = all.rowRange(first, first + lengths[b]);
      if (before != null) {
        Tensor earlier = before.rowRange(b, b + 1).reshape(taps - 1, columns);
        pass.kernels().copy(earlier, ofSequence.rowRange(0, taps - 1));
      }
      pass.kernels().copy(rows(segments, b, x), ofSequence.rowRange(taps - 1, lengths[b]));
      pass.kernels()
          .copy(
              ofSequence.rowRange(lengths[b] - taps + 1, lengths[b]),
              after.rowRange(b, b + 1).reshape(taps - 1, columns));
    }
    convolve(pass, longer, all, convolved);
    for (int b = 0; b < lengths.length; b++) {
      int first = longer.offset(b);
      pass.kernels()
          .copy(convolved.rowRange(first + taps - 1, first + lengths[b]), rows(segments, b, y));
    }
    pass.carry(tail, after);
  }

  private static Tensor rows(Segments segments, int b, Tensor x) {
    return x.rowRange(segments.offset(b), segments.offset(b) + segments.length(b));
  }
}
