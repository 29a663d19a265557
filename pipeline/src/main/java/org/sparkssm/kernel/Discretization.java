package org.sparkssm.kernel;

/**
 * How {@code dh/dt = A h + B u} with diagonal A and input held over a step becomes {@code h_l =
 * Abar h_{l-1} + Bbar u_l}; here for B = 1.
 */
public enum Discretization {
  /**
   * Exact for an input that is constant within a step: {@code Abar = exp(step A)}, {@code Bbar =
   * (Abar - 1) / A = step phi1(step A)}.
   */
  ZERO_ORDER_HOLD,
  /**
   * The trapezoidal rule: {@code Abar = (1 + step A / 2) / (1 - step A / 2)}, {@code Bbar = step /
   * (1 - step A / 2)}.
   */
  BILINEAR
}
