package org.sparkssm.kernel;

/**
 * The operands of a dense linear controlled differential equation {@code dZ = sum_i A_i Z d omega^i
 * + B d xi} (Cirone et al. 2024, arXiv 2402.19047, equation 6), solved step by step over a packed
 * batch with
 *
 * <pre>
 * M_l = sum_i dOmega_{l,i} A_i,   f_l = drive dXi_l,   y_l = one {@link CdeSolver} step from y_{l-1}
 * </pre>
 *
 * A row is a step (an increment), not a point: a path of L points has L - 1 rows.
 *
 * @param solver how a step is taken
 * @param segments B sequences, T steps
 * @param dOmega [T, W], increments of the control
 * @param a [W * N, N], dense: {@code A_i} is rows {@code i N} to {@code (i + 1) N - 1} and acts on
 *     column vectors
 * @param dXi nullable, [T, X], increments of the drive
 * @param drive nullable, [N, X]
 * @param initial nullable, [B, N]
 * @param y nullable, [T, N], out: the state after every step. The backward needs it.
 * @param last nullable, [B, N], out: the state after the last step (the initial one for an empty
 *     sequence)
 */
public record LinearCdeSolve(
    CdeSolver solver,
    Segments segments,
    Tensor dOmega,
    Tensor a,
    Tensor dXi,
    Tensor drive,
    Tensor initial,
    Tensor y,
    Tensor last) {

  /**
   * The operands of the backward pass, in the shapes of what they are gradients of.
   *
   * @param dy nullable, [T, N]
   * @param dLast nullable, [B, N]
   * @param dDOmega nullable, out
   * @param dA nullable, added to
   * @param dDXi nullable, out
   * @param dDrive nullable, added to
   * @param dInitial nullable, out
   */
  public record Gradients(
      Tensor dy,
      Tensor dLast,
      Tensor dDOmega,
      Tensor dA,
      Tensor dDXi,
      Tensor dDrive,
      Tensor dInitial) {}
}
