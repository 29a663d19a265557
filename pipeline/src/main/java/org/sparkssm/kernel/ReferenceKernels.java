package org.sparkssm.kernel;

import java.util.Arrays;
import java.util.function.DoubleUnaryOperator;
import java.util.function.Supplier;
import org.apache.commons.math3.special.Erf;

/**
 * Every operation in plain Java loops: what the other kernels are compared with, and what runs on
 * machines that have no native library.
 *
 * <p>Intermediate results are double; what is stored has the {@link Precision} asked for. The
 * functions are written as their definitions read, not for speed.
 */
public final class ReferenceKernels implements Kernels {
  private static final double SQRT_HALF = Math.sqrt(0.5);
  private static final double INVERSE_SQRT_2_PI = 1 / Math.sqrt(2 * Math.PI);

  private final Precision precision;

  public ReferenceKernels(Precision precision) {
    this.precision = precision;
  }

  @Override
  public String description() {
    return "reference, pure Java, " + (precision == Precision.FLOAT ? "float" : "double");
  }

  // ---------------------------------------------------------------- memory

  @Override
  public Tensor zeros(int rows, int columns) {
    long size = (long) rows * columns;
    if (size > Integer.MAX_VALUE - 8) {
      throw new IllegalArgumentException(
          "the reference kernels hold at most " + (Integer.MAX_VALUE - 8) + " numbers a tensor");
    }
    return new ReferenceTensor(precision, new double[(int) size], 0, rows, columns, columns);
  }

  @Override
  public Tensor allocate(int rows, int columns) {
    return zeros(rows, columns);
  }

  @Override
  public <R> R scope(Supplier<R> work) {
    return work.get();
  }

  @Override
  public void write(Tensor target, double[] source) {
    ReferenceTensor t = own(target);
    expect(source.length == t.size(), "write", target, source.length + " numbers");
    int next = 0;
    for (int r = 0; r < t.rows(); r++) {
      for (int c = 0; c < t.columns(); c++) {
        t.set(r, c, source[next++]);
      }
    }
  }

  @Override
  public void write(Tensor target, float[] source, int offset) {
    ReferenceTensor t = own(target);
    expect(offset + t.size() <= source.length, "write", target, source.length + " numbers");
    int next = offset;
    for (int r = 0; r < t.rows(); r++) {
      for (int c = 0; c < t.columns(); c++) {
        t.set(r, c, source[next++]);
      }
    }
  }

  @Override
  public double[] toDoubles(Tensor source) {
    ReferenceTensor s = own(source);
    double[] values = new double[Math.toIntExact(s.size())];
    int next = 0;
    for (int r = 0; r < s.rows(); r++) {
      for (int c = 0; c < s.columns(); c++) {
        values[next++] = s.get(r, c);
      }
    }
    return values;
  }

  @Override
  public void read(Tensor source, float[] target, int offset) {
    ReferenceTensor s = own(source);
    expect(offset + s.size() <= target.length, "read", source, target.length + " numbers");
    int next = offset;
    for (int r = 0; r < s.rows(); r++) {
      for (int c = 0; c < s.columns(); c++) {
        target[next++] = (float) s.get(r, c);
      }
    }
  }

  @Override
  public void close() {}

  // ---------------------------------------------------------------- dense algebra, element-wise

  @Override
  public void gemm(
      boolean transposeA,
      boolean transposeB,
      double alpha,
      Tensor a,
      Tensor b,
      double beta,
      Tensor c) {
    ReferenceTensor left = own(a);
    ReferenceTensor right = own(b);
    ReferenceTensor out = own(c);
    int inner = transposeA ? a.rows() : a.columns();
    expectShape("gemm", a, transposeA ? inner : c.rows(), transposeA ? c.rows() : inner);
    expectShape("gemm", b, transposeB ? c.columns() : inner, transposeB ? inner : c.columns());
    double[] sums = new double[c.columns()];
    for (int i = 0; i < c.rows(); i++) {
      Arrays.fill(sums, 0);
      for (int k = 0; k < inner; k++) {
        double factor = transposeA ? left.get(k, i) : left.get(i, k);
        for (int j = 0; j < sums.length; j++) {
          sums[j] += factor * (transposeB ? right.get(j, k) : right.get(k, j));
        }
      }
      for (int j = 0; j < sums.length; j++) {
        out.set(i, j, alpha * sums[j] + (beta == 0 ? 0 : beta * out.get(i, j)));
      }
    }
  }

