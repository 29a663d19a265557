package org.sparkssm.data;

import java.io.Serializable;

/**
 * What the paths and labels of a generated data set are divided by.
 *
 * @param value the paths' divisor: the largest absolute value of any raw path, positive
 * @param label the labels' divisor, in units of the scaled path: the largest absolute label of any
 *     scaled path, positive
 */
public record PathScale(double value, double label) implements Serializable {
  /** Checks that both are positive and finite. */
  public PathScale {
    if (!(value > 0 && label > 0) || Double.isInfinite(value) || Double.isInfinite(label)) {
      throw new InvalidInputException(
          "the scales of a data set must be positive numbers, found value "
              + value
              + " and label "
              + label);
    }
  }
}
