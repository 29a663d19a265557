package org.sparkssm.kernel;

/**
 * The operands of a non-linear recurrence over a packed batch, with G gates and S state parts of H
 * units each; see {@link RecurrentCell} for the formulas.
 *
 * @param cell what happens in a step
 * @param segments B sequences, T rows
 * @param p [T, G H], what the input and the biases contribute
 * @param weight [G H, H], dense: the gates' rows follow one another
 * @param initial nullable, [B, S H]
 * @param h [T, H], out. The backward needs it.
 * @param saved [T, (G + S - 1) H] for the LSTM, out: gates after their functions, then cells; null
 *     for tanh. The backward needs it.
 * @param last nullable, [B, S H], out: state after the last step (the initial one for an empty
 *     sequence)
 */
public record RecurrentScan(
    RecurrentCell cell,
    Segments segments,
    Tensor p,
    Tensor weight,
    Tensor initial,
    Tensor h,
    Tensor saved,
    Tensor last) {

  /** Columns that {@code saved} has, 0 for none. */
  public static int savedColumns(RecurrentCell cell, int hidden) {
    return cell == RecurrentCell.LSTM ? 5 * hidden : 0;
  }

  /**
   * The operands of the backward pass, in the shapes of what they are gradients of.
   *
   * @param dh [T, H]
   * @param dLast nullable
   * @param dp out
   * @param dWeight added to
   * @param dInitial nullable, out
   */
  public record Gradients(Tensor dh, Tensor dLast, Tensor dp, Tensor dWeight, Tensor dInitial) {}
}
