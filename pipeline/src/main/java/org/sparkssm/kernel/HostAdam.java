package org.sparkssm.kernel;

import static org.sparkssm.kernel.HostKernels.check;

/** The optimizer step of {@link HostKernels}. */
final class HostAdam {
  private HostAdam() {}

  static void step(
      HostKernels kernels,
      Kernels.AdamStep settings,
      long step,
      Tensor parameters,
      Tensor gradient,
      Tensor m,
      Tensor v) {
    String operation = "adamStep";
    HostTensor w = kernels.own(operation, parameters, 1, parameters.columns());
    HostTensor g = kernels.own(operation, gradient, 1, w.columns());
    HostTensor first = kernels.own(operation, m, 1, w.columns());
    HostTensor second = kernels.own(operation, v, 1, w.columns());
    check(
        operation,
        Native.ssm_adam_step_f32(
            w.columns(),
            settings.learningRate(),
            settings.beta1(),
            settings.beta2(),
            settings.epsilon(),
            settings.weightDecay(),
            settings.decoupled() ? 1 : 0,
            step,
            w.address(),
            g.address(),
            first.address(),
            second.address()));
  }
}
