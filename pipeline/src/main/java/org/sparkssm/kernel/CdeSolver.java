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
  RK4
}
