package org.sparkssm.kernel;

import static org.sparkssm.kernel.ReferenceKernels.addTo;
import static org.sparkssm.kernel.ReferenceKernels.expectRows;
import static org.sparkssm.kernel.ReferenceKernels.expectShape;
import static org.sparkssm.kernel.ReferenceKernels.own;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The structured linear controlled differential equation, step by step. A part of a step of size g
 * is a truncated Taylor series: {@code t_1 = g (M z + f), t_j = g / j M t_{j-1}, z + t_1 + t_2 +
 * ...}; Euler is one part and one term, Runge-Kutta one part and four.
 */
final class ReferenceStructuredCde {
  private static final double PART_NORM = 3.5;
  private static final double GREATEST_NORM = 896;
  private static final double TOLERANCE = 0x1p-53;
  private static final int MOST_TERMS = 40;

  private ReferenceStructuredCde() {}

  static void forward(StructuredCdeSolve solve) {
    check(solve);
    int n = solve.structure().states();
    for (int b = 0; b < solve.segments().batch(); b++) {
      double[] state = initial(solve, b);
      for (int l = 0; l < solve.segments().length(b); l++) {
        int row = solve.segments().offset(b) + l;
        for (Part part : new Step(solve, row, state).parts) {
          state = part.after;
        }
        for (int i = 0; i < n && solve.y() != null; i++) {
          own(solve.y()).set(row, i, state[i]);
        }
      }
      for (int i = 0; i < n && solve.last() != null; i++) {
        own(solve.last()).set(b, i, state[i]);
      }
    }
  }

  static void backward(StructuredCdeSolve solve, StructuredCdeSolve.Gradients gradients) {
    check(solve);
    if (solve.y() == null) {
      throw new IllegalArgumentException("structuredCde: the backward needs the states y");
    }
    int n = solve.structure().states();
    double[] dCoefficients = new double[Math.toIntExact(solve.coefficients().size())];
    for (int b = 0; b < solve.segments().batch(); b++) {
      int first = solve.segments().offset(b);
      double[] g = gradients.dLast() == null ? new double[n] : row(gradients.dLast(), b);
      for (int l = solve.segments().length(b) - 1; l >= 0; l--) {
        int row = first + l;
        for (int i = 0; i < n && gradients.dy() != null; i++) {
          g[i] += own(gradients.dy()).get(row, i);
        }
        double[] before = l == 0 ? initial(solve, b) : row(solve.y(), row - 1);
        Step step = new Step(solve, row, before);
        double[] dc = new double[solve.structure().coefficients()];
        double[] dForce = new double[n];
        for (int k = step.parts.size() - 1; k >= 0; k--) {
          g = step.backward(step.parts.get(k), g, dc, dForce);
        }
        for (int i = 0; i < n && gradients.dForce() != null; i++) {
          own(gradients.dForce()).set(row, i, dForce[i]);
        }
        spread(solve, gradients, row, dc, dCoefficients);
      }
      for (int i = 0; i < n && gradients.dInitial() != null; i++) {
        own(gradients.dInitial()).set(b, i, g[i]);
      }
    }
    addTo(gradients.dCoefficients(), dCoefficients);
  }

  private static void spread(
      StructuredCdeSolve solve,
      StructuredCdeSolve.Gradients gradients,
      int row,
      double[] dc,
      double[] dCoefficients) {
    for (int w = 0; w < solve.dOmega().columns(); w++) {
      double inner = 0;
      double increment = own(solve.dOmega()).get(row, w);
      for (int p = 0; p < dc.length; p++) {
        inner += dc[p] * own(solve.coefficients()).get(w, p);
        dCoefficients[w * dc.length + p] += increment * dc[p];
      }
      if (gradients.dDOmega() != null) {
        own(gradients.dDOmega()).set(row, w, inner);
      }
    }
  }

  /** State before a part, its terms, and the state after it. */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  private record Part(double[] before, List<double[]> terms, double[] after) {}

