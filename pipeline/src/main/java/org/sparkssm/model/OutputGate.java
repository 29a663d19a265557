package org.sparkssm.model;

import org.sparkssm.kernel.Activation;
import org.sparkssm.kernel.Tensor;

/** {@code gated = x silu(gate)} of one pass. */
final class OutputGate {
  private final Pass pass;
  private final Tensor gate;
  private final Tensor x;
  private final Tensor opening;
  private final Tensor gated;

  /**
   * @param gate [T, E]
   * @param x [T, E]
   */
  OutputGate(Pass pass, Tensor gate, Tensor x) {
    this.pass = pass;
    this.gate = gate;
    this.x = x;
    opening = pass.allocate(x.columns());
    pass.kernels().activationForward(Activation.SILU, gate, opening);
    gated = pass.allocate(x.columns());
    pass.kernels().multiply(x, opening, gated);
  }

  Tensor gated() {
    return gated;
  }

  /** Overwrites dx and dGate. */
  void backward(Tensor dGated, Tensor dx, Tensor dGate) {
    pass.kernels().multiply(dGated, opening, dx);
    pass.kernels().multiply(dGated, x, dGate);
    pass.kernels().activationBackward(Activation.SILU, gate, dGate, dGate);
  }
}
