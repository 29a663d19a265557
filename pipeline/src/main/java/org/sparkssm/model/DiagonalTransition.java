package org.sparkssm.model;

import java.util.Arrays;
import org.sparkssm.kernel.Discretization;
import org.sparkssm.kernel.Tensor;

/**
 * The trained transition of a time-invariant diagonal state space: {@code A = -exp(log_A_real) + i
 * A_imag}, stable whatever the parameters, discretized with step {@code exp(log_dt)}. Initially the
 * real parts are -1/2.
 */
final class DiagonalTransition {
  private final Discretization rule;
  private final int rows;
  private final int states;
  private final Parameter logStep;
  private final Parameter logReal;
  private final Parameter imaginary;

  /** A, Abar and Bbar of one pass, each [rows, 2 states]. */
  record Step(Tensor a, Tensor aBar, Tensor bBar) {}

  /** A [1, 2 states], and of every step log step sizes [T, states], A, Abar and Bbar. */
  record TimedStep(Tensor a, Tensor logSteps, Tensor ofSteps, Tensor aBar, Tensor bBar) {}

  /**
   * @param range of the initial step sizes
   * @param stepsPerRow 1: a row has one step size, or {@code states}: every state its own
   */
  DiagonalTransition(
      Discretization rule,
      StepRange range,
      int rows,
      int states,
      int stepsPerRow,
      Initializer imaginaryPart,
      ParameterLayout layout) {
    this.rule = rule;
    this.rows = rows;
    this.states = states;
    logStep = layout.addFree("log_dt", rows, stepsPerRow, range.logarithms());
    logReal = layout.addFree("log_A_real", rows, states, Initializer.constant(Math.log(0.5)));
    imaginary = layout.addFree("A_imag", rows, states, imaginaryPart);
  }

  /** Reads option {@code discretization}. */
  static Discretization rule(Options options) {
    String word = options.word("discretization", "zero-order-hold", "zero-order-hold", "bilinear");
    return word.equals("bilinear") ? Discretization.BILINEAR : Discretization.ZERO_ORDER_HOLD;
  }

  private Tensor continuous(Pass pass) {
    Tensor a = pass.kernels().allocate(rows, 2 * states);
    pass.kernels().negativeExpForward(pass.value(logReal), a.columnRange(0, states));
    pass.kernels().copy(pass.value(imaginary), a.columnRange(states, 2 * states));
    return a;
  }

  /**
   * The transitions of every step of a pass, for one row of states: step sizes are multiplied by
   * durations.
   *
   * @param durations [T]
   */
  TimedStep forward(Pass pass, double[] durations) {
    Tensor a = continuous(pass);
    Tensor logDurations = pass.allocate(1);
    pass.kernels().write(logDurations, Arrays.stream(durations).map(Math::log).toArray());
    Tensor ones = pass.kernels().allocate(1, states);
    pass.kernels().fill(ones, 1);
    Tensor logSteps = pass.kernels().zeros(durations.length, states);
    pass.kernels().addRow(pass.value(logStep), logSteps);
    pass.kernels().gemm(false, false, 1, logDurations, ones, 1, logSteps);
    Tensor ofSteps = pass.kernels().zeros(durations.length, 2 * states);
    pass.kernels().addRow(a, ofSteps);
    Tensor aBar = pass.allocate(2 * states);
    Tensor bBar = pass.allocate(2 * states);
    pass.kernels().discretizeForward(rule, logSteps, ofSteps, aBar, bBar);
    return new TimedStep(a, logSteps, ofSteps, aBar, bBar);
  }

  /** Backward of {@link #forward(Pass, double[])}: adds the gradients of the parameters. */
  void backward(Pass pass, TimedStep step, Tensor dABar, Tensor dBBar) {
    int steps = dABar.rows();
    Tensor dLogSteps = pass.kernels().zeros(steps, states);
    Tensor dOfSteps = pass.kernels().zeros(steps, 2 * states);
    pass.kernels()
        .discretizeBackward(
            rule, step.logSteps(), step.ofSteps(), dABar, dBBar, dLogSteps, dOfSteps);
    pass.kernels().sumRows(dLogSteps, pass.gradient(logStep));
    Tensor dA = pass.kernels().zeros(1, 2 * states);
    pass.kernels().sumRows(dOfSteps, dA);
    continuousBackward(pass, step.a(), dA);
  }

  Step forward(Pass pass) {
    Tensor a = continuous(pass);
    Tensor aBar = pass.kernels().allocate(rows, 2 * states);
    Tensor bBar = pass.kernels().allocate(rows, 2 * states);
    pass.kernels().discretizeForward(rule, pass.value(logStep), a, aBar, bBar);
    return new Step(a, aBar, bBar);
  }

  /** Adds the gradients of the parameters. */
  void backward(Pass pass, Step step, Tensor dABar, Tensor dBBar) {
    Tensor dA = pass.kernels().zeros(rows, 2 * states);
    pass.kernels()
        .discretizeBackward(
            rule, pass.value(logStep), step.a(), dABar, dBBar, pass.gradient(logStep), dA);
    continuousBackward(pass, step.a(), dA);
  }

  private void continuousBackward(Pass pass, Tensor a, Tensor dA) {
    pass.kernels()
        .negativeExpBackward(
            a.columnRange(0, states), dA.columnRange(0, states), pass.gradient(logReal));
    pass.kernels().addScaled(1, dA.columnRange(states, 2 * states), pass.gradient(imaginary));
  }
}
