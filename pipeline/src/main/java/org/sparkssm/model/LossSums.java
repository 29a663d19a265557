package org.sparkssm.model;

/**
 * Sums over the labelled sequences (or steps) of a batch, from which loss and metrics follow.
 *
 * @param weight number of labels
 * @param loss squared errors in scaled units, or cross-entropies
 * @param squaredError in units of the label; 0 for classes
 * @param absoluteError in units of the label; 0 for classes
 * @param correct labels whose class has the greatest output; 0 for numbers
 */
public record LossSums(
    double weight, double loss, double squaredError, double absoluteError, double correct) {

  public static final LossSums ZERO = new LossSums(0, 0, 0, 0, 0);

  public LossSums plus(LossSums other) {
    return new LossSums(
        weight + other.weight,
        loss + other.loss,
        squaredError + other.squaredError,
        absoluteError + other.absoluteError,
        correct + other.correct);
  }
}
