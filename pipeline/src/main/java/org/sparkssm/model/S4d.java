package org.sparkssm.model;

import org.sparkssm.kernel.Discretization;
import org.sparkssm.kernel.S4dScan;
import org.sparkssm.kernel.Tensor;

/**
 * S4D, the diagonal S4 layer (Gu, Gupta, Goel and Ré 2022, arXiv 2206.11893), a time-invariant
 * linear system per channel with N complex states, each for a conjugate pair:
 *
 * <pre>
 * dh/dt = A h + u,   y = 2 Re(C h) + D u        discretized with step exp(log_dt)
 * out   = y out_proj^T + bias
 * </pre>
 *
 * A = -exp(log_A_real) + i A_imag. The output projection mixes the channels, as the position-wise
 * layer after S4 does.
 *
 * <p>Initial values are those of the paper and the authors' code (state-spaces/s4, {@code s4d.py}):
 * {@code S4D-Lin}, A_n = -1/2 + i pi n, or {@code S4D-Inv}, A_n = -1/2 + i (M / pi) (M / (2n + 1) -
 * 1) with M = 2 N; C complex standard normal, D ~ N(0, 1), step sizes log-uniform in [dtMin,
 * dtMax].
 *
 * <p>Options: {@code state} N (32), {@code initialization} lin or inv (lin), {@code discretization}
 * zero-order-hold or bilinear (zero-order-hold), {@code dtMin} (0.001) and {@code dtMax} (0.1).
 */
final class S4d implements Layer {
  private final int width;
  private final int state;
  private final Discretization rule;
  private final DiagonalTransition transition;
  private final Parameter output;
  private final Parameter skip;
  private final Dense outProjection;
  private final StateSlot states;

  S4d(Options options, LayerSetting setting, ParameterLayout layout) {
    width = setting.width();
    state = options.integer("state", 32, 1);
    boolean linear = options.word("initialization", "lin", "lin", "inv").equals("lin");
    rule = DiagonalTransition.rule(options);
    transition =
        new DiagonalTransition(
            rule,
            StepRange.of(options),
            width,
            state,
            1,
            (random, count) -> frequencies(linear, count),
            layout);
    output = layout.addFree("C", width, 2 * state, Initializer.normal(Math.sqrt(0.5)));
    skip = layout.addFree("D", 1, width, Initializer.normal(1));
    outProjection = new Dense(width, width, true, layout.child("out_proj"));
    states = layout.addState("h", width * 2 * state, Carry.complex(state));
  }

  private double[] frequencies(boolean linear, int count) {
    double size = 2.0 * state;
    double[] values = new double[count];
    for (int i = 0; i < count; i++) {
      int n = i % state;
      values[i] = linear ? Math.PI * n : size / Math.PI * (size / (2 * n + 1) - 1);
    }
    return values;
  }

  @Override
  public Backward forward(Pass pass, Tensor x, Tensor y) {
    DiagonalTransition.Step step = transition.forward(pass);
    S4dScan scan =
        new S4dScan(
            pass.segments(),
            x,
            step.aBar(),
            step.bBar(),
            pass.value(output),
            pass.value(skip),
            pass.before(states),
            pass.allocate(width),
            pass.after(states));
    pass.kernels().s4dScanForward(scan);
    pass.carry(states, scan.last());
    Backward outBackward = outProjection.forward(pass, scan.y(), y);
    return (dy, dx) -> {
      Tensor dScanned = pass.allocate(width);
      outBackward.run(dy, dScanned);
      Tensor dABar = pass.kernels().zeros(width, 2 * state);
      Tensor dBBar = pass.kernels().zeros(width, 2 * state);
      pass.kernels()
          .s4dScanBackward(
              scan,
              new S4dScan.Gradients(
                  dScanned,
                  null,
                  dx,
                  dABar,
                  dBBar,
                  pass.gradient(output),
                  pass.gradient(skip),
                  null));
      transition.backward(pass, step, dABar, dBBar);
    };
  }
}
