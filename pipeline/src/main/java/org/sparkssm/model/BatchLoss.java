package org.sparkssm.model;

import org.sparkssm.kernel.Total;

/**
 * The loss of a training batch, which the device may still be computing.
 *
 * @param weight of the labels
 * @param loss sum of squared errors in scaled units, or of cross-entropies
 */
public record BatchLoss(double weight, Total loss) {

  /** The sums; waits for the device. */
  public LossSums sums() {
    return LossSums.ofLoss(weight, loss.value());
  }
}
