package org.sparkssm.kernel;

import static org.sparkssm.kernel.HostKernels.address;
import static org.sparkssm.kernel.HostKernels.check;

/** The depthwise causal convolution of {@link HostKernels}. */
final class HostCausalConvolution {
  private HostCausalConvolution() {}

  static void forward(
      HostKernels kernels,
      Segments segments,
      Tensor x,
      Tensor weight,
      Tensor bias,
      boolean silu,
      Tensor y) {
    String operation = "causalConvolutionForward";
    HostTensor from = kernels.own(operation, x, segments.rows(), x.columns());
    HostTensor taps = kernels.own(operation, weight, x.columns(), weight.columns());
    HostTensor shift = kernels.ownOrNull(operation, bias, 1, x.columns());
    HostTensor to = kernels.own(operation, y, x.rows(), x.columns());
    check(
        operation,
        Native.ssm_causal_convolution_forward_f32(
            segments.batch(),
            segments.offsets(),
            x.columns(),
            weight.columns(),
            from.address(),
            from.stride(),
            taps.address(),
            taps.stride(),
            address(shift),
            silu ? 1 : 0,
            to.address(),
            to.stride()));
  }

  static void backward(
      HostKernels kernels,
      Segments segments,
      Tensor x,
      Tensor weight,
      Tensor bias,
      boolean silu,
      Tensor dy,
      Tensor dx,
      Tensor dWeight,
      Tensor dBias) {
    String operation = "causalConvolutionBackward";
    HostTensor at = kernels.own(operation, x, segments.rows(), x.columns());
    HostTensor taps = kernels.own(operation, weight, x.columns(), weight.columns());
    HostTensor shift = kernels.ownOrNull(operation, bias, 1, x.columns());
    HostTensor from = kernels.own(operation, dy, x.rows(), x.columns());
    HostTensor to = kernels.own(operation, dx, x.rows(), x.columns());
    HostTensor dTaps = kernels.own(operation, dWeight, x.columns(), weight.columns());
    HostTensor dShift = kernels.ownOrNull(operation, dBias, 1, x.columns());
    check(
        operation,
        Native.ssm_causal_convolution_backward_f32(
            segments.batch(),
            segments.offsets(),
            x.columns(),
            weight.columns(),
            at.address(),
            at.stride(),
            taps.address(),
            taps.stride(),
            address(shift),
            silu ? 1 : 0,
            from.address(),
            from.stride(),
            to.address(),
            to.stride(),
            dTaps.address(),
            dTaps.stride(),
            address(dShift)));
  }
}