  /** One step: its transition and its parts. */
  private static final class Step {
    final ReferenceTransition transition;
    final double size;
    final List<Part> parts = new ArrayList<>();

    Step(StructuredCdeSolve solve, int row, double[] before) {
      double[] c = new double[solve.structure().coefficients()];
      for (int w = 0; w < solve.dOmega().columns(); w++) {
        for (int p = 0; p < c.length; p++) {
          c[p] += own(solve.dOmega()).get(row, w) * own(solve.coefficients()).get(w, p);
        }
      }
      transition = new ReferenceTransition(solve.structure(), c);
      int count = 1;
      int terms =
          switch (solve.solver()) {
            case EULER -> 1;
            case RK4 -> 4;
            case EXPONENTIAL -> MOST_TERMS;
          };
      double norm = terms == MOST_TERMS ? transition.norm() : 0;
      if (norm < GREATEST_NORM) {
        count = Math.max(1, (int) Math.ceil(norm / PART_NORM));
      } else {
        Arrays.fill(c, Double.NaN);
        terms = 1;
      }
      size = 1.0 / count;
      double[] force = solve.force() == null ? new double[before.length] : row(solve.force(), row);
      double[] state = before;
      for (int k = 0; k < count; k++) {
        parts.add(part(state, force, terms));
        state = parts.get(k).after;
      }
    }

    private Part part(double[] before, double[] force, int most) {
      List<double[]> terms = new ArrayList<>();
      double[] after = before.clone();
      double[] term = before;
      double previous = Double.POSITIVE_INFINITY;
      for (int j = 1; j <= most; j++) {
        double[] next = transition.times(term);
        for (int i = 0; i < next.length; i++) {
          next[i] = size / j * (next[i] + (j == 1 ? force[i] : 0));
          after[i] += next[i];
        }
        terms.add(next);
        term = next;
        double greatest = greatest(next);
        if (most == MOST_TERMS && previous + greatest <= TOLERANCE * greatest(after)) {
          break;
        }
        previous = greatest;
      }
      return new Part(before, terms, after);
    }

    /** The gradient before the part, given that after it. */
    double[] backward(Part part, double[] g, double[] dc, double[] dForce) {
      double[] dTerm = g.clone();
      for (int j = part.terms.size(); j >= 2; j--) {
        transition.addOuter(size / j, dTerm, part.terms.get(j - 2), dc);
        dTerm = combined(g, size / j, transition.timesTransposed(dTerm));
      }
      transition.addOuter(size, dTerm, part.before, dc);
      for (int i = 0; i < dTerm.length; i++) {
        dForce[i] += size * dTerm[i];
      }
      return combined(g, size, transition.timesTransposed(dTerm));
    }
  }

  private static double[] combined(double[] x, double factor, double[] y) {
    double[] sum = x.clone();
    for (int i = 0; i < sum.length; i++) {
      sum[i] += factor * y[i];
    }
    return sum;
  }

  private static double greatest(double[] x) {
    return Arrays.stream(x).map(Math::abs).max().orElse(0);
  }

  private static double[] initial(StructuredCdeSolve solve, int b) {
    return solve.initial() == null
        ? new double[solve.structure().states()]
        : row(solve.initial(), b);
  }

  private static double[] row(Tensor tensor, int row) {
    double[] values = new double[tensor.columns()];
    Arrays.setAll(values, c -> own(tensor).get(row, c));
    return values;
  }

  private static void check(StructuredCdeSolve solve) {
    String name = "structuredCde";
    int n = solve.structure().states();
    expectRows(name, solve.segments(), solve.dOmega());
    expectShape(
        name, solve.coefficients(), solve.dOmega().columns(), solve.structure().coefficients());
    if (solve.force() != null) {
      expectShape(name, solve.force(), solve.segments().rows(), n);
    }
    if (solve.initial() != null) {
      expectShape(name, solve.initial(), solve.segments().batch(), n);
    }
  }
}
