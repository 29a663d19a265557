package org.sparkssm.train;

import java.io.Serializable;
import org.sparkssm.model.LossSums;

/**
 * The gradient of the loss sum over some rows, and the sums themselves.
 *
 * @param gradient [P]; not copied
 * @param sums of loss and weight
 * @param failure nullable: where a number stopped being finite
 */
@SuppressWarnings("ArrayRecordComponent") // a carrier, never compared
public record GradientSum(float[] gradient, LossSums sums, String failure) implements Serializable {

  /** The sum of both; the left gradient's array is reused. */
  public GradientSum plus(GradientSum right) {
    for (int i = 0; i < gradient.length; i++) {
      gradient[i] += right.gradient[i];
    }
    return new GradientSum(
        gradient, sums.plus(right.sums), failure != null ? failure : right.failure);
  }
}
