package org.sparkssm.model;

import org.sparkssm.kernel.CdeSolver;
import org.sparkssm.kernel.LinearCdeSolve;
import org.sparkssm.kernel.Segments;
import org.sparkssm.kernel.Tensor;

/**
 * A trained dense linear controlled differential equation (Cirone et al. 2024, arXiv 2402.19047,
 * equation 6) with state N and W - 1 learned control channels:
 *
 * <pre>
 * p = x control^T                                         [T, W - 1]
 * dZ = sum_i A_i Z d omega^i + B d omega,  Z_0 = initial
 * out = Z readout^T + bias
 * </pre>
 *
 * <p>The control omega comes from the input in one of two ways:
 *
 * <ul>
 *   <li>{@code increments}: the input is the path, omega = (t, p) with the origin as base point, so
 *       the first row's increment is (0, p_0);
 *   <li>{@code values}: the input is the path's derivative, d omega_l = (1, p_l) h, with h = {@code
 *       step}, or 1 / length of the sequence where {@code step} is 0 (then the states of a sequence
 *       depend on its whole length).
 * </ul>
 *
 * <p>Initially A_i ~ N(0, 1) / sqrt(N W), so that the sum over the control channels has a spectral
 * radius of about the size of an increment (the paper's 1 / sqrt(N) is for few channels of small
 * increments), B ~ N(0, 1), initial ~ N(0, 1), control ~ N(0, 1) / sqrt(D).
 *
 * <p>Options: {@code state} N (64), {@code controls} W - 1 (8), {@code solver} euler or rk4 (rk4),
 * {@code control} increments or values (increments), {@code step} (0).
 */
final class LinearCde implements Layer {
  private final int state;
  private final int channels;
  private final CdeSolver solver;
  private final boolean increments;
  private final double step;
  private final Parameter control;
  private final Parameter transition;
  private final Parameter drive;
  private final Parameter initial;
  private final Dense readout;

  LinearCde(Options options, int width, ParameterLayout layout) {
    state = options.integer("state", 64, 1);
    channels = options.integer("controls", 8, 1) + 1;
    solver =
        options.word("solver", "rk4", "euler", "rk4").equals("rk4")
            ? CdeSolver.RK4
            : CdeSolver.EULER;
    increments = options.word("control", "increments", "increments", "values").equals("increments");
    step = options.number("step", 0, 0, Double.MAX_VALUE);
    control =
        layout.addWeight(
            "control.weight", channels - 1, width, Initializer.normal(1 / Math.sqrt(width)));
    double scale = 1 / Math.sqrt((double) state * channels);
    transition = layout.addFree("A", channels * state, state, Initializer.normal(scale));
    drive = layout.addFree("B", state, channels, Initializer.normal(1));
    initial = layout.addFree("initial", 1, state, Initializer.normal(1));
    readout = new Dense(state, width, true, layout.child("readout"));
  }

  @Override
  public Backward forward(Pass pass, Tensor x, Tensor y) {
    Tensor path = pass.allocate(channels - 1);
    pass.kernels().gemm(false, true, 1, x, pass.value(control), 0, path);
    Tensor dOmega = pass.allocate(channels);
    if (increments) {
      differences(pass, path, dOmega);
    } else {
      steps(pass, path, dOmega);
    }
    LinearCdeSolve solve = solve(pass, dOmega);
    pass.kernels().linearCdeForward(solve);
    Backward readoutBackward = readout.forward(pass, solve.y(), y);
    return (dy, dx) -> {
      Tensor dStates = pass.allocate(state);
      readoutBackward.run(dy, dStates);
      Tensor dDOmega = solveBackward(pass, solve, dStates);
      Tensor dPath = pass.allocate(channels - 1);
      if (increments) {
        differencesBackward(pass, dDOmega, dPath);
      } else {
        stepsBackward(pass, dDOmega, dPath);
      }
      pass.kernels().gemm(true, false, 1, dPath, x, 1, pass.gradient(control));
      pass.kernels().gemm(false, false, 1, dPath, pass.value(control), 0, dx);
    };
  }

  private LinearCdeSolve solve(Pass pass, Tensor dOmega) {
    Tensor start = pass.kernels().zeros(pass.segments().batch(), state);
    pass.kernels().addRow(pass.value(initial), start);
    return new LinearCdeSolve(
        solver,
        pass.segments(),
        dOmega,
        pass.value(transition),
        dOmega,
        pass.value(drive),
        start,
        pass.allocate(state),
        null);
  }

  /** Gradient of the increments, through the transition and the drive. */
  private Tensor solveBackward(Pass pass, LinearCdeSolve solve, Tensor dStates) {
    Tensor dDOmega = pass.allocate(channels);
    Tensor dDXi = pass.allocate(channels);
    Tensor dStart = pass.kernels().allocate(pass.segments().batch(), state);
    pass.kernels()
        .linearCdeBackward(
            solve,
            new LinearCdeSolve.Gradients(
                dStates,
                null,
                dDOmega,
                pass.gradient(transition),
                dDXi,
                pass.gradient(drive),
                dStart));
    pass.kernels().addScaled(1, dDXi, dDOmega);
    pass.kernels().sumRows(dStart, pass.gradient(initial));
    return dDOmega;
  }

  private void differences(Pass pass, Tensor path, Tensor dOmega) {
    Tensor origin = pass.kernels().zeros(pass.segments().batch(), channels - 1);
    pass.kernels().differenceForward(pass.segments(), pass.times(), null, dOmega.columnRange(0, 1));
    pass.kernels()
        .differenceForward(pass.segments(), path, origin, dOmega.columnRange(1, channels));
  }

  private void differencesBackward(Pass pass, Tensor dDOmega, Tensor dPath) {
    Segments segments = pass.segments();
    Tensor dDifferences = dDOmega.columnRange(1, channels);
    pass.kernels().differenceBackward(segments, dDifferences, dPath);
    for (int b = 0; b < segments.batch(); b++) {
      if (segments.length(b) > 0) {
        int first = segments.offset(b);
        pass.kernels()
            .addScaled(
                1, dDifferences.rowRange(first, first + 1), dPath.rowRange(first, first + 1));
      }
    }
  }

  private void steps(Pass pass, Tensor path, Tensor dOmega) {
    pass.kernels().fill(dOmega.columnRange(1, channels), 0);
    Segments segments = pass.segments();
    for (int b = 0; b < segments.batch(); b++) {
      int first = segments.offset(b);
      int end = first + segments.length(b);
      double h = stepOf(segments, b);
      pass.kernels().fill(dOmega.columnRange(0, 1).rowRange(first, end), h);
      pass.kernels()
          .addScaled(
              h, path.rowRange(first, end), dOmega.columnRange(1, channels).rowRange(first, end));
    }
  }

  private void stepsBackward(Pass pass, Tensor dDOmega, Tensor dPath) {
    pass.kernels().fill(dPath, 0);
    Segments segments = pass.segments();
    for (int b = 0; b < segments.batch(); b++) {
      int first = segments.offset(b);
      int end = first + segments.length(b);
      pass.kernels()
          .addScaled(
              stepOf(segments, b),
              dDOmega.columnRange(1, channels).rowRange(first, end),
              dPath.rowRange(first, end));
    }
  }

  private double stepOf(Segments segments, int sequence) {
    return step > 0 ? step : 1.0 / Math.max(1, segments.length(sequence));
  }
}
