package org.sparkssm.model;

import static org.sparkssm.model.ComplexRows.imaginary;
import static org.sparkssm.model.ComplexRows.real;

import org.apache.commons.rng.UniformRandomProvider;
import org.sparkssm.kernel.DiagonalScan;
import org.sparkssm.kernel.Tensor;

/**
 * S5 (Smith, Warrington and Linderman 2023, arXiv 2208.04933), a time-invariant linear system of
 * all channels with N complex states, each for a conjugate pair:
 *
 * <pre>
 * dh/dt = A h + B u,   y = 2 Re(C h) + D u      A diagonal, every state with its own step exp(log_dt)
 * </pre>
 *
 * <p>Initially the system is the normal part of HiPPO-LegS in its eigenbasis V ({@link
 * HippoBasis}): A the eigenvalues of positive imaginary part, B = V* B_0 and C = C_0 V with real
 * B_0 ~ N(0, 1 / D) and C_0 ~ N(0, 1 / (2 N)); D ~ N(0, 1), step sizes log-uniform in [dtMin,
 * dtMax]. The real part of A is -exp(log_A_real), so that it stays stable; the authors train it
 * freely.
 *
 * <p>Options: {@code state} N (32), {@code discretization} zero-order-hold or bilinear
 * (zero-order-hold), {@code dtMin} (0.001) and {@code dtMax} (0.1), {@code clock} (0): above 0,
 * steps last as long as the data's times say ({@link StepDuration}; the paper's section 3.3).
 */
final class S5 implements Layer {
  private final int state;
  private final DiagonalTransition transition;
  private final Parameter input;
  private final Parameter output;
  private final Parameter skip;
  private final StepDuration duration;
  private final StateSlot states;

  S5(Options options, LayerSetting setting, ParameterLayout layout) {
    int width = setting.width();
    state = options.integer("state", 32, 1);
    transition =
        new DiagonalTransition(
            DiagonalTransition.rule(options),
            StepRange.of(options),
            1,
            state,
            state,
            (random, count) -> HippoBasis.of(state).frequencies(),
            layout);
    input = layout.addFree("B", 2 * state, width, (random, count) -> inputWeights(width, random));
    output = layout.addFree("C", width, 2 * state, (random, count) -> outputWeights(width, random));
    skip = layout.addFree("D", 1, width, Initializer.normal(1));
    duration = StepDuration.of(options, layout);
    states = layout.addState("h", 2 * state, Carry.complex(state));
  }

  /** V* B_0, real parts before imaginary ones. */
  private double[] inputWeights(int width, UniformRandomProvider random) {
    HippoBasis basis = HippoBasis.of(state);
    double[] drawn = Initializer.normal(1 / Math.sqrt(width)).draw(random, 2 * state * width);
    double[] weights = new double[2 * state * width];
    for (int s = 0; s < state; s++) {
      for (int n = 0; n < 2 * state; n++) {
        for (int d = 0; d < width; d++) {
          double value = drawn[n * width + d];
          weights[s * width + d] += basis.real(n, s) * value;
          weights[(state + s) * width + d] -= basis.imaginary(n, s) * value;
        }
      }
    }
    return weights;
  }

  /** C_0 V, real parts before imaginary ones in each row. */
  private double[] outputWeights(int width, UniformRandomProvider random) {
    HippoBasis basis = HippoBasis.of(state);
    double[] drawn = Initializer.normal(1 / Math.sqrt(2.0 * state)).draw(random, width * 2 * state);
    double[] weights = new double[width * 2 * state];
    for (int d = 0; d < width; d++) {
      for (int n = 0; n < 2 * state; n++) {
        double value = drawn[d * 2 * state + n];
        for (int s = 0; s < state; s++) {
          weights[d * 2 * state + s] += value * basis.real(n, s);
          weights[d * 2 * state + state + s] += value * basis.imaginary(n, s);
        }
      }
    }
    return weights;
  }

  /** A scan of the states and its backward. */
  private interface Scan {
    Tensor states();

    /** Adds the gradients of the transition; the gradient of B u. */
    Tensor backward(Tensor dStates);
  }

