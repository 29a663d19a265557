package org.sparkssm.kernel;

import static org.sparkssm.kernel.ReferenceKernels.expect;
import static org.sparkssm.kernel.ReferenceKernels.expectSameShape;
import static org.sparkssm.kernel.ReferenceKernels.own;

/** The losses of {@link ReferenceKernels}. */
final class ReferenceLoss {
  private ReferenceLoss() {}

  static double squaredError(
      Tensor prediction, Tensor target, float[] weights, Tensor dPrediction) {
    expectSameShape("squaredError", prediction, target);
    expect(
        weights.length == prediction.rows(),
        "squaredError",
        prediction,
        weights.length + " weights");
    double sum = 0;
    for (int r = 0; r < prediction.rows(); r++) {
      double rowSum = 0;
      for (int c = 0; c < prediction.columns(); c++) {
        double error = own(prediction).get(r, c) - own(target).get(r, c);
        rowSum += error * error;
        if (dPrediction != null) {
          own(dPrediction).set(r, c, 2 * weights[r] * error);
        }
      }
      sum += weights[r] * rowSum;
    }
    return sum;
  }

  static double softmaxCrossEntropy(Tensor logits, int[] targets, float[] weights, Tensor dLogits) {
    expect(
        targets.length == logits.rows(),
        "softmaxCrossEntropy",
        logits,
        targets.length + " targets");
    expect(
        weights.length == logits.rows(),
        "softmaxCrossEntropy",
        logits,
        weights.length + " weights");
    ReferenceTensor from = own(logits);
    int classes = logits.columns();
    double sum = 0;
    for (int r = 0; r < logits.rows(); r++) {
      if (weights[r] == 0) {
        for (int c = 0; c < classes && dLogits != null; c++) {
          own(dLogits).set(r, c, 0);
        }
        continue;
      }
      expect(
          targets[r] >= 0 && targets[r] < classes,
          "softmaxCrossEntropy",
          logits,
          "target " + targets[r]);
      double greatest = Double.NEGATIVE_INFINITY;
      for (int c = 0; c < classes; c++) {
        greatest = Math.max(greatest, from.get(r, c));
      }
      double total = 0;
      for (int c = 0; c < classes; c++) {
        total += Math.exp(from.get(r, c) - greatest);
      }
      sum += weights[r] * (Math.log(total) + greatest - from.get(r, targets[r]));
      for (int c = 0; c < classes && dLogits != null; c++) {
        double probability = Math.exp(from.get(r, c) - greatest) / total;
        own(dLogits).set(r, c, weights[r] * (probability - (c == targets[r] ? 1 : 0)));
      }
    }
    return sum;
  }
}
