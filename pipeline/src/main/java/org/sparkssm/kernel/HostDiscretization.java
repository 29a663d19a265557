package org.sparkssm.kernel;

import static org.sparkssm.kernel.HostKernels.check;
import static org.sparkssm.kernel.HostKernels.expect;

/** The discretization of diagonal transitions of {@link HostKernels}. */
final class HostDiscretization {
  private HostDiscretization() {}

  static void forward(
      HostKernels kernels,
      Discretization rule,
      Tensor logStep,
      Tensor a,
      Tensor aBar,
      Tensor bBar) {
    String operation = "discretizeForward";
    HostTensor at = complexRows(kernels, operation, a);
    HostTensor step = kernels.own(operation, logStep, a.rows(), stepColumns(logStep, a));
    HostTensor toA = kernels.own(operation, aBar, a.rows(), a.columns());
    HostTensor toB = kernels.own(operation, bBar, a.rows(), a.columns());
    check(
        operation,
        Native.ssm_discretize_forward_f32(
            code(rule),
            a.rows(),
            a.columns() / 2,
            step.address(),
            step.stride(),
            step.columns() == 1 ? 1 : 0,
            at.address(),
            at.stride(),
            toA.address(),
            toA.stride(),
            toB.address(),
            toB.stride()));
  }

  static void backward(
      HostKernels kernels,
      Discretization rule,
      Tensor logStep,
      Tensor a,
      Tensor dABar,
      Tensor dBBar,
      Tensor dLogStep,
      Tensor dA) {
    String operation = "discretizeBackward";
    HostTensor at = complexRows(kernels, operation, a);
    HostTensor step = kernels.own(operation, logStep, a.rows(), stepColumns(logStep, a));
    HostTensor fromA = kernels.own(operation, dABar, a.rows(), a.columns());
    HostTensor fromB = kernels.own(operation, dBBar, a.rows(), a.columns());
    HostTensor toStep = kernels.own(operation, dLogStep, a.rows(), step.columns());
    HostTensor toA = kernels.own(operation, dA, a.rows(), a.columns());
    check(
        operation,
        Native.ssm_discretize_backward_f32(
            code(rule),
            a.rows(),
            a.columns() / 2,
            step.address(),
            step.stride(),
            step.columns() == 1 ? 1 : 0,
            at.address(),
            at.stride(),
            fromA.address(),
            fromA.stride(),
            fromB.address(),
            fromB.stride(),
            toStep.address(),
            toStep.stride(),
            toA.address(),
            toA.stride()));
  }

  private static HostTensor complexRows(HostKernels kernels, String operation, Tensor a) {
    expect(a.columns() % 2 == 0, operation, a, "expected an even number of columns");
    return kernels.own(operation, a);
  }

  private static int stepColumns(Tensor logStep, Tensor a) {
    return logStep.columns() == 1 ? 1 : a.columns() / 2;
  }

  /** {@code enum ssm_discretization}. */
  private static int code(Discretization rule) {
    return switch (rule) {
      case ZERO_ORDER_HOLD -> 0;
      case BILINEAR -> 1;
    };
  }
}
