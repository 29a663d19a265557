package org.sparkssm.kernel;

import java.util.Optional;
import java.util.function.LongConsumer;
import java.util.function.Supplier;
import org.bytedeco.javacpp.FloatPointer;

/**
 * The operations on the processor, in single precision: memory and the BLAS library are ND4J's,
 * everything else is the native library's ({@link NativeLibrary}).
 *
 * <p>The calling thread does all the work; none is started. Every operation's bits depend on its
 * operands and the instruction set alone. {@link #linearCdeForward} also computes each sequence
 * independently of the others in the batch.
 */
public final class HostKernels implements Kernels {
  private final HostArena arena = new HostArena();
  private final HostBlas blas;
  private final HostBlas.Window window = new HostBlas.Window();

  /**
   * @throws IllegalStateException if the native library or ND4J cannot be loaded, with the reason
   */
  public HostKernels() {
    Optional<String> reason = unavailableReason();
    if (reason.isPresent()) {
      throw new IllegalStateException(reason.get());
    }
    blas = new HostBlas();
  }

  /** Why these kernels cannot be used in this JVM, in one sentence; empty if they can. */
  public static Optional<String> unavailableReason() {
    Optional<String> reason = NativeLibrary.unavailableReason();
    return reason.isPresent() ? reason : Optional.ofNullable(Backend.FAILURE);
  }

  /** Loads ND4J's backend at first use; holds the reason if that failed. */
  private static final class Backend {
    static final String FAILURE = load();

    private Backend() {}

    private static String load() {
      try {
        new HostBlas();
        return null;
      } catch (LinkageError | RuntimeException e) {
        Throwable cause = e;
        while (cause.getCause() != null) {
          cause = cause.getCause();
        }
        return "ND4J's processor backend could not be loaded: " + cause.getMessage();
      }
    }
  }

  @Override
  public String description() {
    return "host " + NativeLibrary.targetName() + ", " + HostBlas.description();
  }

  // ---------------------------------------------------------------- memory

  /** Bytes outside the heap that these kernels hold; they are kept for reuse until the close. */
  public long bytes() {
    return arena.bytes();
  }

  @Override
  public Tensor zeros(int rows, int columns) {
    Tensor tensor = allocate(rows, columns);
    fill(tensor, 0);
    return tensor;
  }

  @Override
  public Tensor allocate(int rows, int columns) {
    return new HostTensor(arena, arena.take((long) rows * columns), rows, columns, columns);
  }

  @Override
  public <R> R scope(Supplier<R> work) {
    HostArena.Mark mark = arena.mark();
    try {
      return work.get();
    } finally {
      arena.backTo(mark);
    }
  }

  @Override
  public void write(Tensor target, double[] source) {
    HostTensor t = own("write", target);
    expect(source.length == t.size(), "write", t, source.length + " numbers");
    float[] row = new float[t.columns()];
    for (int r = 0; r < t.rows(); r++) {
      for (int c = 0; c < row.length; c++) {
        row[c] = (float) source[r * row.length + c];
      }
      rowOf(t, r).put(row, 0, row.length);
    }
  }

  @Override
  public void write(Tensor target, float[] source, int offset) {
    HostTensor t = own("write", target);
    expect(
        offset >= 0 && offset + t.size() <= source.length,
        "write",
        t,
        source.length + " numbers from " + offset);
    if (t.isDense()) {
      rowOf(t, 0).put(source, offset, (int) t.size());
      return;
    }
    for (int r = 0; r < t.rows(); r++) {
      rowOf(t, r).put(source, offset + r * t.columns(), t.columns());
    }
  }

  @Override
  public double[] toDoubles(Tensor source) {
    HostTensor s = own("toDoubles", source);
    float[] values = new float[Math.toIntExact(s.size())];
    read(s, values, 0);
    double[] doubles = new double[values.length];
    for (int i = 0; i < values.length; i++) {
      doubles[i] = values[i];
    }
    return doubles;
  }

  @Override
  public void read(Tensor source, float[] target, int offset) {
    HostTensor s = own("read", source);
    expect(
        offset >= 0 && offset + s.size() <= target.length,
        "read",
        s,
        target.length + " numbers from " + offset);
    if (s.isDense()) {
      rowOf(s, 0).get(target, offset, (int) s.size());
      return;
    }
    for (int r = 0; r < s.rows(); r++) {
      rowOf(s, r).get(target, offset + r * s.columns(), s.columns());
    }
  }

