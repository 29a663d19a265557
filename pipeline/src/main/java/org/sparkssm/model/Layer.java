package org.sparkssm.model;

import org.sparkssm.data.InvalidInputException;
import org.sparkssm.kernel.Tensor;

/**
 * A trained map from rows to rows over a packed batch of sequences. Implementations keep no state
 * between calls; their parameters lie in the model's vector ({@link Pass#value}), and what they
 * carry from one part of a sequence to the next in a {@link SequenceState} ({@link Pass#before},
 * {@link Pass#carry}).
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

  /**
   * Refuses layers whose output at a step depends on what follows it.
   *
   * @param where what the layer belongs to, for the message
   * @throws InvalidInputException if the layer cannot be run step by step
   */
  default void requireCausal(String where) {}

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
