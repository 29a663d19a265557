package org.sparkssm.kernel;

import static org.sparkssm.kernel.ReferenceKernels.addTo;
import static org.sparkssm.kernel.ReferenceKernels.expectRows;
import static org.sparkssm.kernel.ReferenceKernels.expectShape;
import static org.sparkssm.kernel.ReferenceKernels.own;

/**
 * The dense linear controlled differential equation, step by step. With {@code k = M z + f} a step
 * is {@code z + k} (Euler) or {@code z + k + M/2 (k + M/3 (k + M/4 k))} (Runge-Kutta).
 */
final class ReferenceLinearCde {
  /** The factors of the nested form, innermost first. */
  private static final double[] RK4_FACTORS = {1.0 / 4, 1.0 / 3, 1.0 / 2};

  private static final double[] EULER_FACTORS = {};

  private ReferenceLinearCde() {}

  static void forward(LinearCdeSolve solve) {
    check(solve);
    Segments segments = solve.segments();
    for (int b = 0; b < segments.batch(); b++) {
      double[] state = initial(solve, b);
      for (int l = 0; l < segments.length(b); l++) {
        int row = segments.offset(b) + l;
        double[][] stages = stages(solve, row, transition(solve, row), state);
        double[] move = stages[stages.length - 1];
        for (int i = 0; i < state.length; i++) {
          state[i] += move[i];
          if (solve.y() != null) {
            own(solve.y()).set(row, i, state[i]);
          }
        }
      }
      for (int i = 0; i < state.length && solve.last() != null; i++) {
        own(solve.last()).set(b, i, state[i]);
      }
    }
  }

  static void backward(LinearCdeSolve solve, LinearCdeSolve.Gradients gradients) {
    check(solve);
    if (solve.y() == null) {
      throw new IllegalArgumentException("linearCde: the backward needs the states y");
    }
    int n = solve.a().columns();
    double[] dA = new double[Math.toIntExact(solve.a().size())];
    double[] dDrive = new double[solve.drive() == null ? 0 : n * solve.drive().columns()];
    for (int b = 0; b < solve.segments().batch(); b++) {
      backward(solve, gradients, b, dA, dDrive);
    }
    if (gradients.dA() != null) {
      addTo(gradients.dA(), dA);
    }
    if (gradients.dDrive() != null) {
      addTo(gradients.dDrive(), dDrive);
    }
  }

  private static void backward(
      LinearCdeSolve solve,
      LinearCdeSolve.Gradients gradients,
      int b,
      double[] dA,
      double[] dDrive) {
    int n = solve.a().columns();
    int first = solve.segments().offset(b);
    double[] dState = new double[n];
    for (int i = 0; i < n && gradients.dLast() != null; i++) {
      dState[i] = own(gradients.dLast()).get(b, i);
    }
    for (int l = solve.segments().length(b) - 1; l >= 0; l--) {
      int row = first + l;
      double[] before = l == 0 ? initial(solve, b) : row(solve.y(), row - 1);
      for (int i = 0; i < n && gradients.dy() != null; i++) {
        dState[i] += own(gradients.dy()).get(row, i);
      }
      double[][] transition = transition(solve, row);
      double[][] stages = stages(solve, row, transition, before);
      double[] factors = factors(solve);
      double[][] dTransition = new double[n][n];
      double[] dStage = dState.clone();
      double[] dMove = dState.clone();
      for (int stage = factors.length - 1; stage >= 0; stage--) {
        addOuter(factors[stage], dStage, stages[stage], dTransition);
        dStage = timesTransposed(factors[stage], transition, dStage);
        add(dStage, dMove);
      }
      addOuter(1, dMove, before, dTransition);
      add(timesTransposed(1, transition, dMove), dState);
      spreadTransition(solve, gradients, row, dTransition, dA);
      spreadDrive(solve, gradients, row, dMove, dDrive);
    }
    for (int i = 0; i < n && gradients.dInitial() != null; i++) {
      own(gradients.dInitial()).set(b, i, dState[i]);
    }
  }

  private static void spreadTransition(
      LinearCdeSolve solve,
      LinearCdeSolve.Gradients gradients,
      int row,
      double[][] dTransition,
      double[] dA) {
    int n = solve.a().columns();
    for (int w = 0; w < solve.dOmega().columns(); w++) {
      double increment = own(solve.dOmega()).get(row, w);
      double inner = 0;
      for (int i = 0; i < n; i++) {
        for (int j = 0; j < n; j++) {
          inner += dTransition[i][j] * own(solve.a()).get(w * n + i, j);
          dA[(w * n + i) * n + j] += increment * dTransition[i][j];
        }
      }
      if (gradients.dDOmega() != null) {
        own(gradients.dDOmega()).set(row, w, inner);
      }
    }
  }

