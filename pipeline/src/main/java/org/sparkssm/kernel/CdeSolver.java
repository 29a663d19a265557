package org.sparkssm.kernel;

/**
 * How one step {@code dZ = M Z + f} of a linear controlled differential equation is taken; M and f
 * belong to the step.
 */
public enum CdeSolver {
  /** {@code z + M z + f}. */
  EULER,
  /**
   * One classical Runge-Kutta step: {@code (1 + M + M^2/2 + M^3/6 + M^4/24) z + (1 + M/2 + M^2/6 +
   * M^3/24) f}.
   */
  RK4,
  /**
   * The exact step {@code expm(M) z + phi1(M) f}, as an action on z (after Al-Mohy and Higham 2011,
   * SIAM J. Sci. Comput. 33): the step is cut into equal parts in which a norm of M is at most 3.5,
   * and in each the Taylor series runs until two successive terms are below 2^-25 (single
   * precision) or 2^-53 (double) of the sum, by the largest entry. The gradient is that of the
   * truncated series. A step of a norm of 896 or more gives NaN.
   */
  EXPONENTIAL
}
