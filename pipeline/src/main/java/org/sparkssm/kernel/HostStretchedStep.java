package org.sparkssm.kernel;

import static org.sparkssm.kernel.HostKernels.check;

/** The stretched step sizes of {@link HostKernels}. */
final class HostStretchedStep {
  private HostStretchedStep() {}

  static void forward(HostKernels kernels, Tensor x, Tensor bias, Tensor durations, Tensor y) {
    String operation = "stretchedStepForward";
    HostTensor at = kernels.own(operation, x);
    HostTensor shift = kernels.own(operation, bias, 1, x.columns());
    HostTensor factors = kernels.own(operation, durations, x.rows(), 1);
    HostTensor to = kernels.own(operation, y, x.rows(), x.columns());
    check(
        operation,
        Native.ssm_stretched_step_forward_f32(
            x.rows(),
            x.columns(),
            at.address(),
            at.stride(),
            shift.address(),
            factors.address(),
            factors.stride(),
            to.address(),
            to.stride()));
  }

  static void backward(
      HostKernels kernels, Tensor x, Tensor bias, Tensor durations, Tensor dy, Tensor dx) {
    String operation = "stretchedStepBackward";
    HostTensor at = kernels.own(operation, x);
    HostTensor shift = kernels.own(operation, bias, 1, x.columns());
    HostTensor factors = kernels.own(operation, durations, x.rows(), 1);
    HostTensor from = kernels.own(operation, dy, x.rows(), x.columns());
    HostTensor to = kernels.own(operation, dx, x.rows(), x.columns());
    check(
        operation,
        Native.ssm_stretched_step_backward_f32(
            x.rows(),
            x.columns(),
            at.address(),
            at.stride(),
            shift.address(),
            factors.address(),
            factors.stride(),
            from.address(),
            from.stride(),
            to.address(),
            to.stride()));
  }
}
