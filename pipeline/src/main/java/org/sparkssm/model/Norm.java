package org.sparkssm.model;

import org.sparkssm.kernel.Tensor;

/** RMS norm (Zhang and Sennrich 2019) or layer norm (Ba et al. 2016) over columns, epsilon 1e-5. */
final class Norm implements Layer {
  private static final double EPSILON = 1e-5;

  private final Parameter gamma;
  private final Parameter beta;

  /**
   * @param kind not {@link NormKind#NONE}
   */
  Norm(NormKind kind, int width, ParameterLayout layout) {
    gamma = layout.addFree("weight", 1, width, Initializer.constant(1));
    beta =
        kind == NormKind.LAYER ? layout.addFree("bias", 1, width, Initializer.constant(0)) : null;
  }

  @Override
  public Backward forward(Pass pass, Tensor x, Tensor y) {
    return beta == null ? rms(pass, x, y) : layer(pass, x, y);
  }

  private Backward rms(Pass pass, Tensor x, Tensor y) {
    Tensor inverse = pass.kernels().allocate(x.rows(), 1);
    pass.kernels().rmsNormForward(x, pass.value(gamma), EPSILON, y, inverse);
    return (dy, dx) ->
        pass.kernels().rmsNormBackward(x, pass.value(gamma), inverse, dy, dx, pass.gradient(gamma));
  }

  private Backward layer(Pass pass, Tensor x, Tensor y) {
    Tensor statistics = pass.kernels().allocate(x.rows(), 2);
    pass.kernels().layerNormForward(x, pass.value(gamma), pass.value(beta), EPSILON, y, statistics);
    return (dy, dx) ->
        pass.kernels()
            .layerNormBackward(
                x,
                pass.value(gamma),
                statistics,
                dy,
                dx,
                pass.gradient(gamma),
                pass.gradient(beta));
  }
}
