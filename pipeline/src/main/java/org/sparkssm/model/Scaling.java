package org.sparkssm.model;

import java.io.Serializable;
import java.util.Arrays;

/**
 * What is fitted on the training split and belongs to the model, so that it takes raw sequences and
 * answers in the units of the label.
 *
 * @param mean per channel, subtracted
 * @param deviation per channel, divided by
 * @param timeScale what times since a sequence's start are divided by
 * @param labelMean added to regression outputs
 * @param labelDeviation regression outputs are multiplied by it
 */
@SuppressWarnings("ArrayRecordComponent") // equals and hashCode look inside
public record Scaling(
    double[] mean, double[] deviation, double timeScale, double labelMean, double labelDeviation)
    implements Serializable {

  /** No change of values, times or labels. */
  public static Scaling identity(int channels) {
    double[] ones = new double[channels];
    Arrays.fill(ones, 1);
    return new Scaling(new double[channels], ones, 1, 0, 1);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Scaling scaling
        && Arrays.equals(mean, scaling.mean)
        && Arrays.equals(deviation, scaling.deviation)
        && timeScale == scaling.timeScale
        && labelMean == scaling.labelMean
        && labelDeviation == scaling.labelDeviation;
  }

  @Override
  public int hashCode() {
    return 31 * Arrays.hashCode(mean) + Arrays.hashCode(deviation);
  }

  @Override
  public String toString() {
    return "Scaling[mean="
        + Arrays.toString(mean)
        + ", deviation="
        + Arrays.toString(deviation)
        + ", timeScale="
        + timeScale
        + ", labelMean="
        + labelMean
        + ", labelDeviation="
        + labelDeviation
        + "]";
  }
}