  @Override
  public Backward forward(Pass pass, Tensor x, Tensor y) {
    Tensor driven = pass.allocate(2 * state);
    pass.kernels().gemm(false, true, 1, x, pass.value(input), 0, driven);
    Scan scan = duration == null ? new UniformScan(pass, driven) : new TimedScan(pass, driven);
    Tensor c = pass.value(output);
    Tensor h = scan.states();
    pass.kernels().gemm(false, true, 2, real(h), real(c), 0, y);
    pass.kernels().gemm(false, true, -2, imaginary(h), imaginary(c), 1, y);
    pass.kernels().addScaledColumns(pass.value(skip), x, y);
    return (dy, dx) -> {
      Tensor dDriven = scan.backward(outputBackward(pass, h, dy));
      pass.kernels().gemm(true, false, 1, dDriven, x, 1, pass.gradient(input));
      pass.kernels().gemm(false, false, 1, dDriven, pass.value(input), 0, dx);
      pass.kernels().sumProducts(x, dy, pass.gradient(skip));
      pass.kernels().addScaledColumns(pass.value(skip), dy, dx);
    };
  }

  /** Gradient of the states through C. */
  private Tensor outputBackward(Pass pass, Tensor h, Tensor dy) {
    Tensor c = pass.value(output);
    Tensor dC = pass.gradient(output);
    pass.kernels().gemm(true, false, 2, dy, real(h), 1, real(dC));
    pass.kernels().gemm(true, false, -2, dy, imaginary(h), 1, imaginary(dC));
    Tensor dStates = pass.allocate(2 * state);
    pass.kernels().gemm(false, false, 2, dy, real(c), 0, real(dStates));
    pass.kernels().gemm(false, false, -2, dy, imaginary(c), 0, imaginary(dStates));
    return dStates;
  }

  private DiagonalScan scan(Pass pass, boolean constant, Tensor a, Tensor b, Tensor gain) {
    DiagonalScan scan =
        new DiagonalScan(
            pass.segments(),
            true,
            constant,
            a,
            b,
            gain,
            pass.before(states),
            pass.allocate(2 * state),
            pass.after(states));
    pass.kernels().diagonalScanForward(scan);
    pass.carry(states, scan.last());
    return scan;
  }

  /** All steps last 1. */
  private final class UniformScan implements Scan {
    private final Pass pass;
    private final DiagonalTransition.Step step;
    private final DiagonalScan scan;

    UniformScan(Pass pass, Tensor driven) {
      this.pass = pass;
      step = transition.forward(pass);
      scan = scan(pass, true, step.aBar(), driven, step.bBar());
    }

    @Override
    public Tensor states() {
      return scan.h();
    }

    @Override
    public Tensor backward(Tensor dStates) {
      Tensor dABar = pass.kernels().zeros(1, 2 * state);
      Tensor dBBar = pass.kernels().zeros(1, 2 * state);
      Tensor dDriven = pass.allocate(2 * state);
      pass.kernels()
          .diagonalScanBackward(
              scan, new DiagonalScan.Gradients(dStates, null, dABar, dDriven, dBBar, null));
      transition.backward(pass, step, dABar, dBBar);
      return dDriven;
    }
  }

  /** Every step has a duration and so a transition of its own. */
  private final class TimedScan implements Scan {
    private final Pass pass;
    private final Tensor driven;
    private final DiagonalTransition.TimedStep step;
    private final DiagonalScan scan;

    TimedScan(Pass pass, Tensor driven) {
      this.pass = pass;
      this.driven = driven;
      step = transition.forward(pass, duration.of(pass));
      Tensor scaled = pass.allocate(2 * state);
      ComplexRows.multiply(pass.kernels(), driven, step.bBar(), false, scaled);
      scan = scan(pass, false, step.aBar(), scaled, null);
    }

    @Override
    public Tensor states() {
      return scan.h();
    }

    @Override
    public Tensor backward(Tensor dStates) {
      Tensor dABar = pass.allocate(2 * state);
      Tensor dScaled = pass.allocate(2 * state);
      pass.kernels()
          .diagonalScanBackward(
              scan, new DiagonalScan.Gradients(dStates, null, dABar, dScaled, null, null));
      Tensor dBBar = pass.allocate(2 * state);
      ComplexRows.multiply(pass.kernels(), dScaled, driven, true, dBBar);
      transition.backward(pass, step, dABar, dBBar);
      Tensor dDriven = pass.allocate(2 * state);
      ComplexRows.multiply(pass.kernels(), dScaled, step.bBar(), true, dDriven);
      return dDriven;
    }
  }
}
