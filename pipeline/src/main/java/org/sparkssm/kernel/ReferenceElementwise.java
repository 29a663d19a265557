package org.sparkssm.kernel;

import static org.sparkssm.kernel.ReferenceKernels.addTo;
import static org.sparkssm.kernel.ReferenceKernels.expect;
import static org.sparkssm.kernel.ReferenceKernels.expectSameShape;
import static org.sparkssm.kernel.ReferenceKernels.expectShape;
import static org.sparkssm.kernel.ReferenceKernels.own;
import static org.sparkssm.kernel.ReferenceKernels.sigmoid;

import java.util.function.DoubleUnaryOperator;
import org.apache.commons.math3.special.Erf;

/** The element-wise operations, row sums and dropout of {@link ReferenceKernels}. */
final class ReferenceElementwise {
  private static final double SQRT_HALF = Math.sqrt(0.5);
  private static final double INVERSE_SQRT_2_PI = 1 / Math.sqrt(2 * Math.PI);

  private ReferenceElementwise() {}

  static void copy(Tensor source, Tensor target) {
    map("copy", source, target, x -> x);
  }

  static void fill(Tensor target, double value) {
    map("fill", target, target, x -> value);
  }

  static void addScaled(double alpha, Tensor x, Tensor y) {
    expectSameShape("addScaled", x, y);
    ReferenceTensor from = own(x);
    ReferenceTensor to = own(y);
    for (int r = 0; r < to.rows(); r++) {
      for (int c = 0; c < to.columns(); c++) {
        to.add(r, c, alpha * from.get(r, c));
      }
    }
  }

  static void addRow(Tensor bias, Tensor x) {
    expectShape("addRow", bias, 1, x.columns());
    ReferenceTensor row = own(bias);
    ReferenceTensor to = own(x);
    for (int r = 0; r < to.rows(); r++) {
      for (int c = 0; c < to.columns(); c++) {
        to.add(r, c, row.get(0, c));
      }
    }
  }

  static void sumRows(Tensor dy, Tensor dBias) {
    expectShape("sumRows", dBias, 1, dy.columns());
    ReferenceTensor from = own(dy);
    double[] sums = new double[dy.columns()];
    for (int r = 0; r < dy.rows(); r++) {
      for (int c = 0; c < sums.length; c++) {
        sums[c] += from.get(r, c);
      }
    }
    addTo(dBias, sums);
  }

  static void activationForward(Activation activation, Tensor x, Tensor y) {
    map("activationForward", x, y, value(activation));
  }

  static void activationBackward(Activation activation, Tensor x, Tensor dy, Tensor dx) {
    expectSameShape("activationBackward", x, dy);
    expectSameShape("activationBackward", x, dx);
    DoubleUnaryOperator derivative = derivative(activation);
    ReferenceTensor at = own(x);
    ReferenceTensor from = own(dy);
    ReferenceTensor to = own(dx);
    for (int r = 0; r < to.rows(); r++) {
      for (int c = 0; c < to.columns(); c++) {
        to.set(r, c, from.get(r, c) * derivative.applyAsDouble(at.get(r, c)));
      }
    }
  }

  private static DoubleUnaryOperator value(Activation activation) {
    return switch (activation) {
      case NONE -> x -> x;
      case GELU -> x -> 0.5 * x * Erf.erfc(-x * SQRT_HALF);
      case SILU -> x -> x * sigmoid(x);
      case TANH -> Math::tanh;
      case SIGMOID -> ReferenceKernels::sigmoid;
      case SOFTPLUS -> ReferenceKernels::softplus;
      case RELU -> x -> x > 0 || Double.isNaN(x) ? x : 0;
    };
  }

  private static DoubleUnaryOperator derivative(Activation activation) {
    return switch (activation) {
      case NONE -> x -> 1;
      case GELU ->
          x -> 0.5 * Erf.erfc(-x * SQRT_HALF) + x * INVERSE_SQRT_2_PI * Math.exp(-0.5 * x * x);
      case SILU -> ReferenceKernels::siluDerivative;
      case TANH -> x -> 1 - Math.tanh(x) * Math.tanh(x);
      case SIGMOID -> x -> sigmoid(x) * sigmoid(-x);
      case SOFTPLUS -> ReferenceKernels::sigmoid;
      case RELU -> x -> x > 0 ? 1 : 0;
    };
  }

