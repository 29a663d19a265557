package org.sparkssm.model;

import org.sparkssm.kernel.Tensor;

/** A linear map to twice the width, then the gated linear unit (Dauphin et al. 2017). */
final class GatedUnit implements Layer {
  private final Dense dense;
  private final int width;

  GatedUnit(int width, ParameterLayout layout) {
    this.dense = new Dense(width, 2 * width, true, layout);
    this.width = width;
  }

  @Override
  public Backward forward(Pass pass, Tensor x, Tensor y) {
    Tensor both = pass.allocate(2 * width);
    Backward denseBackward = dense.forward(pass, x, both);
    pass.kernels().gluForward(both, y);
    return (dy, dx) -> {
      Tensor dBoth = pass.allocate(2 * width);
      pass.kernels().gluBackward(both, dy, dBoth);
      denseBackward.run(dBoth, dx);
    };
  }
}
