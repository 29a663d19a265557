package org.sparkssm.kernel;

/**
 * The operands of the delta rule over a packed batch, for each of H heads, with R rank-one updates
 * per step:
 *
 * <pre>
 * S   = exp(logAlpha_l) S_{l-1}
 * S  <- S (I - beta_{l,r} k_{l,r} k_{l,r}^T) + beta_{l,r} v_{l,r} k_{l,r}^T      r = 0 .. R - 1
 * o_l = S_l q_l
 * </pre>
 *
 * <p>R = 1 without a decay is DeltaNet (Yang et al. 2024, arXiv 2406.06484, equation 3), with one
 * gated DeltaNet (Yang, Kautz and Hatamizadeh 2024, arXiv 2412.06464, equation 10); R greater than
 * 1 is DeltaProduct (Siems et al. 2025, arXiv 2502.10297, equation 5). With keys of unit length,
 * {@code beta} in (0, 2) gives transitions of eigenvalues in (-1, 1).
 *
 * @param segments B sequences, T rows
 * @param heads H
 * @param updates R
 * @param q [T, H * K]
 * @param k [T, R * H * K]
 * @param v [T, R * H * V]
 * @param beta [T, R * H]
 * @param logAlpha nullable, [T, H], at most 0 for a stable recurrence
 * @param initial nullable, [B, H * V * K]: state before the first step, value first
 * @param o [T, H * V], out
 * @param last nullable, [B, H * V * K], out: state after the last step (the initial one for an
 *     empty sequence)
 */
public record DeltaRule(
    Segments segments,
    int heads,
    int updates,
    Tensor q,
    Tensor k,
    Tensor v,
    Tensor beta,
    Tensor logAlpha,
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
   * @param dBeta out
   * @param dLogAlpha out; null exactly where there is no decay
   * @param dInitial nullable, out
   */
  public record Gradients(
      Tensor dO,
      Tensor dLast,
      Tensor dq,
      Tensor dk,
      Tensor dv,
      Tensor dBeta,
      Tensor dLogAlpha,
      Tensor dInitial) {}
}
