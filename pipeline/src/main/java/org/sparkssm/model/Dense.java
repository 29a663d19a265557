package org.sparkssm.model;

import org.sparkssm.kernel.Tensor;

/**
 * {@code y = x weight^T + bias}; weight [outputs, inputs], both drawn uniformly in ±1/sqrt(inputs)
 * (the default of PyTorch's Linear).
 */
final class Dense implements Layer {
  private final Parameter weight;
  private final Parameter bias;

  Dense(int inputs, int outputs, boolean biased, ParameterLayout layout) {
    Initializer initializer = Initializer.uniform(1 / Math.sqrt(inputs));
    weight = layout.addWeight("weight", outputs, inputs, initializer);
    bias = biased ? layout.addFree("bias", 1, outputs, initializer) : null;
  }

  @Override
  public Backward forward(Pass pass, Tensor x, Tensor y) {
    pass.kernels().gemm(false, true, 1, x, pass.value(weight), 0, y);
    if (bias != null) {
      pass.kernels().addRow(pass.value(bias), y);
    }
    return (dy, dx) -> {
      parameterGradients(pass, x, dy);
      pass.kernels().gemm(false, false, 1, dy, pass.value(weight), 0, dx);
    };
  }

  /** The backward where the input needs no gradient. */
  void parameterGradients(Pass pass, Tensor x, Tensor dy) {
    pass.kernels().gemm(true, false, 1, dy, x, 1, pass.gradient(weight));
    if (bias != null) {
      pass.kernels().sumRows(dy, pass.gradient(bias));
    }
  }
}
