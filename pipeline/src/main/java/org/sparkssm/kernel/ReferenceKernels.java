package org.sparkssm.kernel;

import java.util.Arrays;
import java.util.function.Supplier;

/**
 * Every operation in plain Java loops: what the other kernels are compared with, and what runs on
 * machines that have no native library.
 *
 * <p>Intermediate results are double; what is stored has the {@link Precision} asked for. The
 * functions are written as their definitions read, not for speed.
 */
public final class ReferenceKernels implements Kernels {

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
    ReferenceElementwise.copy(source, target);
  }

  @Override
  public void fill(Tensor target, double value) {
    ReferenceElementwise.fill(target, value);
  }

  @Override
  public void addScaled(double alpha, Tensor x, Tensor y) {
    ReferenceElementwise.addScaled(alpha, x, y);
  }

  @Override
  public void addRow(Tensor bias, Tensor x) {
    ReferenceElementwise.addRow(bias, x);
  }

  @Override
  public void sumRows(Tensor dy, Tensor dBias) {
    ReferenceElementwise.sumRows(dy, dBias);
  }

  @Override
  public void activationForward(Activation activation, Tensor x, Tensor y) {
    ReferenceElementwise.activationForward(activation, x, y);
  }

  @Override
  public void activationBackward(Activation activation, Tensor x, Tensor dy, Tensor dx) {
    ReferenceElementwise.activationBackward(activation, x, dy, dx);
  }

  @Override
  public void gluForward(Tensor x, Tensor y) {
    ReferenceElementwise.gluForward(x, y);
  }

  @Override
  public void gluBackward(Tensor x, Tensor dy, Tensor dx) {
    ReferenceElementwise.gluBackward(x, dy, dx);
  }

  @Override
  public void multiply(Tensor x, Tensor y, Tensor z) {
    ReferenceElementwise.multiply(x, y, z);
  }

  @Override
  public void addScaledColumns(Tensor gain, Tensor x, Tensor y) {
    ReferenceElementwise.addScaledColumns(gain, x, y);
  }

  @Override
  public void sumProducts(Tensor x, Tensor y, Tensor sums) {
    ReferenceElementwise.sumProducts(x, y, sums);
  }

  @Override
  public void negativeExpForward(Tensor x, Tensor y) {
    ReferenceElementwise.negativeExpForward(x, y);
  }

  @Override
  public void negativeExpBackward(Tensor y, Tensor dy, Tensor dx) {
    ReferenceElementwise.negativeExpBackward(y, dy, dx);
  }

  @Override
  public void stretchedStepForward(Tensor x, Tensor bias, Tensor durations, Tensor y) {
    ReferenceStretchedStep.forward(x, bias, durations, y);
  }

  @Override
  public void stretchedStepBackward(Tensor x, Tensor bias, Tensor durations, Tensor dy, Tensor dx) {
    ReferenceStretchedStep.backward(x, bias, durations, dy, dx);
  }

  @Override
  public void dropout(double rate, long[] keys, Tensor x) {
    ReferenceElementwise.dropout(rate, keys, x);
  }

  // ---------------------------------------------------------------- norms

  @Override
  public void rmsNormForward(Tensor x, Tensor gamma, double epsilon, Tensor y, Tensor inverse) {
    ReferenceNorm.rmsForward(x, gamma, epsilon, y, inverse);
  }

  @Override
  public void rmsNormBackward(
      Tensor x, Tensor gamma, Tensor inverse, Tensor dy, Tensor dx, Tensor dGamma) {
    ReferenceNorm.rmsBackward(x, gamma, inverse, dy, dx, dGamma);
  }

  @Override
  public void layerNormForward(
      Tensor x, Tensor gamma, Tensor beta, double epsilon, Tensor y, Tensor statistics) {
    ReferenceNorm.layerForward(x, gamma, beta, epsilon, y, statistics);
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
    ReferenceNorm.layerBackward(x, gamma, statistics, dy, dx, dGamma, dBeta);
  }

  // ---------------------------------------------------------------- sequences

  @Override
  public void differenceForward(Segments segments, Tensor x, Tensor before, Tensor y) {
    ReferenceSegments.differenceForward(segments, x, before, y);
  }

  @Override
  public void differenceBackward(Segments segments, Tensor dy, Tensor dx) {
    ReferenceSegments.differenceBackward(segments, dy, dx);
  }

  @Override
  public void causalConvolutionForward(
      Segments segments, Tensor x, Tensor weight, Tensor bias, boolean silu, Tensor y) {
    ReferenceCausalConvolution.forward(segments, x, weight, bias, silu, y);
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
    ReferenceCausalConvolution.backward(
        this, segments, x, weight, bias, silu, dy, dx, dWeight, dBias);
  }

  @Override
  public void reverseRows(Segments segments, Tensor x, Tensor y) {
    ReferenceSegments.reverseRows(segments, x, y);
  }

  @Override
  public void lastRowForward(Segments segments, Tensor x, Tensor y) {
    ReferenceSegments.lastRowForward(segments, x, y);
  }

  @Override
  public void lastRowBackward(Segments segments, Tensor dy, Tensor dx) {
    ReferenceSegments.lastRowBackward(this, segments, dy, dx);
  }

  @Override
  public void meanRowForward(Segments segments, Tensor x, Tensor y) {
    ReferenceSegments.meanRowForward(segments, x, y);
  }

  @Override
  public void meanRowBackward(Segments segments, Tensor dy, Tensor dx) {
    ReferenceSegments.meanRowBackward(segments, dy, dx);
  }

  @Override
  public void embeddingForward(int[] tokens, Tensor table, Tensor y) {
    ReferenceSegments.embeddingForward(tokens, table, y);
  }

  @Override
  public void embeddingBackward(int[] tokens, Tensor dy, Tensor dTable) {
    ReferenceSegments.embeddingBackward(tokens, dy, dTable);
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
    if (solve.solver() == CdeSolver.EXPONENTIAL) {
      ExponentialLinearCde.forward(this, solve);
    } else {
      ReferenceLinearCde.forward(solve);
    }
  }

  @Override
  public void linearCdeBackward(LinearCdeSolve solve, LinearCdeSolve.Gradients gradients) {
    if (solve.solver() == CdeSolver.EXPONENTIAL) {
      ExponentialLinearCde.backward(this, solve, gradients);
    } else {
      ReferenceLinearCde.backward(solve, gradients);
    }
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

  @Override
  public void structuredCdeForward(StructuredCdeSolve solve) {
    ReferenceStructuredCde.forward(solve);
  }

  @Override
  public void structuredCdeBackward(
      StructuredCdeSolve solve, StructuredCdeSolve.Gradients gradients) {
    ReferenceStructuredCde.backward(solve, gradients);
  }

  @Override
  public void recurrentScanForward(RecurrentScan scan) {
    ReferenceRecurrentScan.forward(scan);
  }

  @Override
  public void recurrentScanBackward(RecurrentScan scan, RecurrentScan.Gradients gradients) {
    ReferenceRecurrentScan.backward(scan, gradients);
  }

  @Override
  public void causalAttentionForward(CausalAttention attention) {
    ReferenceCausalAttention.forward(attention);
  }

  @Override
  public void causalAttentionBackward(
      CausalAttention attention, CausalAttention.Gradients gradients) {
    ReferenceCausalAttention.backward(attention, gradients);
  }

  @Override
  public void rotate(int[] positions, Tensor angles, boolean inverse, Tensor x, Tensor y) {
    ReferenceCausalAttention.rotate(positions, angles, inverse, x, y);
  }

  // ---------------------------------------------------------------- losses and optimizer

  @Override
  public Total squaredError(Tensor prediction, Tensor target, float[] weights, Tensor dPrediction) {
    double sum = ReferenceLoss.squaredError(prediction, target, weights, dPrediction);
    return () -> sum;
  }

  @Override
  public Total softmaxCrossEntropy(Tensor logits, int[] targets, float[] weights, Tensor dLogits) {
    double sum = ReferenceLoss.softmaxCrossEntropy(logits, targets, weights, dLogits);
    return () -> sum;
  }

  @Override
  public void adamStep(
      AdamStep settings, long step, Tensor parameters, Tensor gradient, Tensor m, Tensor v) {
    ReferenceAdam.step(settings, step, parameters, gradient, m, v);
  }

  @Override
  public Total sumOfSquares(Tensor x) {
    double sum = ReferenceElementwise.sumOfSquares(x);
    return () -> sum;
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

  static void expect(boolean holds, String operation, Tensor tensor, String against) {
    if (!holds) {
      throw new IllegalArgumentException(operation + ": " + tensor + " does not fit: " + against);
    }
  }
}
