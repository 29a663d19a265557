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
 * @param kept nullable, [{@link #keptRows}, D * N], out: states that the backward can begin from,
 *     in an order that belongs to the kernels. Without it the backward first runs through the
 *     sequences once more; kernels that always do so leave it as it is.
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
    Tensor last,
    Tensor kept) {
  /** Steps between two kept states; SSM_SELECTIVE_SCAN_CHUNK of ssm.h. */
  private static final int CHUNK = 16;

  /** A scan that keeps no states. */
  public SelectiveScan(
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
    this(segments, u, deltaRaw, deltaBias, a, b, c, skip, gate, initial, y, last, null);
  }

  /** Rows of {@link #kept}: one for every 16 steps that a sequence begins. */
  public static int keptRows(Segments segments) {
    int rows = 0;
    for (int b = 0; b < segments.batch(); b++) {
      rows += (segments.length(b) + CHUNK - 1) / CHUNK;
    }
    return rows;
  }

  /**
   * The operands of the backward pass, in the shapes of what they are gradients of. The forward's
   * {@code y} and {@code last} are not read: states are recomputed, from {@code kept} where given.
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
