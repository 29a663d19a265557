package org.sparkssm.train;

import java.util.ArrayList;
import java.util.List;
import org.sparkssm.kernel.Kernels;
import org.sparkssm.kernel.Tensor;
import org.sparkssm.model.NonFiniteException;
import org.sparkssm.model.Parameter;
import org.sparkssm.model.ParameterLayout;

/** The parameters on a device, the optimizer's state beside them, and its steps. */
final class Optimizer {
  private static final double BETA1 = 0.9;
  private static final double BETA2 = 0.999;
  private static final double EPSILON = 1e-8;

  private final Kernels kernels;
  private final OptimizerSettings settings;
  private final List<Group> groups;
  private final Weights weights;
  private final Tensor sumOfBatch;
  private final Tensor gradient;
  private final Tensor first;
  private final Tensor second;

  /** Neighbouring parameters of one weight decay. */
  private record Group(int from, int to, double weightDecay) {}

  Optimizer(
      Kernels kernels, ParameterLayout layout, OptimizerSettings settings, TrainingState start) {
    this.kernels = kernels;
    this.settings = settings;
    groups = groups(layout, settings.weightDecay());
    weights = new Weights(kernels, start.parameters());
    sumOfBatch = kernels.zeros(1, layout.size());
    gradient = kernels.zeros(1, layout.size());
    first = kernels.zeros(1, layout.size());
    second = kernels.zeros(1, layout.size());
    kernels.write(first, start.firstMoment(), 0);
    kernels.write(second, start.secondMoment(), 0);
  }

  private static List<Group> groups(ParameterLayout layout, double weightDecay) {
    List<Group> groups = new ArrayList<>();
    for (Parameter parameter : layout.parameters()) {
      double decay = parameter.decayed() ? weightDecay : 0;
      int end = parameter.offset() + parameter.size();
      Group last = groups.isEmpty() ? null : groups.get(groups.size() - 1);
      if (last != null && last.weightDecay() == decay) {
        groups.set(groups.size() - 1, new Group(last.from(), end, decay));
      } else {
        groups.add(new Group(parameter.offset(), end, decay));
      }
    }
    return groups;
  }

  /** The parameters; they change with every step. */
  Weights weights() {
    return weights;
  }

  /** First moments, or the momentum. */
  float[] first() {
    return values(first);
  }

  float[] second() {
    return values(second);
  }

  private float[] values(Tensor tensor) {
    float[] values = new float[Math.toIntExact(tensor.size())];
    kernels.read(tensor, values, 0);
    return values;
  }

  /**
   * Moves the parameters by the mean gradient.
   *
   * @param step from 1
   */
  void step(GradientSum sum, long step, double rate) {
    kernels.write(sumOfBatch, sum.gradient(), 0);
    kernels.fill(gradient, 0);
    kernels.addScaled(factor(sum.sums().weight(), step), sumOfBatch, gradient);
    for (Group group : groups) {
      move(group, step, rate);
    }
  }

  private void move(Group group, long step, double rate) {
    int size = group.to() - group.from();
    Tensor p = weights.toMove().slice(group.from(), 1, size);
    Tensor g = gradient.slice(group.from(), 1, size);
    Tensor m = first.slice(group.from(), 1, size);
    if (settings.kind() == OptimizerKind.SGD) {
      descend(group, rate, p, g, m);
      return;
    }
    kernels.adamStep(
        new Kernels.AdamStep(
            rate,
            BETA1,
            BETA2,
            EPSILON,
            group.weightDecay(),
            settings.kind() == OptimizerKind.ADAMW),
        step,
        p,
        g,
        m,
        second.slice(group.from(), 1, size));
  }

  private void descend(Group group, double rate, Tensor p, Tensor g, Tensor m) {
    if (group.weightDecay() > 0) {
      kernels.addScaled(group.weightDecay(), p, g);
    }
    kernels.addScaled(settings.momentum(), m, g);
    kernels.copy(g, m);
    kernels.addScaled(-rate, m, p);
  }

  /** What makes the mean of the sum, and limits its norm. */
  private double factor(double weight, long step) {
    double norm = Math.sqrt(kernels.sumOfSquares(sumOfBatch).value()) / weight;
    if (!Double.isFinite(norm)) {
      throw new NonFiniteException(
          "training stopped at step " + step + ": the norm of the gradient is " + norm);
    }
    boolean clipped = settings.gradientClip() > 0 && norm > settings.gradientClip();
    return (clipped ? settings.gradientClip() / norm : 1) / weight;
  }
}
