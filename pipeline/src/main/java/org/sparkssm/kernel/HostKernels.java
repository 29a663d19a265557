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
  private final double[] sum = new double[1];

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
    HostTensor x = own("copy", source);
    HostTensor y = own("copy", target, x.rows(), x.columns());
    check(
        "copy",
        Native.ssm_copy_f32(
            x.rows(), x.columns(), x.address(), x.stride(), y.address(), y.stride()));
  }

  @Override
  public void fill(Tensor target, double value) {
    HostTensor x = own("fill", target);
    check(
        "fill", Native.ssm_fill_f32(x.rows(), x.columns(), (float) value, x.address(), x.stride()));
  }

  @Override
  public void addScaled(double alpha, Tensor x, Tensor y) {
    HostTensor from = own("addScaled", x);
    HostTensor to = own("addScaled", y, x.rows(), x.columns());
    check(
        "addScaled",
        Native.ssm_add_scaled_f32(
            x.rows(),
            x.columns(),
            (float) alpha,
            from.address(),
            from.stride(),
            to.address(),
            to.stride()));
  }

  @Override
  public void addRow(Tensor bias, Tensor x) {
    HostTensor to = own("addRow", x);
    HostTensor row = own("addRow", bias, 1, x.columns());
    check(
        "addRow",
        Native.ssm_add_row_f32(x.rows(), x.columns(), row.address(), to.address(), to.stride()));
  }

  @Override
  public void sumRows(Tensor dy, Tensor dBias) {
    HostTensor from = own("sumRows", dy);
    HostTensor to = own("sumRows", dBias, 1, dy.columns());
    check(
        "sumRows",
        Native.ssm_sum_rows_f32(
            dy.rows(), dy.columns(), from.address(), from.stride(), to.address()));
  }

  @Override
  public void activationForward(Activation activation, Tensor x, Tensor y) {
    HostTensor from = own("activationForward", x);
    HostTensor to = own("activationForward", y, x.rows(), x.columns());
    check(
        "activationForward",
        Native.ssm_activation_forward_f32(
            code(activation),
            x.rows(),
            x.columns(),
            from.address(),
            from.stride(),
            to.address(),
            to.stride()));
  }

  @Override
  public void activationBackward(Activation activation, Tensor x, Tensor dy, Tensor dx) {
    HostTensor at = own("activationBackward", x);
    HostTensor from = own("activationBackward", dy, x.rows(), x.columns());
    HostTensor to = own("activationBackward", dx, x.rows(), x.columns());
    check(
        "activationBackward",
        Native.ssm_activation_backward_f32(
            code(activation),
            x.rows(),
            x.columns(),
            at.address(),
            at.stride(),
            from.address(),
            from.stride(),
            to.address(),
            to.stride()));
  }

  /** {@code enum ssm_activation}. */
  private static int code(Activation activation) {
    return switch (activation) {
      case NONE -> 0;
      case GELU -> 1;
      case SILU -> 2;
      case TANH -> 3;
      case RELU -> 4;
      case SIGMOID -> 5;
      case SOFTPLUS -> 6;
    };
  }

  @Override
  public void gluForward(Tensor x, Tensor y) {
    HostTensor to = own("gluForward", y);
    HostTensor from = own("gluForward", x, y.rows(), 2 * y.columns());
    check(
        "gluForward",
        Native.ssm_glu_forward_f32(
            y.rows(), y.columns(), from.address(), from.stride(), to.address(), to.stride()));
  }

  @Override
  public void gluBackward(Tensor x, Tensor dy, Tensor dx) {
    HostTensor from = own("gluBackward", dy);
    HostTensor at = own("gluBackward", x, dy.rows(), 2 * dy.columns());
    HostTensor to = own("gluBackward", dx, dy.rows(), 2 * dy.columns());
    check(
        "gluBackward",
        Native.ssm_glu_backward_f32(
            dy.rows(),
            dy.columns(),
            at.address(),
            at.stride(),
            from.address(),
            from.stride(),
            to.address(),
            to.stride()));
  }

  @Override
  public void multiply(Tensor x, Tensor y, Tensor z) {
    String operation = "multiply";
    HostTensor left = own(operation, x);
    HostTensor right = own(operation, y, x.rows(), x.columns());
    HostTensor to = own(operation, z, x.rows(), x.columns());
    check(
        operation,
        Native.ssm_multiply_f32(
            x.rows(),
            x.columns(),
            left.address(),
            left.stride(),
            right.address(),
            right.stride(),
            to.address(),
            to.stride()));
  }

  @Override
  public void addScaledColumns(Tensor gain, Tensor x, Tensor y) {
    String operation = "addScaledColumns";
    HostTensor from = own(operation, x);
    HostTensor row = own(operation, gain, 1, x.columns());
    HostTensor to = own(operation, y, x.rows(), x.columns());
    check(
        operation,
        Native.ssm_add_scaled_columns_f32(
            x.rows(),
            x.columns(),
            row.address(),
            from.address(),
            from.stride(),
            to.address(),
            to.stride()));
  }

  @Override
  public void sumProducts(Tensor x, Tensor y, Tensor sums) {
    String operation = "sumProducts";
    HostTensor left = own(operation, x);
    HostTensor right = own(operation, y, x.rows(), x.columns());
    HostTensor to = own(operation, sums, 1, x.columns());
    check(
        operation,
        Native.ssm_sum_products_f32(
            x.rows(),
            x.columns(),
            left.address(),
            left.stride(),
            right.address(),
            right.stride(),
            to.address()));
  }

  @Override
  public void negativeExpForward(Tensor x, Tensor y) {
    HostTensor from = own("negativeExpForward", x);
    HostTensor to = own("negativeExpForward", y, x.rows(), x.columns());
    check(
        "negativeExpForward",
        Native.ssm_negative_exp_forward_f32(
            x.rows(), x.columns(), from.address(), from.stride(), to.address(), to.stride()));
  }

  @Override
  public void negativeExpBackward(Tensor y, Tensor dy, Tensor dx) {
    HostTensor at = own("negativeExpBackward", y);
    HostTensor from = own("negativeExpBackward", dy, y.rows(), y.columns());
    HostTensor to = own("negativeExpBackward", dx, y.rows(), y.columns());
    check(
        "negativeExpBackward",
        Native.ssm_negative_exp_backward_f32(
            y.rows(),
            y.columns(),
            at.address(),
            at.stride(),
            from.address(),
            from.stride(),
            to.address(),
            to.stride()));
  }

  @Override
  public void dropout(double rate, long[] keys, Tensor x) {
    int threshold = DropoutHash.threshold(rate);
    HostTensor to = own("dropout", x);
    expect(keys.length == x.rows(), "dropout", x, keys.length + " keys");
    check(
        "dropout",
        Native.ssm_dropout_f32(
            x.rows(),
            x.columns(),
            threshold,
            (float) (1 / (1 - rate)),
            keys,
            to.address(),
            to.stride()));
  }

  // ---------------------------------------------------------------- norms

  @Override
  public void rmsNormForward(Tensor x, Tensor gamma, double epsilon, Tensor y, Tensor inverse) {
    String operation = "rmsNormForward";
    HostTensor from = own(operation, x);
    HostTensor weight = own(operation, gamma, 1, x.columns());
    HostTensor to = own(operation, y, x.rows(), x.columns());
    HostTensor scale = own(operation, inverse, x.rows(), 1);
    check(
        operation,
        Native.ssm_rms_norm_forward_f32(
            x.rows(),
            x.columns(),
            from.address(),
            from.stride(),
            weight.address(),
            epsilon,
            to.address(),
            to.stride(),
            scale.address(),
            scale.stride()));
  }

  @Override
  public void rmsNormBackward(
      Tensor x, Tensor gamma, Tensor inverse, Tensor dy, Tensor dx, Tensor dGamma) {
    String operation = "rmsNormBackward";
    HostTensor at = own(operation, x);
    HostTensor weight = own(operation, gamma, 1, x.columns());
    HostTensor scale = own(operation, inverse, x.rows(), 1);
    HostTensor from = own(operation, dy, x.rows(), x.columns());
    HostTensor to = own(operation, dx, x.rows(), x.columns());
    HostTensor dWeight = own(operation, dGamma, 1, x.columns());
    check(
        operation,
        Native.ssm_rms_norm_backward_f32(
            x.rows(),
            x.columns(),
            at.address(),
            at.stride(),
            weight.address(),
            scale.address(),
            scale.stride(),
            from.address(),
            from.stride(),
            to.address(),
            to.stride(),
            dWeight.address()));
  }

  @Override
  public void layerNormForward(
      Tensor x, Tensor gamma, Tensor beta, double epsilon, Tensor y, Tensor statistics) {
    String operation = "layerNormForward";
    HostTensor from = own(operation, x);
    HostTensor weight = own(operation, gamma, 1, x.columns());
    HostTensor bias = own(operation, beta, 1, x.columns());
    HostTensor to = own(operation, y, x.rows(), x.columns());
    HostTensor moments = own(operation, statistics, x.rows(), 2);
    check(
        operation,
        Native.ssm_layer_norm_forward_f32(
            x.rows(),
            x.columns(),
            from.address(),
            from.stride(),
            weight.address(),
            bias.address(),
            epsilon,
            to.address(),
            to.stride(),
            moments.address(),
            moments.stride()));
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
    String operation = "layerNormBackward";
    HostTensor at = own(operation, x);
    HostTensor weight = own(operation, gamma, 1, x.columns());
    HostTensor moments = own(operation, statistics, x.rows(), 2);
    HostTensor from = own(operation, dy, x.rows(), x.columns());
    HostTensor to = own(operation, dx, x.rows(), x.columns());
    HostTensor dWeight = own(operation, dGamma, 1, x.columns());
    HostTensor dBias = own(operation, dBeta, 1, x.columns());
    check(
        operation,
        Native.ssm_layer_norm_backward_f32(
            x.rows(),
            x.columns(),
            at.address(),
            at.stride(),
            weight.address(),
            moments.address(),
            moments.stride(),
            from.address(),
            from.stride(),
            to.address(),
            to.stride(),
            dWeight.address(),
            dBias.address()));
  }

  // ---------------------------------------------------------------- sequences

  @Override
  public void differenceForward(Segments segments, Tensor x, Tensor before, Tensor y) {
    String operation = "differenceForward";
    HostTensor from = own(operation, x, segments.rows(), x.columns());
    HostTensor first = ownOrNull(operation, before, segments.batch(), x.columns());
    HostTensor to = own(operation, y, x.rows(), x.columns());
    check(
        operation,
        Native.ssm_difference_forward_f32(
            segments.batch(),
            segments.offsets(),
            x.columns(),
            from.address(),
            from.stride(),
            address(first),
            stride(first),
            to.address(),
            to.stride()));
  }

  @Override
  public void differenceBackward(Segments segments, Tensor dy, Tensor dx) {
    String operation = "differenceBackward";
    HostTensor from = own(operation, dy, segments.rows(), dy.columns());
    HostTensor to = own(operation, dx, dy.rows(), dy.columns());
    check(
        operation,
        Native.ssm_difference_backward_f32(
            segments.batch(),
            segments.offsets(),
            dy.columns(),
            from.address(),
            from.stride(),
            to.address(),
            to.stride()));
  }

  @Override
  public void causalConvolutionForward(
      Segments segments, Tensor x, Tensor weight, Tensor bias, boolean silu, Tensor y) {
    String operation = "causalConvolutionForward";
    HostTensor from = own(operation, x, segments.rows(), x.columns());
    HostTensor taps = own(operation, weight, x.columns(), weight.columns());
    HostTensor shift = ownOrNull(operation, bias, 1, x.columns());
    HostTensor to = own(operation, y, x.rows(), x.columns());
    check(
        operation,
        Native.ssm_causal_convolution_forward_f32(
            segments.batch(),
            segments.offsets(),
            x.columns(),
            weight.columns(),
            from.address(),
            from.stride(),
            taps.address(),
            taps.stride(),
            address(shift),
            silu ? 1 : 0,
            to.address(),
            to.stride()));
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
    String operation = "causalConvolutionBackward";
    HostTensor at = own(operation, x, segments.rows(), x.columns());
    HostTensor taps = own(operation, weight, x.columns(), weight.columns());
    HostTensor shift = ownOrNull(operation, bias, 1, x.columns());
    HostTensor from = own(operation, dy, x.rows(), x.columns());
    HostTensor to = own(operation, dx, x.rows(), x.columns());
    HostTensor dTaps = own(operation, dWeight, x.columns(), weight.columns());
    HostTensor dShift = ownOrNull(operation, dBias, 1, x.columns());
    check(
        operation,
        Native.ssm_causal_convolution_backward_f32(
            segments.batch(),
            segments.offsets(),
            x.columns(),
            weight.columns(),
            at.address(),
            at.stride(),
            taps.address(),
            taps.stride(),
            address(shift),
            silu ? 1 : 0,
            from.address(),
            from.stride(),
            to.address(),
            to.stride(),
            dTaps.address(),
            dTaps.stride(),
            address(dShift)));
  }

  @Override
  public void lastRowForward(Segments segments, Tensor x, Tensor y) {
    HostTensor from = own("lastRowForward", x, segments.rows(), x.columns());
    HostTensor to = own("lastRowForward", y, segments.batch(), x.columns());
    check(
        "lastRowForward",
        Native.ssm_last_row_forward_f32(
            segments.batch(),
            segments.offsets(),
            x.columns(),
            from.address(),
            from.stride(),
            to.address(),
            to.stride()));
  }

  @Override
  public void lastRowBackward(Segments segments, Tensor dy, Tensor dx) {
    HostTensor from = own("lastRowBackward", dy, segments.batch(), dx.columns());
    HostTensor to = own("lastRowBackward", dx, segments.rows(), dx.columns());
    check(
        "lastRowBackward",
        Native.ssm_last_row_backward_f32(
            segments.batch(),
            segments.offsets(),
            dx.columns(),
            from.address(),
            from.stride(),
            to.address(),
            to.stride()));
  }

  @Override
  public void meanRowForward(Segments segments, Tensor x, Tensor y) {
    HostTensor from = own("meanRowForward", x, segments.rows(), x.columns());
    HostTensor to = own("meanRowForward", y, segments.batch(), x.columns());
    check(
        "meanRowForward",
        Native.ssm_mean_row_forward_f32(
            segments.batch(),
            segments.offsets(),
            x.columns(),
            from.address(),
            from.stride(),
            to.address(),
            to.stride()));
  }

  @Override
  public void meanRowBackward(Segments segments, Tensor dy, Tensor dx) {
    HostTensor from = own("meanRowBackward", dy, segments.batch(), dx.columns());
    HostTensor to = own("meanRowBackward", dx, segments.rows(), dx.columns());
    check(
        "meanRowBackward",
        Native.ssm_mean_row_backward_f32(
            segments.batch(),
            segments.offsets(),
            dx.columns(),
            from.address(),
            from.stride(),
            to.address(),
            to.stride()));
  }

  @Override
  public void embeddingForward(int[] tokens, Tensor table, Tensor y) {
    HostTensor from = own("embeddingForward", table);
    HostTensor to = own("embeddingForward", y, tokens.length, table.columns());
    expectTokens("embeddingForward", tokens, table);
    check(
        "embeddingForward",
        Native.ssm_embedding_forward_f32(
            tokens.length,
            table.columns(),
            table.rows(),
            tokens,
            from.address(),
            from.stride(),
            to.address(),
            to.stride()));
  }

  @Override
  public void embeddingBackward(int[] tokens, Tensor dy, Tensor dTable) {
    HostTensor to = own("embeddingBackward", dTable);
    HostTensor from = own("embeddingBackward", dy, tokens.length, dTable.columns());
    expectTokens("embeddingBackward", tokens, dTable);
    check(
        "embeddingBackward",
        Native.ssm_embedding_backward_f32(
            tokens.length,
            dTable.columns(),
            dTable.rows(),
            tokens,
            from.address(),
            from.stride(),
            to.address(),
            to.stride()));
  }

  private static void expectTokens(String operation, int[] tokens, Tensor table) {
    for (int token : tokens) {
      expect(token >= 0 && token < table.rows(), operation, table, "token " + token);
    }
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
    HostLinearCde.forward(this, solve);
  }

  @Override
  public void linearCdeBackward(LinearCdeSolve solve, LinearCdeSolve.Gradients gradients) {
    HostLinearCde.backward(this, solve, gradients);
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
    String operation = "discretizeForward";
    HostTensor at = complexRows(operation, a);
    HostTensor step = own(operation, logStep, a.rows(), stepColumns(logStep, a));
    HostTensor toA = own(operation, aBar, a.rows(), a.columns());
    HostTensor toB = own(operation, bBar, a.rows(), a.columns());
    check(
        operation,
        Native.ssm_discretize_forward_f32(
            code(rule),
            a.rows(),
            a.columns() / 2,
            step.address(),
            step.stride(),
            step.columns() == 1 ? 1 : 0,
            at.address(),
            at.stride(),
            toA.address(),
            toA.stride(),
            toB.address(),
            toB.stride()));
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
    String operation = "discretizeBackward";
    HostTensor at = complexRows(operation, a);
    HostTensor step = own(operation, logStep, a.rows(), stepColumns(logStep, a));
    HostTensor fromA = own(operation, dABar, a.rows(), a.columns());
    HostTensor fromB = own(operation, dBBar, a.rows(), a.columns());
    HostTensor toStep = own(operation, dLogStep, a.rows(), step.columns());
    HostTensor toA = own(operation, dA, a.rows(), a.columns());
    check(
        operation,
        Native.ssm_discretize_backward_f32(
            code(rule),
            a.rows(),
            a.columns() / 2,
            step.address(),
            step.stride(),
            step.columns() == 1 ? 1 : 0,
            at.address(),
            at.stride(),
            fromA.address(),
            fromA.stride(),
            fromB.address(),
            fromB.stride(),
            toStep.address(),
            toStep.stride(),
            toA.address(),
            toA.stride()));
  }

  private HostTensor complexRows(String operation, Tensor a) {
    expect(a.columns() % 2 == 0, operation, a, "expected an even number of columns");
    return own(operation, a);
  }

  private static int stepColumns(Tensor logStep, Tensor a) {
    return logStep.columns() == 1 ? 1 : a.columns() / 2;
  }

  /** {@code enum ssm_discretization}. */
  private static int code(Discretization rule) {
    return switch (rule) {
      case ZERO_ORDER_HOLD -> 0;
      case BILINEAR -> 1;
    };
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

  // ---------------------------------------------------------------- losses and optimizer

  @Override
  public double squaredError(
      Tensor prediction, Tensor target, float[] weights, Tensor dPrediction) {
    String operation = "squaredError";
    HostTensor x = own(operation, prediction);
    HostTensor y = own(operation, target, x.rows(), x.columns());
    HostTensor dx = ownOrNull(operation, dPrediction, x.rows(), x.columns());
    expect(weights.length == x.rows(), operation, x, weights.length + " weights");
    check(
        operation,
        Native.ssm_squared_error_f32(
            x.rows(),
            x.columns(),
            x.address(),
            x.stride(),
            y.address(),
            y.stride(),
            weights,
            address(dx),
            stride(dx),
            sum));
    return sum[0];
  }

  @Override
  public double softmaxCrossEntropy(Tensor logits, int[] targets, float[] weights, Tensor dLogits) {
    String operation = "softmaxCrossEntropy";
    HostTensor x = own(operation, logits);
    HostTensor dx = ownOrNull(operation, dLogits, x.rows(), x.columns());
    expect(weights.length == x.rows(), operation, x, weights.length + " weights");
    expect(targets.length == x.rows(), operation, x, targets.length + " targets");
    for (int r = 0; r < targets.length; r++) {
      expect(
          weights[r] == 0 || (targets[r] >= 0 && targets[r] < x.columns()),
          operation,
          x,
          "target " + targets[r]);
    }
    check(
        operation,
        Native.ssm_softmax_cross_entropy_f32(
            x.rows(),
            x.columns(),
            x.address(),
            x.stride(),
            targets,
            weights,
            address(dx),
            stride(dx),
            sum));
    return sum[0];
  }

  @Override
  public void adamStep(
      AdamStep settings, long step, Tensor parameters, Tensor gradient, Tensor m, Tensor v) {
    String operation = "adamStep";
    HostTensor w = own(operation, parameters, 1, parameters.columns());
    HostTensor g = own(operation, gradient, 1, w.columns());
    HostTensor first = own(operation, m, 1, w.columns());
    HostTensor second = own(operation, v, 1, w.columns());
    check(
        operation,
        Native.ssm_adam_step_f32(
            w.columns(),
            settings.learningRate(),
            settings.beta1(),
            settings.beta2(),
            settings.epsilon(),
            settings.weightDecay(),
            settings.decoupled() ? 1 : 0,
            step,
            w.address(),
            g.address(),
            first.address(),
            second.address()));
  }

  @Override
  public double sumOfSquares(Tensor x) {
    HostTensor from = own("sumOfSquares", x);
    check(
        "sumOfSquares",
        Native.ssm_sum_of_squares_f32(x.rows(), x.columns(), from.address(), from.stride(), sum));
    return sum[0];
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
