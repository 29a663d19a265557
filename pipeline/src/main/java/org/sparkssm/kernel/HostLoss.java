package org.sparkssm.kernel;

import static org.sparkssm.kernel.HostKernels.address;
import static org.sparkssm.kernel.HostKernels.check;
import static org.sparkssm.kernel.HostKernels.expect;
import static org.sparkssm.kernel.HostKernels.stride;

/** The losses of {@link HostKernels}. */
final class HostLoss {
  private HostLoss() {}

  static double squaredError(
      HostKernels kernels, Tensor prediction, Tensor target, float[] weights, Tensor dPrediction) {
    double[] sum = new double[1];
    String operation = "squaredError";
    HostTensor x = kernels.own(operation, prediction);
    HostTensor y = kernels.own(operation, target, x.rows(), x.columns());
    HostTensor dx = kernels.ownOrNull(operation, dPrediction, x.rows(), x.columns());
    expect(weights.length == x.rows(), operation, x, weights.length + " weights");
    check(
        operation,
        Native.ssm_squared_error_f32(
            x.rows(),
            x.columns(),
            x.address(),
            x.stride(),
            y.address(),
            y.stride(),
            weights,
            address(dx),
            stride(dx),
            sum));
    return sum[0];
  }

  static double softmaxCrossEntropy(
      HostKernels kernels, Tensor logits, int[] targets, float[] weights, Tensor dLogits) {
    double[] sum = new double[1];
    String operation = "softmaxCrossEntropy";
    HostTensor x = kernels.own(operation, logits);
    HostTensor dx = kernels.ownOrNull(operation, dLogits, x.rows(), x.columns());
    expect(weights.length == x.rows(), operation, x, weights.length + " weights");
    expect(targets.length == x.rows(), operation, x, targets.length + " targets");
    for (int r = 0; r < targets.length; r++) {
      expect(
          weights[r] == 0 || (targets[r] >= 0 && targets[r] < x.columns()),
          operation,
          x,
          "target " + targets[r]);
    }
    check(
        operation,
        Native.ssm_softmax_cross_entropy_f32(
            x.rows(),
            x.columns(),
            x.address(),
            x.stride(),
            targets,
            weights,
            address(dx),
            stride(dx),
            sum));
    return sum[0];
  }
}
