package org.sparkssm.kernel;

import static org.sparkssm.kernel.ReferenceKernels.addTo;
import static org.sparkssm.kernel.ReferenceKernels.expectSameShape;
import static org.sparkssm.kernel.ReferenceKernels.expectShape;
import static org.sparkssm.kernel.ReferenceKernels.own;

/** The norms of {@link ReferenceKernels}. */
final class ReferenceNorm {
  private ReferenceNorm() {}

  static void rmsForward(Tensor x, Tensor gamma, double epsilon, Tensor y, Tensor inverse) {
    int width = x.columns();
    expectSameShape("rmsNormForward", x, y);
    expectShape("rmsNormForward", gamma, 1, width);
    expectShape("rmsNormForward", inverse, x.rows(), 1);
    ReferenceTensor from = own(x);
    ReferenceTensor weight = own(gamma);
    ReferenceTensor to = own(y);
    for (int r = 0; r < x.rows(); r++) {
      double squares = 0;
      for (int c = 0; c < width; c++) {
        squares += from.get(r, c) * from.get(r, c);
      }
      double factor = 1 / Math.sqrt(squares / width + epsilon);
      own(inverse).set(r, 0, factor);
      for (int c = 0; c < width; c++) {
        to.set(r, c, from.get(r, c) * factor * weight.get(0, c));
      }
    }
  }

  static void rmsBackward(
      Tensor x, Tensor gamma, Tensor inverse, Tensor dy, Tensor dx, Tensor dGamma) {
    int width = x.columns();
    expectSameShape("rmsNormBackward", x, dy);
    expectSameShape("rmsNormBackward", x, dx);
    expectShape("rmsNormBackward", dGamma, 1, width);
    ReferenceTensor at = own(x);
    ReferenceTensor weight = own(gamma);
    ReferenceTensor from = own(dy);
    ReferenceTensor to = own(dx);
    double[] sums = new double[width];
    for (int r = 0; r < x.rows(); r++) {
      double factor = own(inverse).get(r, 0);
      double inner = 0;
      for (int c = 0; c < width; c++) {
        double normed = at.get(r, c) * factor;
        sums[c] += from.get(r, c) * normed;
        inner += from.get(r, c) * weight.get(0, c) * normed;
      }
      for (int c = 0; c < width; c++) {
        double normed = at.get(r, c) * factor;
        to.set(r, c, factor * (from.get(r, c) * weight.get(0, c) - normed * inner / width));
      }
    }
    addTo(dGamma, sums);
  }

  static void layerForward(
      Tensor x, Tensor gamma, Tensor beta, double epsilon, Tensor y, Tensor statistics) {
    int width = x.columns();
    expectSameShape("layerNormForward", x, y);
    expectShape("layerNormForward", gamma, 1, width);
    expectShape("layerNormForward", beta, 1, width);
    expectShape("layerNormForward", statistics, x.rows(), 2);
    ReferenceTensor from = own(x);
    ReferenceTensor to = own(y);
    for (int r = 0; r < x.rows(); r++) {
      double mean = 0;
      for (int c = 0; c < width; c++) {
        mean += from.get(r, c) / width;
      }
      double variance = 0;
      for (int c = 0; c < width; c++) {
        variance += (from.get(r, c) - mean) * (from.get(r, c) - mean) / width;
      }
      double factor = 1 / Math.sqrt(variance + epsilon);
      own(statistics).set(r, 0, mean);
      own(statistics).set(r, 1, factor);
      for (int c = 0; c < width; c++) {
        double normed = (from.get(r, c) - mean) * factor;
        to.set(r, c, normed * own(gamma).get(0, c) + own(beta).get(0, c));
      }
    }
  }

  static void layerBackward(
      Tensor x,
      Tensor gamma,
      Tensor statistics,
      Tensor dy,
      Tensor dx,
      Tensor dGamma,
      Tensor dBeta) {
    int width = x.columns();
    expectSameShape("layerNormBackward", x, dy);
    expectSameShape("layerNormBackward", x, dx);
    ReferenceTensor at = own(x);
    ReferenceTensor weight = own(gamma);
    ReferenceTensor from = own(dy);
    ReferenceTensor to = own(dx);
    double[] gammaSums = new double[width];
    double[] betaSums = new double[width];
    for (int r = 0; r < x.rows(); r++) {
      double mean = own(statistics).get(r, 0);
      double factor = own(statistics).get(r, 1);
      double sum = 0;
      double inner = 0;
      for (int c = 0; c < width; c++) {
        double normed = (at.get(r, c) - mean) * factor;
        gammaSums[c] += from.get(r, c) * normed;
        betaSums[c] += from.get(r, c);
        sum += from.get(r, c) * weight.get(0, c);
        inner += from.get(r, c) * weight.get(0, c) * normed;
      }
      for (int c = 0; c < width; c++) {
        double normed = (at.get(r, c) - mean) * factor;
        double scaled = from.get(r, c) * weight.get(0, c);
        to.set(r, c, factor * (scaled - sum / width - normed * inner / width));
      }
    }
    addTo(dGamma, gammaSums);
    addTo(dBeta, betaSums);
  }
}
