package org.sparkssm.kernel;

import static org.sparkssm.kernel.HostKernels.check;

/** The norms of {@link HostKernels}. */
final class HostNorm {
  private HostNorm() {}

  static void rmsForward(
      HostKernels kernels, Tensor x, Tensor gamma, double epsilon, Tensor y, Tensor inverse) {
    String operation = "rmsNormForward";
    HostTensor from = kernels.own(operation, x);
    HostTensor weight = kernels.own(operation, gamma, 1, x.columns());
    HostTensor to = kernels.own(operation, y, x.rows(), x.columns());
    HostTensor scale = kernels.own(operation, inverse, x.rows(), 1);
    check(
        operation,
        Native.ssm_rms_norm_forward_f32(
            x.rows(),
            x.columns(),
            from.address(),
            from.stride(),
            weight.address(),
            epsilon,
            to.address(),
            to.stride(),
            scale.address(),
            scale.stride()));
  }

  static void rmsBackward(
      HostKernels kernels,
      Tensor x,
      Tensor gamma,
      Tensor inverse,
      Tensor dy,
      Tensor dx,
      Tensor dGamma) {
    String operation = "rmsNormBackward";
    HostTensor at = kernels.own(operation, x);
    HostTensor weight = kernels.own(operation, gamma, 1, x.columns());
    HostTensor scale = kernels.own(operation, inverse, x.rows(), 1);
    HostTensor from = kernels.own(operation, dy, x.rows(), x.columns());
    HostTensor to = kernels.own(operation, dx, x.rows(), x.columns());
    HostTensor dWeight = kernels.own(operation, dGamma, 1, x.columns());
    check(
        operation,
        Native.ssm_rms_norm_backward_f32(
            x.rows(),
            x.columns(),
            at.address(),
            at.stride(),
            weight.address(),
            scale.address(),
            scale.stride(),
            from.address(),
            from.stride(),
            to.address(),
            to.stride(),
            dWeight.address()));
  }

  static void layerForward(
      HostKernels kernels,
      Tensor x,
      Tensor gamma,
      Tensor beta,
      double epsilon,
      Tensor y,
      Tensor statistics) {
    String operation = "layerNormForward";
    HostTensor from = kernels.own(operation, x);
    HostTensor weight = kernels.own(operation, gamma, 1, x.columns());
    HostTensor bias = kernels.own(operation, beta, 1, x.columns());
    HostTensor to = kernels.own(operation, y, x.rows(), x.columns());
    HostTensor moments = kernels.own(operation, statistics, x.rows(), 2);
    check(
        operation,
        Native.ssm_layer_norm_forward_f32(
            x.rows(),
            x.columns(),
            from.address(),
            from.stride(),
            weight.address(),
            bias.address(),
            epsilon,
            to.address(),
            to.stride(),
            moments.address(),
            moments.stride()));
  }

  static void layerBackward(
      HostKernels kernels,
      Tensor x,
      Tensor gamma,
      Tensor statistics,
      Tensor dy,
      Tensor dx,
      Tensor dGamma,
      Tensor dBeta) {
    String operation = "layerNormBackward";
    HostTensor at = kernels.own(operation, x);
    HostTensor weight = kernels.own(operation, gamma, 1, x.columns());
    HostTensor moments = kernels.own(operation, statistics, x.rows(), 2);
    HostTensor from = kernels.own(operation, dy, x.rows(), x.columns());
    HostTensor to = kernels.own(operation, dx, x.rows(), x.columns());
    HostTensor dWeight = kernels.own(operation, dGamma, 1, x.columns());
    HostTensor dBias = kernels.own(operation, dBeta, 1, x.columns());
    check(
        operation,
        Native.ssm_layer_norm_backward_f32(
            x.rows(),
            x.columns(),
            at.address(),
            at.stride(),
            weight.address(),
            moments.address(),
            moments.stride(),
            from.address(),
            from.stride(),
            to.address(),
            to.stride(),
            dWeight.address(),
            dBias.address()));
  }
}
