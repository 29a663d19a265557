package org.sparkssm.kernel;

/**
 * The operands of a diagonal linear recurrence over a packed batch, element by element:
 *
 * <pre>
 * h_l = a_l h_{l-1} + gain b_l
 * </pre>
 *
 * <p>Complex numbers stand in two halves of a row: of C = 2 P columns, column p is the real part of
 * element p and column P + p its imaginary part.
 *
 * @param segments B sequences, T rows
 * @param complex whether the numbers are complex; then C is even
 * @param constant whether a is the same for every step
 * @param a [T, C], or [1, C] where constant
 * @param b [T, C]
 * @param gain nullable, [1, C]
 * @param initial nullable, [B, C]
 * @param h [T, C], out: the state after every step. The backward needs it.
 * @param last nullable, [B, C], out: the state after the last step (the initial one for an empty
 *     sequence)
 */
public record DiagonalScan(
    Segments segments,
    boolean complex,
    boolean constant,
    Tensor a,
    Tensor b,
    Tensor gain,
    Tensor initial,
    Tensor h,
    Tensor last) {

  /**
   * The operands of the backward pass, in the shapes of what they are gradients of. The gradient of
   * a complex number is the pair of the real partial derivatives.
   *
   * @param dh [T, C]
   * @param dLast nullable
   * @param dA nullable; added to where a is constant, else out
   * @param db out
   * @param dGain nullable, added to
   * @param dInitial nullable, out
   */
  public record Gradients(
      Tensor dh, Tensor dLast, Tensor dA, Tensor db, Tensor dGain, Tensor dInitial) {}
}
