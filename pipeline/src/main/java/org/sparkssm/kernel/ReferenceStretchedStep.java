package org.sparkssm.kernel;

import static org.sparkssm.kernel.ReferenceKernels.expectSameShape;
import static org.sparkssm.kernel.ReferenceKernels.expectShape;
import static org.sparkssm.kernel.ReferenceKernels.own;
import static org.sparkssm.kernel.ReferenceKernels.sigmoid;
import static org.sparkssm.kernel.ReferenceKernels.softplus;

/** The stretched step sizes of {@link ReferenceKernels}. */
final class ReferenceStretchedStep {
  private ReferenceStretchedStep() {}

  static void forward(Tensor x, Tensor bias, Tensor durations, Tensor y) {
    expect(x, bias, durations, y);
    for (int r = 0; r < x.rows(); r++) {
      for (int c = 0; c < x.columns(); c++) {
        double step = own(durations).get(r, 0) * softplus(own(x).get(r, c) + own(bias).get(0, c));
        own(y).set(r, c, step + Math.log(-Math.expm1(-step)));
      }
    }
  }

  static void backward(Tensor x, Tensor bias, Tensor durations, Tensor dy, Tensor dx) {
    expect(x, bias, durations, dy);
    expectSameShape("stretchedStep", x, dx);
    for (int r = 0; r < x.rows(); r++) {
      double duration = own(durations).get(r, 0);
      for (int c = 0; c < x.columns(); c++) {
        double at = own(x).get(r, c) + own(bias).get(0, c);
        double slope = duration * sigmoid(at) / -Math.expm1(-duration * softplus(at));
        own(dx).set(r, c, own(dy).get(r, c) * slope);
      }
    }
  }

  private static void expect(Tensor x, Tensor bias, Tensor durations, Tensor y) {
    expectShape("stretchedStep", bias, 1, x.columns());
    expectShape("stretchedStep", durations, x.rows(), 1);
    expectSameShape("stretchedStep", x, y);
  }
}
