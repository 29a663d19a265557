package org.sparkssm.model;

import org.sparkssm.data.InvalidInputException;

/**
 * The labels of a batch as a loss takes them, one a row of the model's outputs; a row without a
 * label weighs 0.
 *
 * @param numbers [R], in scaled units; null for classes
 * @param classes [R]; null for numbers
 * @param weights [R]
 * @param weight their sum
 */
@SuppressWarnings("ArrayRecordComponent") // a carrier, never compared
record Targets(double[] numbers, int[] classes, float[] weights, double weight) {

  /**
   * @throws InvalidInputException if the batch does not have the labels that the model learns from
   */
  static Targets of(SequenceBatch batch, ModelSpec spec, Scaling scaling) {
    boolean everyStep = spec.readout() == Readout.EVERY_STEP;
    if (batch.labels() == null || batch.labelPerStep() != everyStep) {
      throw new InvalidInputException(
          "the model learns from one label for every "
              + (everyStep ? "step" : "sequence")
              + ", the data have "
              + (batch.labels() == null ? "none" : everyStep ? "one a sequence" : "one a step"));
    }
    double[] labels = batch.labels();
    boolean areNumbers = spec.head().kind() == HeadKind.REGRESSION;
    double[] numbers = areNumbers ? new double[labels.length] : null;
    int[] classes = areNumbers ? null : new int[labels.length];
    float[] weights = new float[labels.length];
    double weight = 0;
    for (int r = 0; r < labels.length; r++) {
      if (!Double.isNaN(labels[r])) {
        if (areNumbers) {
          numbers[r] = (labels[r] - scaling.labelMean()) / scaling.labelDeviation();
        } else {
          classes[r] = requireClass(labels[r], spec.head().outputs());
        }
        weights[r] = batch.weights() == null ? 1 : batch.weights()[r];
        weight += weights[r];
      }
    }
    return new Targets(numbers, classes, weights, weight);
  }

  private static int requireClass(double label, int outputs) {
    int target = (int) label;
    if (target != label || target < 0 || target >= outputs) {
      throw new InvalidInputException(
          "a label is " + label + ", expected a class from 0 to " + (outputs - 1));
    }
    return target;
  }
}
