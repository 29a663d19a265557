package org.sparkssm.kernel;

/**
 * The operands of a linear controlled differential equation with a structured transition, solved
 * step by step over a packed batch:
 *
 * <pre>
 * c_l = sum_i dOmega_{l,i} coefficients_i     M_l = M(c_l), see {@link TransitionStructure}
 * y_l = one {@link CdeSolver} step of dZ = M_l Z + force_l from y_{l-1}
 * </pre>
 *
 * <p>Controls whose increment is 0 cost nothing, so that one-hot controls (tokens) select their
 * coefficients.
 *
 * @param solver how a step is taken
 * @param structure of the transition
 * @param segments B sequences, T steps
 * @param dOmega [T, W], increments of the control
 * @param coefficients [W, P], dense
 * @param force nullable, [T, N]
 * @param initial nullable, [B, N]
 * @param y nullable, [T, N], out: the state after every step. The backward needs it.
 * @param last nullable, [B, N], out: the state after the last step (the initial one for an empty
 *     sequence)
 */
public record StructuredCdeSolve(
    CdeSolver solver,
    TransitionStructure structure,
    Segments segments,
    Tensor dOmega,
    Tensor coefficients,
    Tensor force,
    Tensor initial,
    Tensor y,
    Tensor last) {

  /**
   * The operands of the backward pass, in the shapes of what they are gradients of.
   *
   * @param dy nullable, [T, N]
   * @param dLast nullable, [B, N]
   * @param dDOmega nullable, out
   * @param dCoefficients added to
   * @param dForce nullable, out
   * @param dInitial nullable, out
   */
  public record Gradients(
      Tensor dy,
      Tensor dLast,
      Tensor dDOmega,
      Tensor dCoefficients,
      Tensor dForce,
      Tensor dInitial) {}
}