  private FloatPointer rowOf(HostTensor tensor, int row) {
    return window.at(tensor.address() + (long) row * tensor.stride() * Float.BYTES);
  }

  @Override
  public void close() {
    arena.close();
  }

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
    HostTensor out = own("gemm", c);
    int inner = transposeA ? a.rows() : a.columns();
    HostTensor left = own("gemm", a, transposeA ? inner : c.rows(), transposeA ? c.rows() : inner);
    HostTensor right =
        own("gemm", b, transposeB ? c.columns() : inner, transposeB ? inner : c.columns());
    if (c.size() == 0) {
      return;
    }
    if (inner > 0) {
      blas.gemm(transposeA, transposeB, alpha, left, right, beta, out);
    } else if (beta == 0) {
      fill(c, 0);
    } else {
      addScaled(beta - 1, c, c);
    }
  }

  @Override
  public void copy(Tensor source, Tensor target) {
    HostElementwise.copy(this, source, target);
  }

  @Override
  public void fill(Tensor target, double value) {
    HostElementwise.fill(this, target, value);
  }

  @Override
  public void addScaled(double alpha, Tensor x, Tensor y) {
    HostElementwise.addScaled(this, alpha, x, y);
  }

  @Override
  public void addRow(Tensor bias, Tensor x) {
    HostElementwise.addRow(this, bias, x);
  }

  @Override
  public void sumRows(Tensor dy, Tensor dBias) {
    HostElementwise.sumRows(this, dy, dBias);
  }

  @Override
  public void activationForward(Activation activation, Tensor x, Tensor y) {
    HostElementwise.activationForward(this, activation, x, y);
  }

  @Override
  public void activationBackward(Activation activation, Tensor x, Tensor dy, Tensor dx) {
    HostElementwise.activationBackward(this, activation, x, dy, dx);
  }

  @Override
  public void gluForward(Tensor x, Tensor y) {
    HostElementwise.gluForward(this, x, y);
  }

  @Override
  public void gluBackward(Tensor x, Tensor dy, Tensor dx) {
    HostElementwise.gluBackward(this, x, dy, dx);
  }

  @Override
  public void multiply(Tensor x, Tensor y, Tensor z) {
    HostElementwise.multiply(this, x, y, z);
  }

  @Override
  public void addScaledColumns(Tensor gain, Tensor x, Tensor y) {
    HostElementwise.addScaledColumns(this, gain, x, y);
  }

  @Override
  public void sumProducts(Tensor x, Tensor y, Tensor sums) {
    HostElementwise.sumProducts(this, x, y, sums);
  }

  @Override
  public void negativeExpForward(Tensor x, Tensor y) {
    HostElementwise.negativeExpForward(this, x, y);
  }

  @Override
  public void negativeExpBackward(Tensor y, Tensor dy, Tensor dx) {
    HostElementwise.negativeExpBackward(this, y, dy, dx);
  }

  @Override
  public void stretchedStepForward(Tensor x, Tensor bias, Tensor durations, Tensor y) {
    HostStretchedStep.forward(this, x, bias, durations, y);
  }

  @Override
  public void stretchedStepBackward(Tensor x, Tensor bias, Tensor durations, Tensor dy, Tensor dx) {
    HostStretchedStep.backward(this, x, bias, durations, dy, dx);
  }

  @Override
  public void dropout(double rate, long[] keys, Tensor x) {
    HostElementwise.dropout(this, rate, keys, x);
  }

  // ---------------------------------------------------------------- norms

  @Override
  public void rmsNormForward(Tensor x, Tensor gamma, double epsilon, Tensor y, Tensor inverse) {
    HostNorm.rmsForward(this, x, gamma, epsilon, y, inverse);
  }

  @Override
  public void rmsNormBackward(
      Tensor x, Tensor gamma, Tensor inverse, Tensor dy, Tensor dx, Tensor dGamma) {
    HostNorm.rmsBackward(this, x, gamma, inverse, dy, dx, dGamma);
  }

  @Override
  public void layerNormForward(
      Tensor x, Tensor gamma, Tensor beta, double epsilon, Tensor y, Tensor statistics) {
    HostNorm.layerForward(this, x, gamma, beta, epsilon, y, statistics);
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
    HostNorm.layerBackward(this, x, gamma, statistics, dy, dx, dGamma, dBeta);
  }

  // ---------------------------------------------------------------- sequences

  @Override
  public void differenceForward(Segments segments, Tensor x, Tensor before, Tensor y) {
    HostSegments.differenceForward(this, segments, x, before, y);
  }

  @Override
  public void differenceBackward(Segments segments, Tensor dy, Tensor dx) {
    HostSegments.differenceBackward(this, segments, dy, dx);
  }

  @Override
  public void causalConvolutionForward(
      Segments segments, Tensor x, Tensor weight, Tensor bias, boolean silu, Tensor y) {
    HostCausalConvolution.forward(this, segments, x, weight, bias, silu, y);
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
    HostCausalConvolution.backward(this, segments, x, weight, bias, silu, dy, dx, dWeight, dBias);
  }

  @Override
  public void reverseRows(Segments segments, Tensor x, Tensor y) {
    HostSegments.reverseRows(this, segments, x, y);
  }

  @Override
  public void lastRowForward(Segments segments, Tensor x, Tensor y) {
    HostSegments.lastRowForward(this, segments, x, y);
  }

  @Override
  public void lastRowBackward(Segments segments, Tensor dy, Tensor dx) {
    HostSegments.lastRowBackward(this, segments, dy, dx);
  }

  @Override
  public void meanRowForward(Segments segments, Tensor x, Tensor y) {
    HostSegments.meanRowForward(this, segments, x, y);
  }

  @Override
  public void meanRowBackward(Segments segments, Tensor dy, Tensor dx) {
    HostSegments.meanRowBackward(this, segments, dy, dx);
  }

  @Override
  public void embeddingForward(int[] tokens, Tensor table, Tensor y) {
    HostSegments.embeddingForward(this, tokens, table, y);
  }

  @Override
  public void embeddingBackward(int[] tokens, Tensor dy, Tensor dTable) {
    HostSegments.embeddingBackward(this, tokens, dy, dTable);
  }

  @Override
  public void selectiveScanForward(SelectiveScan scan) {
    HostSelectiveScan.forward(this, scan);
  }

  @Override
  public void selectiveScanBackward(SelectiveScan scan, SelectiveScan.Gradients gradients) {
    HostSelectiveScan.backward(this, scan, gradients);
  }

  @Override
  public void linearCdeForward(LinearCdeSolve solve) {
    if (solve.solver() == CdeSolver.EXPONENTIAL) {
      ExponentialLinearCde.forward(this, solve);
    } else {
      HostLinearCde.forward(this, solve);
    }
  }

  @Override
  public void linearCdeBackward(LinearCdeSolve solve, LinearCdeSolve.Gradients gradients) {
    if (solve.solver() == CdeSolver.EXPONENTIAL) {
      ExponentialLinearCde.backward(this, solve, gradients);
    } else {
      HostLinearCde.backward(this, solve, gradients);
    }
  }

  @Override
  public void diagonalScanForward(DiagonalScan scan) {
    HostDiagonalScan.forward(this, scan);
  }

  @Override
  public void diagonalScanBackward(DiagonalScan scan, DiagonalScan.Gradients gradients) {
    HostDiagonalScan.backward(this, scan, gradients);
  }

  @Override
  public void s4dScanForward(S4dScan scan) {
    HostS4dScan.forward(this, scan);
  }

  @Override
  public void s4dScanBackward(S4dScan scan, S4dScan.Gradients gradients) {
    HostS4dScan.backward(this, scan, gradients);
  }

  @Override
  public void discretizeForward(
      Discretization rule, Tensor logStep, Tensor a, Tensor aBar, Tensor bBar) {
    HostDiscretization.forward(this, rule, logStep, a, aBar, bBar);
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
    HostDiscretization.backward(this, rule, logStep, a, dABar, dBBar, dLogStep, dA);
  }

  @Override
  public void gatedLinearAttentionForward(GatedLinearAttention scan) {
    HostGatedLinearAttention.forward(this, scan);
  }

  @Override
  public void gatedLinearAttentionBackward(
      GatedLinearAttention scan, GatedLinearAttention.Gradients gradients) {
    HostGatedLinearAttention.backward(this, scan, gradients);
  }

  @Override
  public void deltaRuleForward(DeltaRule rule) {
    HostDeltaRule.forward(this, rule);
  }

  @Override
  public void deltaRuleBackward(DeltaRule rule, DeltaRule.Gradients gradients) {
    HostDeltaRule.backward(this, rule, gradients);
  }

  @Override
  public void structuredCdeForward(StructuredCdeSolve solve) {
    HostStructuredCde.forward(this, solve);
  }

  @Override
  public void structuredCdeBackward(
      StructuredCdeSolve solve, StructuredCdeSolve.Gradients gradients) {
    HostStructuredCde.backward(this, solve, gradients);
  }

  @Override
  public void recurrentScanForward(RecurrentScan scan) {
    HostRecurrentScan.forward(this, scan);
  }

  @Override
  public void recurrentScanBackward(RecurrentScan scan, RecurrentScan.Gradients gradients) {
    HostRecurrentScan.backward(this, scan, gradients);
  }

  @Override
  public void causalAttentionForward(CausalAttention attention) {
    HostCausalAttention.forward(this, attention);
  }

  @Override
  public void causalAttentionBackward(
      CausalAttention attention, CausalAttention.Gradients gradients) {
    HostCausalAttention.backward(this, attention, gradients);
  }

  @Override
  public void rotate(int[] positions, Tensor angles, boolean inverse, Tensor x, Tensor y) {
    HostCausalAttention.rotate(this, positions, angles, inverse, x, y);
  }

  // ---------------------------------------------------------------- losses and optimizer

  @Override
  public Total squaredError(Tensor prediction, Tensor target, float[] weights, Tensor dPrediction) {
    double sum = HostLoss.squaredError(this, prediction, target, weights, dPrediction);
    return () -> sum;
  }

  @Override
  public Total softmaxCrossEntropy(Tensor logits, int[] targets, float[] weights, Tensor dLogits) {
    double sum = HostLoss.softmaxCrossEntropy(this, logits, targets, weights, dLogits);
    return () -> sum;
  }

  @Override
  public void adamStep(
      AdamStep settings, long step, Tensor parameters, Tensor gradient, Tensor m, Tensor v) {
    HostAdam.step(this, settings, step, parameters, gradient, m, v);
  }

  @Override
  public Total sumOfSquares(Tensor x) {
    double sum = HostElementwise.sumOfSquares(this, x);
    return () -> sum;
  }

  // ---------------------------------------------------------------- operands

  /** Calls {@code work} with the address of scratch memory. */
  void withScratch(long floats, LongConsumer work) {
    HostArena.Mark mark = arena.mark();
    try {
      work.accept(arena.take(floats));
    } finally {
      arena.backTo(mark);
    }
  }

  /** The tensor, if it belongs to these kernels: an address is only passed on after this. */
  HostTensor own(String operation, Tensor tensor) {
    if (tensor instanceof HostTensor host && host.arena() == arena) {
      if (arena.isClosed()) {
        throw new IllegalStateException(operation + ": these kernels are closed");
      }
      return host;
    }
    throw new IllegalArgumentException(
        operation + ": " + tensor + " does not belong to these host kernels");
  }

  HostTensor own(String operation, Tensor tensor, int rows, int columns) {
    HostTensor host = own(operation, tensor);
    expect(
        host.rows() == rows && host.columns() == columns,
        operation,
        host,
        "expected " + rows + " x " + columns);
    return host;
  }

  HostTensor ownOrNull(String operation, Tensor tensor, int rows, int columns) {
    return tensor == null ? null : own(operation, tensor, rows, columns);
  }

  static long address(HostTensor tensor) {
    return tensor == null ? 0 : tensor.address();
  }

  static long stride(HostTensor tensor) {
    return tensor == null ? 0 : tensor.stride();
  }

  static void expect(boolean holds, String operation, Tensor tensor, String against) {
    if (!holds) {
      throw new IllegalArgumentException(operation + ": " + tensor + " does not fit: " + against);
    }
  }

  static void check(String operation, int status) {
    NativeLibrary.check(status, operation);
  }
}
