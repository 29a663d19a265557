package org.sparkssm.model;

import org.sparkssm.kernel.Tensor;

/**
 * A trained map from rows to rows over a packed batch of sequences. Implementations keep no state
 * between calls; their parameters lie in the model's vector ({@link Pass#value}).
 */
public interface Layer {
  /**
   * Computes {@code y = layer(x)}.
   *
   * @param pass the batch, the kernels and the parameters
   * @param x [T, input columns]; must stay unchanged until the backward has run
   * @param y [T, output columns], out
   * @return the backward pass for these operands
   */
  Backward forward(Pass pass, Tensor x, Tensor y);

  /** The backward pass of one forward call, to be run at most once. */
  @FunctionalInterface
  interface Backward {
    /**
     * Adds the gradients of the layer's parameters and computes that of its input.
     *
     * @param dy [T, output columns]
     * @param dx [T, input columns], out; must not be {@code dy}
     */
    void run(Tensor dy, Tensor dx);
  }
}
