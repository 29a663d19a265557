package org.sparkssm.kernel;

/**
 * The operands of gated linear attention over a packed batch, for each of H heads:
 *
 * <pre>
 * S_l = diag(alpha_l) S_{l-1} + k_l v_l^T,   o_l = Re(S_l^T q_l)
 * </pre>
 *
 * <p>Without a phase, alpha is {@code exp(logAlpha)} and everything is real (GLA; Yang et al. 2024,
 * arXiv 2312.06635, equation 3). With one, alpha is {@code exp(logAlpha + i phase)} and S is
 * complex (GateLoop; Katsch 2023, arXiv 2311.01927, equation 5). Decays stay in log space: no
 * cumulative product is formed.
 *
 * @param segments B sequences, T rows
 * @param heads H
 * @param q [T, H * K]
 * @param k [T, H * K]
 * @param v [T, H * V]
 * @param logAlpha [T, H * K], at most 0 for a stable recurrence
 * @param phase nullable, [T, H * K], in radians
 * @param initial nullable, [B, H * K * V]: state before the first step; with a phase [B, 2 * H * K
 *     * V], all real parts before all imaginary parts
 * @param o [T, H * V], out
 * @param last nullable, shape of {@code initial}, out: state after the last step (the initial one
 *     for an empty sequence)
 */
public record GatedLinearAttention(
    Segments segments,
    int heads,
    Tensor q,
    Tensor k,
    Tensor v,
    Tensor logAlpha,
    Tensor phase,
    Tensor initial,
    Tensor o,
    Tensor last) {

  /**
   * The operands of the backward pass, in the shapes of what they are gradients of. The forward's
   * {@code o} and {@code last} are not read: states are recomputed.
   *
   * @param dO [T, H * V]
   * @param dLast nullable
   * @param dq out
   * @param dk out
   * @param dv out
   * @param dLogAlpha out
   * @param dPhase out; null exactly where there is no phase
   * @param dInitial nullable, out
   */
  public record Gradients(
      Tensor dO,
      Tensor dLast,
      Tensor dq,
      Tensor dk,
      Tensor dv,
      Tensor dLogAlpha,
      Tensor dPhase,
      Tensor dInitial) {}
}