  static void gluForward(Tensor x, Tensor y) {
    int width = y.columns();
    expectShape("gluForward", x, y.rows(), 2 * width);
    ReferenceTensor from = own(x);
    ReferenceTensor to = own(y);
    for (int r = 0; r < to.rows(); r++) {
      for (int c = 0; c < width; c++) {
        to.set(r, c, from.get(r, c) * sigmoid(from.get(r, width + c)));
      }
    }
  }

  static void gluBackward(Tensor x, Tensor dy, Tensor dx) {
    int width = dy.columns();
    expectShape("gluBackward", x, dy.rows(), 2 * width);
    expectSameShape("gluBackward", x, dx);
    ReferenceTensor at = own(x);
    ReferenceTensor from = own(dy);
    ReferenceTensor to = own(dx);
    for (int r = 0; r < to.rows(); r++) {
      for (int c = 0; c < width; c++) {
        double value = at.get(r, c);
        double gate = sigmoid(at.get(r, width + c));
        to.set(r, c, from.get(r, c) * gate);
        to.set(r, width + c, from.get(r, c) * value * gate * (1 - gate));
      }
    }
  }

  static void multiply(Tensor x, Tensor y, Tensor z) {
    expectSameShape("multiply", x, y);
    expectSameShape("multiply", x, z);
    for (int r = 0; r < z.rows(); r++) {
      for (int c = 0; c < z.columns(); c++) {
        own(z).set(r, c, own(x).get(r, c) * own(y).get(r, c));
      }
    }
  }

  static void addScaledColumns(Tensor gain, Tensor x, Tensor y) {
    expectSameShape("addScaledColumns", x, y);
    expectShape("addScaledColumns", gain, 1, x.columns());
    for (int r = 0; r < y.rows(); r++) {
      for (int c = 0; c < y.columns(); c++) {
        own(y).add(r, c, own(gain).get(0, c) * own(x).get(r, c));
      }
    }
  }

  static void sumProducts(Tensor x, Tensor y, Tensor sums) {
    expectSameShape("sumProducts", x, y);
    expectShape("sumProducts", sums, 1, x.columns());
    double[] totals = new double[x.columns()];
    for (int r = 0; r < x.rows(); r++) {
      for (int c = 0; c < totals.length; c++) {
        totals[c] += own(x).get(r, c) * own(y).get(r, c);
      }
    }
    addTo(sums, totals);
  }

  static void negativeExpForward(Tensor x, Tensor y) {
    map("negativeExpForward", x, y, value -> -Math.exp(value));
  }

  static void negativeExpBackward(Tensor y, Tensor dy, Tensor dx) {
    expectSameShape("negativeExpBackward", y, dy);
    expectSameShape("negativeExpBackward", y, dx);
    ReferenceTensor at = own(y);
    ReferenceTensor from = own(dy);
    ReferenceTensor to = own(dx);
    for (int r = 0; r < to.rows(); r++) {
      for (int c = 0; c < to.columns(); c++) {
        to.add(r, c, from.get(r, c) * at.get(r, c));
      }
    }
  }

  static void dropout(double rate, long[] keys, Tensor x) {
    int threshold = DropoutHash.threshold(rate);
    expect(keys.length == x.rows(), "dropout", x, keys.length + " keys");
    ReferenceTensor to = own(x);
    double scale = 1 / (1 - rate);
    for (int r = 0; r < to.rows(); r++) {
      for (int c = 0; c < to.columns(); c++) {
        to.set(r, c, DropoutHash.hash(keys[r], c) < threshold ? 0 : to.get(r, c) * scale);
      }
    }
  }

  static double sumOfSquares(Tensor x) {
    double sum = 0;
    for (int r = 0; r < x.rows(); r++) {
      for (int c = 0; c < x.columns(); c++) {
        sum += own(x).get(r, c) * own(x).get(r, c);
      }
    }
    return sum;
  }

  private static void map(String operation, Tensor x, Tensor y, DoubleUnaryOperator function) {
    expectSameShape(operation, x, y);
    ReferenceTensor from = own(x);
    ReferenceTensor to = own(y);
    for (int r = 0; r < to.rows(); r++) {
      for (int c = 0; c < to.columns(); c++) {
        to.set(r, c, function.applyAsDouble(from.get(r, c)));
      }
    }
  }
}
