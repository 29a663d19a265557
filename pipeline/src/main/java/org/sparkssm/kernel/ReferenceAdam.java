package org.sparkssm.kernel;

import static org.sparkssm.kernel.ReferenceKernels.expectSameShape;
import static org.sparkssm.kernel.ReferenceKernels.own;

/** The optimizer step of {@link ReferenceKernels}. */
final class ReferenceAdam {
  private ReferenceAdam() {}

  static void step(
      Kernels.AdamStep settings,
      long step,
      Tensor parameters,
      Tensor gradient,
      Tensor m,
      Tensor v) {
    expectSameShape("adamStep", parameters, gradient);
    expectSameShape("adamStep", parameters, m);
    expectSameShape("adamStep", parameters, v);
    double correction1 = 1 - Math.pow(settings.beta1(), (double) step);
    double correction2 = 1 - Math.pow(settings.beta2(), (double) step);
    for (int c = 0; c < parameters.columns(); c++) {
      double w = own(parameters).get(0, c);
      double g = own(gradient).get(0, c);
      if (settings.decoupled()) {
        w -= settings.learningRate() * settings.weightDecay() * w;
      } else {
        g += settings.weightDecay() * w;
      }
      double first = settings.beta1() * own(m).get(0, c) + (1 - settings.beta1()) * g;
      double second = settings.beta2() * own(v).get(0, c) + (1 - settings.beta2()) * g * g;
      own(m).set(0, c, first);
      own(v).set(0, c, second);
      double move = first / correction1 / (Math.sqrt(second / correction2) + settings.epsilon());
      own(parameters).set(0, c, w - settings.learningRate() * move);
    }
  }
}
