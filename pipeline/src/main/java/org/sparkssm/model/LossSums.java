package org.sparkssm.model;

/**
 * Weighted sums over the labelled sequences (or steps) of a batch, from which loss and metrics
 * follow.
 *
 * @param weight of the labels
 * @param loss squared errors in scaled units, or cross-entropies
 * @param squaredError in units of the label; 0 for classes
 * @param absoluteError in units of the label; 0 for classes
 * @param correct labels whose class has the greatest output; 0 for numbers
 * @param label the labels themselves in scaled units; 0 for classes
 * @param squaredLabel their squares
 */
public record LossSums(
    double weight,
    double loss,
    double squaredError,
    double absoluteError,
    double correct,
    double label,
    double squaredLabel) {

  public static final LossSums ZERO = ofLoss(0, 0);

  /** Sums of a training batch, where no metric is asked for. */
  static LossSums ofLoss(double weight, double loss) {
    return new LossSums(weight, loss, 0, 0, 0, 0, 0);
  }

  /** The sums that {@link #toArray} gave. */
  public static LossSums of(double... sums) {
    return new LossSums(sums[0], sums[1], sums[2], sums[3], sums[4], sums[5], sums[6]);
  }

  /** All sums, in the order of the components. */
  public double[] toArray() {
    return new double[] {weight, loss, squaredError, absoluteError, correct, label, squaredLabel};
  }

  public LossSums plus(LossSums other) {
    return new LossSums(
        weight + other.weight,
        loss + other.loss,
        squaredError + other.squaredError,
        absoluteError + other.absoluteError,
        correct + other.correct,
        label + other.label,
        squaredLabel + other.squaredLabel);
  }
}