  @Override
  public void copy(Tensor source, Tensor target) {
    map("copy", source, target, x -> x);
  }

  @Override
  public void fill(Tensor target, double value) {
    map("fill", target, target, x -> value);
  }

  @Override
  public void addScaled(double alpha, Tensor x, Tensor y) {
    expectSameShape("addScaled", x, y);
    ReferenceTensor from = own(x);
    ReferenceTensor to = own(y);
    for (int r = 0; r < to.rows(); r++) {
      for (int c = 0; c < to.columns(); c++) {
        to.add(r, c, alpha * from.get(r, c));
      }
    }
  }

  @Override
  public void addRow(Tensor bias, Tensor x) {
    expectShape("addRow", bias, 1, x.columns());
    ReferenceTensor row = own(bias);
    ReferenceTensor to = own(x);
    for (int r = 0; r < to.rows(); r++) {
      for (int c = 0; c < to.columns(); c++) {
        to.add(r, c, row.get(0, c));
      }
    }
  }

  @Override
  public void sumRows(Tensor dy, Tensor dBias) {
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

  @Override
  public void activationForward(Activation activation, Tensor x, Tensor y) {
    map("activationForward", x, y, value(activation));
  }

  @Override
  public void activationBackward(Activation activation, Tensor x, Tensor dy, Tensor dx) {
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

  @Override
  public void gluForward(Tensor x, Tensor y) {
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

  @Override
  public void gluBackward(Tensor x, Tensor dy, Tensor dx) {
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

  @Override
  public void multiply(Tensor x, Tensor y, Tensor z) {
    expectSameShape("multiply", x, y);
    expectSameShape("multiply", x, z);
    for (int r = 0; r < z.rows(); r++) {
      for (int c = 0; c < z.columns(); c++) {
        own(z).set(r, c, own(x).get(r, c) * own(y).get(r, c));
      }
    }
  }

  @Override
  public void addScaledColumns(Tensor gain, Tensor x, Tensor y) {
    expectSameShape("addScaledColumns", x, y);
    expectShape("addScaledColumns", gain, 1, x.columns());
    for (int r = 0; r < y.rows(); r++) {
      for (int c = 0; c < y.columns(); c++) {
        own(y).add(r, c, own(gain).get(0, c) * own(x).get(r, c));
      }
    }
  }

  @Override
  public void sumProducts(Tensor x, Tensor y, Tensor sums) {
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

  @Override
  public void negativeExpForward(Tensor x, Tensor y) {
    map("negativeExpForward", x, y, value -> -Math.exp(value));
  }

  @Override
  public void negativeExpBackward(Tensor y, Tensor dy, Tensor dx) {
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

  @Override
  public void dropout(double rate, long[] keys, Tensor x) {
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

  // ---------------------------------------------------------------- norms

  @Override
  public void rmsNormForward(Tensor x, Tensor gamma, double epsilon, Tensor y, Tensor inverse) {
    int width = x.columns();
    expectSameShape("rmsNormForward", x, y);
    expectShape("rmsNormForward", gamma, 1, width);
    expectShape("rmsNormForward", inverse, x.rows(), 1);
    ReferenceTensor from = own(x);
    ReferenceTensor weight = own(gamma);
    ReferenceTensor to = own(y);
    for (int r = 0; r < x.rows(); r++) {
      double squares = 0;
      for (int c = 0; c < width; c++) {
        squares += from.get(r, c) * from.get(r, c);
      }
      double factor = 1 / Math.sqrt(squares / width + epsilon);
      own(inverse).set(r, 0, factor);
      for (int c = 0; c < width; c++) {
        to.set(r, c, from.get(r, c) * factor * weight.get(0, c));
      }
    }
  }

  @Override
  public void rmsNormBackward(
      Tensor x, Tensor gamma, Tensor inverse, Tensor dy, Tensor dx, Tensor dGamma) {
    int width = x.columns();
    expectSameShape("rmsNormBackward", x, dy);
    expectSameShape("rmsNormBackward", x, dx);
    expectShape("rmsNormBackward", dGamma, 1, width);
    ReferenceTensor at = own(x);
    ReferenceTensor weight = own(gamma);
    ReferenceTensor from = own(dy);
    ReferenceTensor to = own(dx);
    double[] sums = new double[width];
    for (int r = 0; r < x.rows(); r++) {
      double factor = own(inverse).get(r, 0);
      double inner = 0;
      for (int c = 0; c < width; c++) {
        double normed = at.get(r, c) * factor;
        sums[c] += from.get(r, c) * normed;
        inner += from.get(r, c) * weight.get(0, c) * normed;
      }
      for (int c = 0; c < width; c++) {
        double normed = at.get(r, c) * factor;
        to.set(r, c, factor * (from.get(r, c) * weight.get(0, c) - normed * inner / width));
      }
    }
    addTo(dGamma, sums);
  }

  @Override
  public void layerNormForward(
      Tensor x, Tensor gamma, Tensor beta, double epsilon, Tensor y, Tensor statistics) {
    int width = x.columns();
    expectSameShape("layerNormForward", x, y);
    expectShape("layerNormForward", gamma, 1, width);
    expectShape("layerNormForward", beta, 1, width);
    expectShape("layerNormForward", statistics, x.rows(), 2);
    ReferenceTensor from = own(x);
    ReferenceTensor to = own(y);
    for (int r = 0; r < x.rows(); r++) {
      double mean = 0;
      for (int c = 0; c < width; c++) {
        mean += from.get(r, c) / width;
      }
      double variance = 0;
      for (int c = 0; c < width; c++) {
        variance += (from.get(r, c) - mean) * (from.get(r, c) - mean) / width;
      }
      double factor = 1 / Math.sqrt(variance + epsilon);
      own(statistics).set(r, 0, mean);
      own(statistics).set(r, 1, factor);
      for (int c = 0; c < width; c++) {
        double normed = (from.get(r, c) - mean) * factor;
        to.set(r, c, normed * own(gamma).get(0, c) + own(beta).get(0, c));
      }
    }
  }

  @Override
  public void layerNormBackward(
      Tensor x,
      Tensor gamma,
      Tensor statistics,
      Tensor dy,
      Tensor dx,
      Tensor dGamma,
      Tensor dBeta) {
    int width = x.columns();
    expectSameShape("layerNormBackward", x, dy);
    expectSameShape("layerNormBackward", x, dx);
    ReferenceTensor at = own(x);
    ReferenceTensor weight = own(gamma);
    ReferenceTensor from = own(dy);
    ReferenceTensor to = own(dx);
    double[] gammaSums = new double[width];
    double[] betaSums = new double[width];
    for (int r = 0; r < x.rows(); r++) {
      double mean = own(statistics).get(r, 0);
      double factor = own(statistics).get(r, 1);
      double sum = 0;
      double inner = 0;
      for (int c = 0; c < width; c++) {
        double normed = (at.get(r, c) - mean) * factor;
        gammaSums[c] += from.get(r, c) * normed;
        betaSums[c] += from.get(r, c);
        sum += from.get(r, c) * weight.get(0, c);
        inner += from.get(r, c) * weight.get(0, c) * normed;
      }
      for (int c = 0; c < width; c++) {
        double normed = (at.get(r, c) - mean) * factor;
        double scaled = from.get(r, c) * weight.get(0, c);
        to.set(r, c, factor * (scaled - sum / width - normed * inner / width));
      }
    }
    addTo(dGamma, gammaSums);
    addTo(dBeta, betaSums);
  }

  // ---------------------------------------------------------------- sequences

  @Override
  public void differenceForward(Segments segments, Tensor x, Tensor before, Tensor y) {
    expectRows("differenceForward", segments, x);
    expectSameShape("differenceForward", x, y);
    if (before != null) {
      expectShape("differenceForward", before, segments.batch(), x.columns());
    }
    ReferenceTensor from = own(x);
    ReferenceTensor to = own(y);
    for (int b = 0; b < segments.batch(); b++) {
      int first = segments.offset(b);
      for (int r = first; r < first + segments.length(b); r++) {
        for (int c = 0; c < x.columns(); c++) {
          if (r > first) {
            to.set(r, c, from.get(r, c) - from.get(r - 1, c));
          } else {
            to.set(r, c, before == null ? 0 : from.get(r, c) - own(before).get(b, c));
          }
        }
      }
    }
  }

  @Override
  public void differenceBackward(Segments segments, Tensor dy, Tensor dx) {
    expectRows("differenceBackward", segments, dy);
    expectSameShape("differenceBackward", dy, dx);
    ReferenceTensor from = own(dy);
    ReferenceTensor to = own(dx);
    for (int b = 0; b < segments.batch(); b++) {
      int first = segments.offset(b);
      int end = first + segments.length(b);
      for (int r = first; r < end; r++) {
        for (int c = 0; c < dy.columns(); c++) {
          double own = r > first ? from.get(r, c) : 0;
          to.set(r, c, own - (r + 1 < end ? from.get(r + 1, c) : 0));
        }
      }
    }
  }

  @Override
  public void causalConvolutionForward(
      Segments segments, Tensor x, Tensor weight, Tensor bias, boolean silu, Tensor y) {
    expectRows("causalConvolutionForward", segments, x);
    expectSameShape("causalConvolutionForward", x, y);
    expectShape("causalConvolutionForward", weight, x.columns(), weight.columns());
    ReferenceTensor to = own(y);
    for (int b = 0; b < segments.batch(); b++) {
      int first = segments.offset(b);
      for (int r = first; r < first + segments.length(b); r++) {
        for (int c = 0; c < x.columns(); c++) {
          double p = convolve(own(x), own(weight), bias, first, r, c);
          to.set(r, c, silu ? p * sigmoid(p) : p);
        }
      }
    }
  }

  private static double convolve(
      ReferenceTensor x, ReferenceTensor weight, Tensor bias, int first, int r, int c) {
    double sum = bias == null ? 0 : own(bias).get(0, c);
    int width = weight.columns();
    for (int j = Math.max(0, width - 1 - (r - first)); j < width; j++) {
      sum += weight.get(c, j) * x.get(r - width + 1 + j, c);
    }
    return sum;
  }

  @Override
  public void causalConvolutionBackward(
      Segments segments,
      Tensor x,
      Tensor weight,
      Tensor bias,
      boolean silu,
      Tensor dy,
      Tensor dx,
      Tensor dWeight,
      Tensor dBias) {
    expectRows("causalConvolutionBackward", segments, x);
    expectSameShape("causalConvolutionBackward", x, dy);
    expectSameShape("causalConvolutionBackward", x, dx);
    int channels = x.columns();
    int width = weight.columns();
    double[] inputs = new double[x.rows() * channels];
    double[] weights = new double[channels * width];
    double[] biases = new double[channels];
    for (int b = 0; b < segments.batch(); b++) {
      int first = segments.offset(b);
      for (int r = first; r < first + segments.length(b); r++) {
        for (int c = 0; c < channels; c++) {
          double slope = own(dy).get(r, c);
          if (silu) {
            slope *= siluDerivative(convolve(own(x), own(weight), bias, first, r, c));
          }
          biases[c] += slope;
          for (int j = Math.max(0, width - 1 - (r - first)); j < width; j++) {
            int source = r - width + 1 + j;
            weights[c * width + j] += slope * own(x).get(source, c);
            inputs[source * channels + c] += slope * own(weight).get(c, j);
          }
        }
      }
    }
    write(dx, inputs);
    addTo(dWeight, weights);
    if (dBias != null) {
      addTo(dBias, biases);
    }
  }

  @Override
  public void lastRowForward(Segments segments, Tensor x, Tensor y) {
    expectRows("lastRowForward", segments, x);
    expectShape("lastRowForward", y, segments.batch(), x.columns());
    for (int b = 0; b < segments.batch(); b++) {
      int last = segments.offset(b) + segments.length(b) - 1;
      for (int c = 0; c < x.columns(); c++) {
        own(y).set(b, c, segments.length(b) == 0 ? 0 : own(x).get(last, c));
      }
    }
  }

  @Override
  public void lastRowBackward(Segments segments, Tensor dy, Tensor dx) {
    expectRows("lastRowBackward", segments, dx);
    expectShape("lastRowBackward", dy, segments.batch(), dx.columns());
    fill(dx, 0);
    for (int b = 0; b < segments.batch(); b++) {
      int last = segments.offset(b) + segments.length(b) - 1;
      for (int c = 0; c < dx.columns() && segments.length(b) > 0; c++) {
        own(dx).set(last, c, own(dy).get(b, c));
      }
    }
  }

  @Override
  public void meanRowForward(Segments segments, Tensor x, Tensor y) {
    expectRows("meanRowForward", segments, x);
    expectShape("meanRowForward", y, segments.batch(), x.columns());
    for (int b = 0; b < segments.batch(); b++) {
      int first = segments.offset(b);
      int length = segments.length(b);
      for (int c = 0; c < x.columns(); c++) {
        double sum = 0;
        for (int r = first; r < first + length; r++) {
          sum += own(x).get(r, c);
        }
        own(y).set(b, c, length == 0 ? 0 : sum / length);
      }
    }
  }

  @Override
  public void meanRowBackward(Segments segments, Tensor dy, Tensor dx) {
    expectRows("meanRowBackward", segments, dx);
    expectShape("meanRowBackward", dy, segments.batch(), dx.columns());
    for (int b = 0; b < segments.batch(); b++) {
      int first = segments.offset(b);
      int length = segments.length(b);
      for (int r = first; r < first + length; r++) {
        for (int c = 0; c < dx.columns(); c++) {
          own(dx).set(r, c, own(dy).get(b, c) / length);
        }
      }
    }
  }

  @Override
  public void embeddingForward(int[] tokens, Tensor table, Tensor y) {
    expectShape("embeddingForward", y, tokens.length, table.columns());
    for (int r = 0; r < tokens.length; r++) {
      expect(
          tokens[r] >= 0 && tokens[r] < table.rows(),
          "embeddingForward",
          table,
          "token " + tokens[r]);
      for (int c = 0; c < y.columns(); c++) {
        own(y).set(r, c, own(table).get(tokens[r], c));
      }
    }
  }

  @Override
  public void embeddingBackward(int[] tokens, Tensor dy, Tensor dTable) {
    expectShape("embeddingBackward", dy, tokens.length, dTable.columns());
    for (int r = 0; r < tokens.length; r++) {
      for (int c = 0; c < dy.columns(); c++) {
        own(dTable).add(tokens[r], c, own(dy).get(r, c));
      }
    }
  }

  @Override
  public void selectiveScanForward(SelectiveScan scan) {
    ReferenceSelectiveScan.forward(scan);
  }

  @Override
  public void selectiveScanBackward(SelectiveScan scan, SelectiveScan.Gradients gradients) {
    ReferenceSelectiveScan.backward(scan, gradients);
  }

  @Override
  public void linearCdeForward(LinearCdeSolve solve) {
    ReferenceLinearCde.forward(solve);
  }

  @Override
  public void linearCdeBackward(LinearCdeSolve solve, LinearCdeSolve.Gradients gradients) {
    ReferenceLinearCde.backward(solve, gradients);
  }

  @Override
  public void diagonalScanForward(DiagonalScan scan) {
    ReferenceDiagonalScan.forward(scan);
  }

  @Override
  public void diagonalScanBackward(DiagonalScan scan, DiagonalScan.Gradients gradients) {
    ReferenceDiagonalScan.backward(scan, gradients);
  }

  @Override
  public void s4dScanForward(S4dScan scan) {
    ReferenceS4dScan.forward(scan);
  }

  @Override
  public void s4dScanBackward(S4dScan scan, S4dScan.Gradients gradients) {
    ReferenceS4dScan.backward(scan, gradients);
  }

  @Override
  public void discretizeForward(
      Discretization rule, Tensor logStep, Tensor a, Tensor aBar, Tensor bBar) {
    ReferenceDiscretization.forward(rule, logStep, a, aBar, bBar);
  }

  @Override
  public void discretizeBackward(
      Discretization rule,
      Tensor logStep,
      Tensor a,
      Tensor dABar,
      Tensor dBBar,
      Tensor dLogStep,
      Tensor dA) {
    ReferenceDiscretization.backward(rule, logStep, a, dABar, dBBar, dLogStep, dA);
  }

  @Override
  public void gatedLinearAttentionForward(GatedLinearAttention scan) {
    ReferenceGatedLinearAttention.forward(scan);
  }

  @Override
  public void gatedLinearAttentionBackward(
      GatedLinearAttention scan, GatedLinearAttention.Gradients gradients) {
    ReferenceGatedLinearAttention.backward(scan, gradients);
  }

  @Override
  public void deltaRuleForward(DeltaRule rule) {
    ReferenceDeltaRule.forward(rule);
  }

  @Override
  public void deltaRuleBackward(DeltaRule rule, DeltaRule.Gradients gradients) {
    ReferenceDeltaRule.backward(rule, gradients);
  }

  // ---------------------------------------------------------------- losses and optimizer

  @Override
  public double squaredError(
      Tensor prediction, Tensor target, float[] weights, Tensor dPrediction) {
    expectSameShape("squaredError", prediction, target);
    expect(
        weights.length == prediction.rows(),
        "squaredError",
        prediction,
        weights.length + " weights");
    double sum = 0;
    for (int r = 0; r < prediction.rows(); r++) {
      double rowSum = 0;
      for (int c = 0; c < prediction.columns(); c++) {
        double error = own(prediction).get(r, c) - own(target).get(r, c);
        rowSum += error * error;
        if (dPrediction != null) {
          own(dPrediction).set(r, c, 2 * weights[r] * error);
        }
      }
      sum += weights[r] * rowSum;
    }
    return sum;
  }

  @Override
  public double softmaxCrossEntropy(Tensor logits, int[] targets, float[] weights, Tensor dLogits) {
    expect(
        targets.length == logits.rows(),
        "softmaxCrossEntropy",
        logits,
        targets.length + " targets");
    expect(
        weights.length == logits.rows(),
        "softmaxCrossEntropy",
        logits,
        weights.length + " weights");
    ReferenceTensor from = own(logits);
    int classes = logits.columns();
    double sum = 0;
    for (int r = 0; r < logits.rows(); r++) {
      if (weights[r] == 0) {
        for (int c = 0; c < classes && dLogits != null; c++) {
          own(dLogits).set(r, c, 0);
        }
        continue;
      }
      expect(
          targets[r] >= 0 && targets[r] < classes,
          "softmaxCrossEntropy",
          logits,
          "target " + targets[r]);
      double greatest = Double.NEGATIVE_INFINITY;
      for (int c = 0; c < classes; c++) {
        greatest = Math.max(greatest, from.get(r, c));
      }
      double total = 0;
      for (int c = 0; c < classes; c++) {
        total += Math.exp(from.get(r, c) - greatest);
      }
      sum += weights[r] * (Math.log(total) + greatest - from.get(r, targets[r]));
      for (int c = 0; c < classes && dLogits != null; c++) {
        double probability = Math.exp(from.get(r, c) - greatest) / total;
        own(dLogits).set(r, c, weights[r] * (probability - (c == targets[r] ? 1 : 0)));
      }
    }
    return sum;
  }

  @Override
  public void adamStep(
      AdamStep settings, long step, Tensor parameters, Tensor gradient, Tensor m, Tensor v) {
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

  @Override
  public double sumOfSquares(Tensor x) {
    double sum = 0;
    for (int r = 0; r < x.rows(); r++) {
      for (int c = 0; c < x.columns(); c++) {
        sum += own(x).get(r, c) * own(x).get(r, c);
      }
    }
    return sum;
  }

  // ---------------------------------------------------------------- shared by the operations

  static double sigmoid(double x) {
    return x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x));
  }

  static double siluDerivative(double x) {
    double s = sigmoid(x);
    return s * (1 + x * (1 - s));
  }

  static double softplus(double x) {
    return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
  }

  static ReferenceTensor own(Tensor tensor) {
    if (tensor instanceof ReferenceTensor reference) {
      return reference;
    }
    throw new IllegalArgumentException(tensor + " does not belong to the reference kernels");
  }

  /** {@code target += sums}, dense and row-major. */
  static void addTo(Tensor target, double[] sums) {
    expect(sums.length == target.size(), "sum of a gradient", target, sums.length + " numbers");
    int next = 0;
    for (int r = 0; r < target.rows(); r++) {
      for (int c = 0; c < target.columns(); c++) {
        own(target).add(r, c, sums[next++]);
      }
    }
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

  static void expectRows(String operation, Segments segments, Tensor x) {
    expect(segments.rows() == x.rows(), operation, x, segments.rows() + " rows of sequences");
  }

  static void expectSameShape(String operation, Tensor x, Tensor y) {
    expectShape(operation, y, x.rows(), x.columns());
  }

  static void expectShape(String operation, Tensor tensor, int rows, int columns) {
    expect(
        tensor.rows() == rows && tensor.columns() == columns,
        operation,
        tensor,
        "expected " + rows + " x " + columns);
  }

  private static void expect(boolean holds, String operation, Tensor tensor, String against) {
    if (!holds) {
      throw new IllegalArgumentException(operation + ": " + tensor + " does not fit: " + against);
    }
  }
}
