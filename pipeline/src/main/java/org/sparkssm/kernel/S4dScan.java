package org.sparkssm.kernel;

/**
 * The operands of a time-invariant diagonal state space per channel, S4D (Gu, Gupta, Goel and Ré
 * 2022, "On the Parameterization and Initialization of Diagonal State Space Models"), over a packed
 * batch:
 *
 * <pre>
 * h_l = aBar h_{l-1} + bBar u_l                         per channel d and state n, complex
 * y_l = 2 Re(sum_n c_n h_{l,n}) + skip u_l
 * </pre>
 *
 * <p>The N states are one half of the conjugate pairs, hence the 2. A row of complex numbers holds
 * the N real parts, then the N imaginary parts.
 *
 * @param segments B sequences, T rows
 * @param u [T, D]
 * @param aBar [D, 2 N], see {@link Kernels#discretizeForward}
 * @param bBar [D, 2 N]
 * @param c [D, 2 N]
 * @param skip nullable, [1, D]
 * @param initial nullable, [B, D * 2 N]: state before the first step
 * @param y [T, D], out
 * @param last nullable, [B, D * 2 N], out: state after the last step (the initial one for an empty
 *     sequence)
 */
public record S4dScan(
    Segments segments,
    Tensor u,
    Tensor aBar,
    Tensor bBar,
    Tensor c,
    Tensor skip,
    Tensor initial,
    Tensor y,
    Tensor last) {

  /**
   * The operands of the backward pass, in the shapes of what they are gradients of. The forward's
   * {@code y} and {@code last} are not read: states are recomputed.
   *
   * @param dy [T, D]
   * @param dLast nullable
   * @param du out
   * @param dABar added to
   * @param dBBar added to
   * @param dC added to
   * @param dSkip nullable, added to
   * @param dInitial nullable, out
   */
  public record Gradients(
      Tensor dy,
      Tensor dLast,
      Tensor du,
      Tensor dABar,
      Tensor dBBar,
      Tensor dC,
      Tensor dSkip,
      Tensor dInitial) {}
}
