package org.sparkssm.data;

import java.io.Serializable;
import org.apache.commons.rng.UniformRandomProvider;

/**
 * Lengths of generated sequences: one number, or uniform between two.
 *
 * @param shortest inclusive, at least 1
 * @param longest inclusive
 */
public record LengthRange(int shortest, int longest) implements Serializable {
  /** Checks the order. */
  public LengthRange {
    if (shortest < 1 || longest < shortest) {
      throw new InvalidInputException(
          "lengths must be at least 1 and the smallest not above the largest, found "
              + shortest
              + " to "
              + longest);
    }
  }

  /** Every sequence as long as the others. */
  public static LengthRange of(int length) {
    return new LengthRange(length, length);
  }

  /** The length of a sequence; draws nothing where there is no choice. */
  int draw(UniformRandomProvider random) {
    return shortest == longest ? longest : random.nextInt(shortest, longest + 1);
  }
}