  private static void spreadDrive(
      LinearCdeSolve solve,
      LinearCdeSolve.Gradients gradients,
      int row,
      double[] dForce,
      double[] dDrive) {
    if (solve.drive() == null) {
      return;
    }
    int width = solve.drive().columns();
    for (int x = 0; x < width; x++) {
      double increment = own(solve.dXi()).get(row, x);
      double inner = 0;
      for (int i = 0; i < dForce.length; i++) {
        inner += dForce[i] * own(solve.drive()).get(i, x);
        dDrive[i * width + x] += dForce[i] * increment;
      }
      if (gradients.dDXi() != null) {
        own(gradients.dDXi()).set(row, x, inner);
      }
    }
  }

  /** {@code k}, then what each factor makes of it; the last is the step's move. */
  private static double[][] stages(
      LinearCdeSolve solve, int row, double[][] transition, double[] state) {
    double[] factors = factors(solve);
    double[][] stages = new double[factors.length + 1][];
    stages[0] = times(1, transition, state);
    for (int i = 0; i < state.length && solve.drive() != null; i++) {
      for (int x = 0; x < solve.drive().columns(); x++) {
        stages[0][i] += own(solve.drive()).get(i, x) * own(solve.dXi()).get(row, x);
      }
    }
    for (int stage = 0; stage < factors.length; stage++) {
      stages[stage + 1] = times(factors[stage], transition, stages[stage]);
      add(stages[0], stages[stage + 1]);
    }
    return stages;
  }

  private static double[] factors(LinearCdeSolve solve) {
    return switch (solve.solver()) {
      case EULER -> EULER_FACTORS;
      case RK4 -> RK4_FACTORS;
      case EXPONENTIAL -> throw new IllegalArgumentException("see ExponentialLinearCde");
    };
  }

  private static double[][] transition(LinearCdeSolve solve, int row) {
    int n = solve.a().columns();
    double[][] transition = new double[n][n];
    for (int w = 0; w < solve.dOmega().columns(); w++) {
      double increment = own(solve.dOmega()).get(row, w);
      for (int i = 0; i < n; i++) {
        for (int j = 0; j < n; j++) {
          transition[i][j] += increment * own(solve.a()).get(w * n + i, j);
        }
      }
    }
    return transition;
  }

  private static double[] times(double factor, double[][] matrix, double[] x) {
    double[] y = new double[x.length];
    for (int i = 0; i < x.length; i++) {
      for (int j = 0; j < x.length; j++) {
        y[i] += factor * matrix[i][j] * x[j];
      }
    }
    return y;
  }

  private static double[] timesTransposed(double factor, double[][] matrix, double[] x) {
    double[] y = new double[x.length];
    for (int i = 0; i < x.length; i++) {
      for (int j = 0; j < x.length; j++) {
        y[j] += factor * matrix[i][j] * x[i];
      }
    }
    return y;
  }

  private static void addOuter(double factor, double[] x, double[] y, double[][] matrix) {
    for (int i = 0; i < x.length; i++) {
      for (int j = 0; j < y.length; j++) {
        matrix[i][j] += factor * x[i] * y[j];
      }
    }
  }

  private static void add(double[] x, double[] y) {
    for (int i = 0; i < y.length; i++) {
      y[i] += x[i];
    }
  }

  private static double[] initial(LinearCdeSolve solve, int b) {
    return solve.initial() == null ? new double[solve.a().columns()] : row(solve.initial(), b);
  }

  private static double[] row(Tensor tensor, int row) {
    double[] values = new double[tensor.columns()];
    for (int c = 0; c < values.length; c++) {
      values[c] = own(tensor).get(row, c);
    }
    return values;
  }

  private static void check(LinearCdeSolve solve) {
    String name = "linearCde";
    int n = solve.a().columns();
    expectRows(name, solve.segments(), solve.dOmega());
    expectShape(name, solve.a(), solve.dOmega().columns() * n, n);
    if ((solve.dXi() == null) != (solve.drive() == null)) {
      throw new IllegalArgumentException("linearCde: dXi and drive come together");
    }
    if (solve.drive() != null) {
      expectRows(name, solve.segments(), solve.dXi());
      expectShape(name, solve.drive(), n, solve.dXi().columns());
    }
    if (solve.initial() != null) {
      expectShape(name, solve.initial(), solve.segments().batch(), n);
    }
  }
}
