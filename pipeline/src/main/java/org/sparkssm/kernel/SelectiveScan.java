package org.sparkssm.kernel;

/**
 * The operands of the selective scan S6 (Gu and Dao 2023, "Mamba", algorithm 2) over a packed
 * batch:
 *
 * <pre>
 * delta_l = softplus(deltaRaw_l + deltaBias)
 * h_l     = exp(delta_l A) h_{l-1} + delta_l u_l B_l        per channel d and state n
 * y_l     = (sum_n C_l h_l + skip u_l) silu(gate_l)         without a gate: no factor
 * </pre>
 *
 * softplus is {@code log(1 + e^x)} without a linear cut-off.
 *
 * @param segments B sequences, T rows
 * @param u [T, D]
 * @param deltaRaw [T, D]
 * @param deltaBias nullable, [1, D]
 * @param a [D, N], negative for a stable system
 * @param b [T, N]
 * @param c [T, N]
 * @param skip nullable, [1, D]
 * @param gate nullable, [T, D]
 * @param initial nullable, [B, D * N]: state before the first step
 * @param y [T, D], out
 * @param last nullable, [B, D * N], out: state after the last step (the initial one for an empty
 *     sequence)
 */
public record SelectiveScan(
    Segments segments,
    Tensor u,
    Tensor deltaRaw,
    Tensor deltaBias,
    Tensor a,
    Tensor b,
    Tensor c,
    Tensor skip,
    Tensor gate,
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
   * @param dDeltaRaw out
   * @param dDeltaBias nullable, added to
   * @param dA added to
   * @param db out
   * @param dc out
   * @param dSkip nullable, added to
   * @param dGate nullable, out
   * @param dInitial nullable, out
   */
  public record Gradients(
      Tensor dy,
      Tensor dLast,
      Tensor du,
      Tensor dDeltaRaw,
      Tensor dDeltaBias,
      Tensor dA,
      Tensor db,
      Tensor dc,
      Tensor dSkip,
      Tensor dGate,
      Tensor dInitial) {}
}
