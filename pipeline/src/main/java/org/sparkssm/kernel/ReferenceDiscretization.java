package org.sparkssm.kernel;

import static org.sparkssm.kernel.ReferenceKernels.expectShape;
import static org.sparkssm.kernel.ReferenceKernels.own;

import org.apache.commons.math3.complex.Complex;

/** Discretized diagonal transitions and their derivatives, which are holomorphic in step and A. */
final class ReferenceDiscretization {
  /** Below it the series of phi1 is exact to rounding after {@link #TERMS} terms. */
  private static final double SERIES_RADIUS = 0.5;

  private static final int TERMS = 16;

  private ReferenceDiscretization() {}

  /** Abar, Bbar, and their derivatives by A and by the logarithm of the step. */
  private record Values(
      Complex aBar,
      Complex bBar,
      Complex aBarByA,
      Complex bBarByA,
      Complex aBarByLogStep,
      Complex bBarByLogStep) {}

  static void forward(Discretization rule, Tensor logStep, Tensor a, Tensor aBar, Tensor bBar) {
    check("discretizeForward", logStep, a, aBar, bBar);
    int n = a.columns() / 2;
    for (int r = 0; r < a.rows(); r++) {
      for (int s = 0; s < n; s++) {
        Values values = values(rule, own(logStep).get(r, column(logStep, s)), complex(a, r, s));
        own(aBar).set(r, s, values.aBar.getReal());
        own(aBar).set(r, n + s, values.aBar.getImaginary());
        own(bBar).set(r, s, values.bBar.getReal());
        own(bBar).set(r, n + s, values.bBar.getImaginary());
      }
    }
  }

  static void backward(
      Discretization rule,
      Tensor logStep,
      Tensor a,
      Tensor dABar,
      Tensor dBBar,
      Tensor dLogStep,
      Tensor dA) {
    check("discretizeBackward", logStep, a, dABar, dBBar);
    check("discretizeBackward", dLogStep, a, dA, dA);
    int n = a.columns() / 2;
    for (int r = 0; r < a.rows(); r++) {
      for (int s = 0; s < n; s++) {
        Values values = values(rule, own(logStep).get(r, column(logStep, s)), complex(a, r, s));
        Complex byABar = complex(dABar, r, s);
        Complex byBBar = complex(dBBar, r, s);
        Complex byA =
            byABar
                .multiply(values.aBarByA.conjugate())
                .add(byBBar.multiply(values.bBarByA.conjugate()));
        own(dA).add(r, s, byA.getReal());
        own(dA).add(r, n + s, byA.getImaginary());
        Complex byLogStep =
            byABar
                .multiply(values.aBarByLogStep.conjugate())
                .add(byBBar.multiply(values.bBarByLogStep.conjugate()));
        own(dLogStep).add(r, column(dLogStep, s), byLogStep.getReal());
      }
    }
  }

  private static Values values(Discretization rule, double logStep, Complex a) {
    double step = Math.exp(logStep);
    Complex z = a.multiply(step);
    if (rule == Discretization.BILINEAR) {
      Complex inverse = Complex.ONE.subtract(z.multiply(0.5)).reciprocal();
      Complex square = inverse.multiply(inverse);
      return new Values(
          Complex.ONE.add(z.multiply(0.5)).multiply(inverse),
          inverse.multiply(step),
          square.multiply(step),
          square.multiply(0.5 * step * step),
          square.multiply(z),
          square.multiply(step));
    }
    Complex aBar = z.exp();
    Complex phi = phi1(z, aBar);
    return new Values(
        aBar,
        phi.multiply(step),
        aBar.multiply(step),
        phi1Derivative(z, aBar, phi).multiply(step * step),
        aBar.multiply(z),
        aBar.multiply(step));
  }

  /** {@code (e^z - 1) / z}. */
  private static Complex phi1(Complex z, Complex exp) {
    if (z.abs() >= SERIES_RADIUS) {
      return exp.subtract(1).divide(z);
    }
    Complex sum = Complex.ZERO;
    for (int k = TERMS; k >= 0; k--) {
      sum = sum.multiply(z).divide(k + 2).add(1);
    }
    return sum;
  }

  private static Complex phi1Derivative(Complex z, Complex exp, Complex phi) {
    if (z.abs() >= SERIES_RADIUS) {
      return exp.subtract(phi).divide(z);
    }
    // sum_k (k + 1) z^k / (k + 2)!
    Complex sum = Complex.ZERO;
    double factorial = 1;
    Complex power = Complex.ONE;
    for (int k = 0; k <= TERMS; k++) {
      factorial *= k + 2;
      sum = sum.add(power.multiply((k + 1) / factorial));
      power = power.multiply(z);
    }
    return sum;
  }

  private static Complex complex(Tensor tensor, int row, int element) {
    int half = tensor.columns() / 2;
    return new Complex(own(tensor).get(row, element), own(tensor).get(row, half + element));
  }

  private static int column(Tensor logStep, int element) {
    return logStep.columns() == 1 ? 0 : element;
  }

  private static void check(String name, Tensor logStep, Tensor a, Tensor x, Tensor y) {
    if (a.columns() % 2 != 0) {
      throw new IllegalArgumentException(
          name + ": " + a + " does not fit: expected an even number of columns");
    }
    expectShape(name, logStep, a.rows(), logStep.columns() == 1 ? 1 : a.columns() / 2);
    expectShape(name, x, a.rows(), a.columns());
    expectShape(name, y, a.rows(), a.columns());
  }
}
