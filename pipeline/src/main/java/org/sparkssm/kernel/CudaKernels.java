package org.sparkssm.kernel;

import java.util.Arrays;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * The operations on an NVIDIA GPU, in single precision. Tensors stay on the GPU; {@link #write} and
 * {@link #read} move numbers through pinned memory.
 *
 * <p>Instances have a stream and memory of their own, so tasks may share a GPU. Operations are
 * enqueued and run while the thread goes on; reading and the losses wait for them. Sums run in an
 * order that depends on the shape alone.
 */
public final class CudaKernels implements Kernels {
  private long context;

  /**
   * @throws IllegalStateException if there is no GPU here, with the reason
   * @throws DeviceFailure if the GPU cannot be used
   */
  public CudaKernels(GpuSettings settings) {
    this(open(settings));
  }

  private CudaKernels(long context) {
    this.context = context;
  }

  /** Why this GPU cannot be used in this JVM, in one sentence; empty if it can. */
  public static Optional<String> unavailableReason(GpuSettings settings) {
    Optional<String> reason = CudaLibrary.unavailableReason();
    if (reason.isEmpty() && settings.index() >= CudaLibrary.deviceCount()) {
      return Optional.of(
          "GPU "
              + settings.index()
              + " was asked for, and this process sees "
              + CudaLibrary.deviceCount());
    }
    return reason;
  }

  private static long open(GpuSettings settings) {
    CudaLibrary.requireLoaded();
    return openLoaded(settings);
  }

  private static long openLoaded(GpuSettings settings) {
    long[] opened = new long[1];
    check(
        CudaNative.ssm_cuda_open(
            settings.index(), settings.memoryBytes(), settings.tf32() ? 1 : 0, opened));
    return opened[0];
  }

  /** Kernels whose native library the caller has loaded. */
  static CudaKernels ofLoadedLibrary(GpuSettings settings) {
    return new CudaKernels(openLoaded(settings));
  }

  /** Whether a description is that of such kernels. */
  public static boolean areDescribedBy(String description) {
    return description.startsWith("cuda ");
  }

  @Override
  public String description() {
    requireOpen("description");
    return CudaNative.ssm_cuda_description(context).getString();
  }

  // ---------------------------------------------------------------- memory

  /** Bytes of the GPU that these kernels hold; they are kept for reuse until the close. */
  public long bytes() {
    requireOpen("bytes");
    return CudaNative.ssm_cuda_bytes(context);
  }

  @Override
  public Tensor zeros(int rows, int columns) {
    Tensor tensor = allocate(rows, columns);
    fill(tensor, 0);
    return tensor;
  }

  @Override
  public Tensor allocate(int rows, int columns) {
    requireOpen("allocate");
    long[] address = new long[1];
    check(CudaNative.ssm_cuda_take(context, (long) rows * columns, address));
    return new CudaTensor(this, address[0], rows, columns, columns);
  }

  @Override
  public <R> R scope(Supplier<R> work) {
    requireOpen("scope");
    long[] mark = new long[2];
    CudaNative.ssm_cuda_mark(context, mark);
    try {
      return work.get();
    } finally {
      CudaNative.ssm_cuda_back_to(context, mark);
    }
  }

  @Override
  public void write(Tensor target, double[] source) {
    float[] values = new float[source.length];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) source[i];
    }
    if (source.length != target.size()) {
      throw new IllegalArgumentException(
          "write: " + target + " does not fit: " + source.length + " numbers");
    }
    write(target, values, 0);
  }

  @Override
  public void write(Tensor target, float[] source, int offset) {
    float[] values = part("write", target, source, offset);
    check(CudaNative.ssm_cuda_write(context, values, matrix("write", target)));
  }

  @Override
  public double[] toDoubles(Tensor source) {
    float[] values = new float[Math.toIntExact(source.size())];
    read(source, values, 0);
    double[] doubles = new double[values.length];
    for (int i = 0; i < values.length; i++) {
      doubles[i] = values[i];
    }
    return doubles;
  }

  @Override
  public void read(Tensor source, float[] target, int offset) {
    float[] values = part("read", source, target, offset);
    check(CudaNative.ssm_cuda_read(context, matrix("read", source), values));
    if (values != target) {
      System.arraycopy(values, 0, target, offset, values.length);
    }
  }

  /** The numbers of an array that belong to a tensor: the array itself where it is all of it. */
  private static float[] part(String operation, Tensor tensor, float[] array, int offset) {
    if (offset < 0 || offset + tensor.size() > array.length) {
      throw new IllegalArgumentException(
          operation + ": " + tensor + " does not fit: " + array.length + " numbers from " + offset);
    }
    return offset == 0 && array.length == tensor.size()
        ? array
        : Arrays.copyOfRange(array, offset, offset + Math.toIntExact(tensor.size()));
  }

  /** Waits for all that was enqueued. */
  void synchronize() {
    requireOpen("synchronize");
    check(CudaNative.ssm_cuda_synchronize(context));
  }

  @Override
  public void close() {
    CudaNative.ssm_cuda_close(context);
    context = 0;
  }

  // ---------------------------------------------------------------- dense algebra and element-wise
  // operations

  @Override
  public void gemm(
      boolean transposeA,
      boolean transposeB,
      double alpha,
      Tensor a,
      Tensor b,
      double beta,
      Tensor c) {
    String operation = "gemm";
    check(
        CudaNative.ssm_cuda_gemm(
            context,
            transposeA ? 1 : 0,
            transposeB ? 1 : 0,
            (float) alpha,
            matrix(operation, a),
            matrix(operation, b),
            (float) beta,
            matrix(operation, c)));
  }

  @Override
  public void copy(Tensor source, Tensor target) {
    String operation = "copy";
    check(CudaNative.ssm_cuda_copy(context, matrix(operation, source), matrix(operation, target)));
  }

  @Override
  public void fill(Tensor target, double value) {
    String operation = "fill";
    check(CudaNative.ssm_cuda_fill(context, matrix(operation, target), (float) value));
  }

  @Override
  public void addScaled(double alpha, Tensor x, Tensor y) {
    String operation = "addScaled";
    check(
        CudaNative.ssm_cuda_add_scaled(
            context, (float) alpha, matrix(operation, x), matrix(operation, y)));
  }

  @Override
  public void addRow(Tensor bias, Tensor x) {
    String operation = "addRow";
    check(CudaNative.ssm_cuda_add_row(context, matrix(operation, bias), matrix(operation, x)));
  }

  @Override
  public void sumRows(Tensor dy, Tensor dBias) {
    String operation = "sumRows";
    check(CudaNative.ssm_cuda_sum_rows(context, matrix(operation, dy), matrix(operation, dBias)));
  }

  @Override
  public void activationForward(Activation activation, Tensor x, Tensor y) {
    String operation = "activationForward";
    check(
        CudaNative.ssm_cuda_activation_forward(
            context, code(activation), matrix(operation, x), matrix(operation, y)));
  }

  @Override
  public void activationBackward(Activation activation, Tensor x, Tensor dy, Tensor dx) {
    String operation = "activationBackward";
    check(
        CudaNative.ssm_cuda_activation_backward(
            context,
            code(activation),
            matrix(operation, x),
            matrix(operation, dy),
            matrix(operation, dx)));
  }

  @Override
  public void gluForward(Tensor x, Tensor y) {
    String operation = "gluForward";
    check(CudaNative.ssm_cuda_glu_forward(context, matrix(operation, x), matrix(operation, y)));
  }

  @Override
  public void gluBackward(Tensor x, Tensor dy, Tensor dx) {
    String operation = "gluBackward";
    check(
        CudaNative.ssm_cuda_glu_backward(
            context, matrix(operation, x), matrix(operation, dy), matrix(operation, dx)));
  }

  @Override
  public void multiply(Tensor x, Tensor y, Tensor z) {
    String operation = "multiply";
    check(
        CudaNative.ssm_cuda_multiply(
            context, matrix(operation, x), matrix(operation, y), matrix(operation, z)));
  }

  @Override
  public void addScaledColumns(Tensor gain, Tensor x, Tensor y) {
    String operation = "addScaledColumns";
    check(
        CudaNative.ssm_cuda_add_scaled_columns(
            context, matrix(operation, gain), matrix(operation, x), matrix(operation, y)));
  }

  @Override
  public void sumProducts(Tensor x, Tensor y, Tensor sums) {
    String operation = "sumProducts";
    check(
        CudaNative.ssm_cuda_sum_products(
            context, matrix(operation, x), matrix(operation, y), matrix(operation, sums)));
  }

  @Override
  public void negativeExpForward(Tensor x, Tensor y) {
    String operation = "negativeExpForward";
    check(
        CudaNative.ssm_cuda_negative_exp_forward(
            context, matrix(operation, x), matrix(operation, y)));
  }

  @Override
  public void negativeExpBackward(Tensor y, Tensor dy, Tensor dx) {
    String operation = "negativeExpBackward";
    check(
        CudaNative.ssm_cuda_negative_exp_backward(
            context, matrix(operation, y), matrix(operation, dy), matrix(operation, dx)));
  }

  @Override
  public void stretchedStepForward(Tensor x, Tensor bias, Tensor durations, Tensor y) {
    String operation = "stretchedStepForward";
    check(
        CudaNative.ssm_cuda_stretched_step_forward(
            context,
            matrix(operation, x),
            matrix(operation, bias),
            matrix(operation, durations),
            matrix(operation, y)));
  }

  @Override
  public void stretchedStepBackward(Tensor x, Tensor bias, Tensor durations, Tensor dy, Tensor dx) {
    String operation = "stretchedStepBackward";
    check(
        CudaNative.ssm_cuda_stretched_step_backward(
            context,
            matrix(operation, x),
            matrix(operation, bias),
            matrix(operation, durations),
            matrix(operation, dy),
            matrix(operation, dx)));
  }

  @Override
  public void dropout(double rate, long[] keys, Tensor x) {
    String operation = "dropout";
    expectLength(operation, keys.length, x);
    check(
        CudaNative.ssm_cuda_dropout(
            context,
            DropoutHash.threshold(rate),
            (float) (1 / (1 - rate)),
            keys,
            matrix(operation, x)));
  }

  @Override
  public void rotate(int[] positions, Tensor angles, boolean inverse, Tensor x, Tensor y) {
    String operation = "rotate";
    expectLength(operation, positions.length, x);
    check(
        CudaNative.ssm_cuda_rotate(
            context,
            positions,
            matrix(operation, angles),
            inverse ? 1 : 0,
            matrix(operation, x),
            matrix(operation, y)));
  }

  // ---------------------------------------------------------------- norms

  @Override
  public void rmsNormForward(Tensor x, Tensor gamma, double epsilon, Tensor y, Tensor inverse) {
    String operation = "rmsNormForward";
    check(
        CudaNative.ssm_cuda_rms_norm_forward(
            context,
            matrix(operation, x),
            matrix(operation, gamma),
            epsilon,
            matrix(operation, y),
            matrix(operation, inverse)));
  }

  @Override
  public void rmsNormBackward(
      Tensor x, Tensor gamma, Tensor inverse, Tensor dy, Tensor dx, Tensor dGamma) {
    String operation = "rmsNormBackward";
    check(
        CudaNative.ssm_cuda_rms_norm_backward(
            context,
            matrix(operation, x),
            matrix(operation, gamma),
            matrix(operation, inverse),
            matrix(operation, dy),
            matrix(operation, dx),
            matrix(operation, dGamma)));
  }

  @Override
  public void layerNormForward(
      Tensor x, Tensor gamma, Tensor beta, double epsilon, Tensor y, Tensor statistics) {
    String operation = "layerNormForward";
    check(
        CudaNative.ssm_cuda_layer_norm_forward(
            context,
            matrix(operation, x),
            matrix(operation, gamma),
            matrix(operation, beta),
            epsilon,
            matrix(operation, y),
            matrix(operation, statistics)));
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
    check(
        CudaNative.ssm_cuda_layer_norm_backward(
            context,
            matrix(operation, x),
            matrix(operation, gamma),
            matrix(operation, statistics),
            matrix(operation, dy),
            matrix(operation, dx),
            matrix(operation, dGamma),
            matrix(operation, dBeta)));
  }

  // ---------------------------------------------------------------- sequences

  @Override
  public void differenceForward(Segments segments, Tensor x, Tensor before, Tensor y) {
    String operation = "differenceForward";
    check(
        CudaNative.ssm_cuda_difference_forward(
            context,
            segments.batch(),
            segments.offsets(),
            matrix(operation, x),
            matrix(operation, before),
            matrix(operation, y)));
  }

  @Override
  public void differenceBackward(Segments segments, Tensor dy, Tensor dx) {
    String operation = "differenceBackward";
    check(
        CudaNative.ssm_cuda_difference_backward(
            context,
            segments.batch(),
            segments.offsets(),
            matrix(operation, dy),
            matrix(operation, dx)));
  }

  @Override
  public void reverseRows(Segments segments, Tensor x, Tensor y) {
    String operation = "reverseRows";
    check(
        CudaNative.ssm_cuda_reverse_rows(
            context,
            segments.batch(),
            segments.offsets(),
            matrix(operation, x),
            matrix(operation, y)));
  }

  @Override
  public void lastRowForward(Segments segments, Tensor x, Tensor y) {
    String operation = "lastRowForward";
    check(
        CudaNative.ssm_cuda_last_row_forward(
            context,
            segments.batch(),
            segments.offsets(),
            matrix(operation, x),
            matrix(operation, y)));
  }

  @Override
  public void lastRowBackward(Segments segments, Tensor dy, Tensor dx) {
    String operation = "lastRowBackward";
    check(
        CudaNative.ssm_cuda_last_row_backward(
            context,
            segments.batch(),
            segments.offsets(),
            matrix(operation, dy),
            matrix(operation, dx)));
  }

  @Override
  public void meanRowForward(Segments segments, Tensor x, Tensor y) {
    String operation = "meanRowForward";
    check(
        CudaNative.ssm_cuda_mean_row_forward(
            context,
            segments.batch(),
            segments.offsets(),
            matrix(operation, x),
            matrix(operation, y)));
  }

  @Override
  public void meanRowBackward(Segments segments, Tensor dy, Tensor dx) {
    String operation = "meanRowBackward";
    check(
        CudaNative.ssm_cuda_mean_row_backward(
            context,
            segments.batch(),
            segments.offsets(),
            matrix(operation, dy),
            matrix(operation, dx)));
  }

  @Override
  public void causalConvolutionForward(
      Segments segments, Tensor x, Tensor weight, Tensor bias, boolean silu, Tensor y) {
    String operation = "causalConvolutionForward";
    check(
        CudaNative.ssm_cuda_causal_convolution_forward(
            context,
            segments.batch(),
            segments.offsets(),
            matrix(operation, x),
            matrix(operation, weight),
            matrix(operation, bias),
            silu ? 1 : 0,
            matrix(operation, y)));
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
    check(
        CudaNative.ssm_cuda_causal_convolution_backward(
            context,
            segments.batch(),
            segments.offsets(),
            matrix(operation, x),
            matrix(operation, weight),
            matrix(operation, bias),
            silu ? 1 : 0,
            matrix(operation, dy),
            matrix(operation, dx),
            matrix(operation, dWeight),
            matrix(operation, dBias)));
  }

  @Override
  public void embeddingForward(int[] tokens, Tensor table, Tensor y) {
    String operation = "embeddingForward";
    expectLength(operation, tokens.length, y);
    check(
        CudaNative.ssm_cuda_embedding_forward(
            context, tokens, matrix(operation, table), matrix(operation, y)));
  }

  @Override
  public void embeddingBackward(int[] tokens, Tensor dy, Tensor dTable) {
    String operation = "embeddingBackward";
    expectLength(operation, tokens.length, dy);
    check(
        CudaNative.ssm_cuda_embedding_backward(
            context, tokens, matrix(operation, dy), matrix(operation, dTable)));
  }

  @Override
  public void selectiveScanForward(SelectiveScan scan) {
    String operation = "selectiveScanForward";
    check(
        CudaNative.ssm_cuda_selective_scan_forward(
            context,
            scan.segments().batch(),
            scan.segments().offsets(),
            matrices(
                operation,
                scan.u(),
                scan.deltaRaw(),
                scan.deltaBias(),
                scan.a(),
                scan.b(),
                scan.c(),
                scan.skip(),
                scan.gate(),
                scan.initial(),
                scan.y(),
                scan.last())));
  }

  @Override
  public void selectiveScanBackward(SelectiveScan scan, SelectiveScan.Gradients gradients) {
    String operation = "selectiveScanBackward";
    check(
        CudaNative.ssm_cuda_selective_scan_backward(
            context,
            scan.segments().batch(),
            scan.segments().offsets(),
            matrices(
                operation,
                scan.u(),
                scan.deltaRaw(),
                scan.deltaBias(),
                scan.a(),
                scan.b(),
                scan.c(),
                scan.skip(),
                scan.gate(),
                scan.initial(),
                scan.y(),
                scan.last()),
            matrices(
                operation,
                gradients.dy(),
                gradients.dLast(),
                gradients.du(),
                gradients.dDeltaRaw(),
                gradients.dDeltaBias(),
                gradients.dA(),
                gradients.db(),
                gradients.dc(),
                gradients.dSkip(),
                gradients.dGate(),
                gradients.dInitial())));
  }

  @Override
  public void linearCdeForward(LinearCdeSolve solve) {
    if (solve.solver() == CdeSolver.EXPONENTIAL) {
      ExponentialLinearCde.forward(this, solve);
      return;
    }
    String operation = "linearCdeForward";
    check(
        CudaNative.ssm_cuda_linear_cde_forward(
            context,
            code(solve.solver()),
            solve.segments().batch(),
            solve.segments().offsets(),
            linearCde(operation, solve)));
  }

  @Override
  public void linearCdeBackward(LinearCdeSolve solve, LinearCdeSolve.Gradients gradients) {
    if (solve.solver() == CdeSolver.EXPONENTIAL) {
      ExponentialLinearCde.backward(this, solve, gradients);
      return;
    }
    String operation = "linearCdeBackward";
    check(
        CudaNative.ssm_cuda_linear_cde_backward(
            context,
            code(solve.solver()),
            solve.segments().batch(),
            solve.segments().offsets(),
            linearCde(operation, solve),
            matrices(
                operation,
                gradients.dy(),
                gradients.dLast(),
                gradients.dDOmega(),
                gradients.dA(),
                gradients.dDXi(),
                gradients.dDrive(),
                gradients.dInitial())));
  }

  private long[] linearCde(String operation, LinearCdeSolve solve) {
    return matrices(
        operation,
        solve.dOmega(),
        solve.a(),
        solve.dXi(),
        solve.drive(),
        solve.initial(),
        solve.y(),
        solve.last());
  }

  @Override
  public void diagonalScanForward(DiagonalScan scan) {
    String operation = "diagonalScanForward";
    check(
        CudaNative.ssm_cuda_diagonal_scan_forward(
            context,
            scan.segments().batch(),
            scan.segments().offsets(),
            scan.complex() ? 1 : 0,
            scan.constant() ? 1 : 0,
            matrices(
                operation,
                scan.a(),
                scan.b(),
                scan.gain(),
                scan.initial(),
                scan.h(),
                scan.last())));
  }

  @Override
  public void diagonalScanBackward(DiagonalScan scan, DiagonalScan.Gradients gradients) {
    String operation = "diagonalScanBackward";
    check(
        CudaNative.ssm_cuda_diagonal_scan_backward(
            context,
            scan.segments().batch(),
            scan.segments().offsets(),
            scan.complex() ? 1 : 0,
            scan.constant() ? 1 : 0,
            matrices(
                operation, scan.a(), scan.b(), scan.gain(), scan.initial(), scan.h(), scan.last()),
            matrices(
                operation,
                gradients.dh(),
                gradients.dLast(),
                gradients.dA(),
                gradients.db(),
                gradients.dGain(),
                gradients.dInitial())));
  }

  @Override
  public void s4dScanForward(S4dScan scan) {
    String operation = "s4dScanForward";
    check(
        CudaNative.ssm_cuda_s4d_scan_forward(
            context,
            scan.segments().batch(),
            scan.segments().offsets(),
            matrices(
                operation,
                scan.u(),
                scan.aBar(),
                scan.bBar(),
                scan.c(),
                scan.skip(),
                scan.initial(),
                scan.y(),
                scan.last())));
  }

  @Override
  public void s4dScanBackward(S4dScan scan, S4dScan.Gradients gradients) {
    String operation = "s4dScanBackward";
    check(
        CudaNative.ssm_cuda_s4d_scan_backward(
            context,
            scan.segments().batch(),
            scan.segments().offsets(),
            matrices(
                operation,
                scan.u(),
                scan.aBar(),
                scan.bBar(),
                scan.c(),
                scan.skip(),
                scan.initial(),
                scan.y(),
                scan.last()),
            matrices(
                operation,
                gradients.dy(),
                gradients.dLast(),
                gradients.du(),
                gradients.dABar(),
                gradients.dBBar(),
                gradients.dC(),
                gradients.dSkip(),
                gradients.dInitial())));
  }

  @Override
  public void discretizeForward(
      Discretization rule, Tensor logStep, Tensor a, Tensor aBar, Tensor bBar) {
    String operation = "discretizeForward";
    check(
        CudaNative.ssm_cuda_discretize_forward(
            context,
            code(rule),
            matrix(operation, logStep),
            matrix(operation, a),
            matrix(operation, aBar),
            matrix(operation, bBar)));
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
    check(
        CudaNative.ssm_cuda_discretize_backward(
            context,
            code(rule),
            matrix(operation, logStep),
            matrix(operation, a),
            matrix(operation, dABar),
            matrix(operation, dBBar),
            matrix(operation, dLogStep),
            matrix(operation, dA)));
  }

  @Override
  public void gatedLinearAttentionForward(GatedLinearAttention scan) {
    String operation = "gatedLinearAttentionForward";
    check(
        CudaNative.ssm_cuda_gated_linear_attention_forward(
            context,
            scan.segments().batch(),
            scan.segments().offsets(),
            scan.heads(),
            matrices(
                operation,
                scan.q(),
                scan.k(),
                scan.v(),
                scan.logAlpha(),
                scan.phase(),
                scan.initial(),
                scan.o(),
                scan.last())));
  }

  @Override
  public void gatedLinearAttentionBackward(
      GatedLinearAttention scan, GatedLinearAttention.Gradients gradients) {
    String operation = "gatedLinearAttentionBackward";
    check(
        CudaNative.ssm_cuda_gated_linear_attention_backward(
            context,
            scan.segments().batch(),
            scan.segments().offsets(),
            scan.heads(),
            matrices(
                operation,
                scan.q(),
                scan.k(),
                scan.v(),
                scan.logAlpha(),
                scan.phase(),
                scan.initial(),
                scan.o(),
                scan.last()),
            matrices(
                operation,
                gradients.dO(),
                gradients.dLast(),
                gradients.dq(),
                gradients.dk(),
                gradients.dv(),
                gradients.dLogAlpha(),
                gradients.dPhase(),
                gradients.dInitial())));
  }

  @Override
  public void deltaRuleForward(DeltaRule rule) {
    String operation = "deltaRuleForward";
    check(
        CudaNative.ssm_cuda_delta_rule_forward(
            context,
            rule.segments().batch(),
            rule.segments().offsets(),
            rule.heads(),
            rule.updates(),
            matrices(
                operation,
                rule.q(),
                rule.k(),
                rule.v(),
                rule.beta(),
                rule.logAlpha(),
                rule.initial(),
                rule.o(),
                rule.last())));
  }

  @Override
  public void deltaRuleBackward(DeltaRule rule, DeltaRule.Gradients gradients) {
    String operation = "deltaRuleBackward";
    check(
        CudaNative.ssm_cuda_delta_rule_backward(
            context,
            rule.segments().batch(),
            rule.segments().offsets(),
            rule.heads(),
            rule.updates(),
            matrices(
                operation,
                rule.q(),
                rule.k(),
                rule.v(),
                rule.beta(),
                rule.logAlpha(),
                rule.initial(),
                rule.o(),
                rule.last()),
            matrices(
                operation,
                gradients.dO(),
                gradients.dLast(),
                gradients.dq(),
                gradients.dk(),
                gradients.dv(),
                gradients.dBeta(),
                gradients.dLogAlpha(),
                gradients.dInitial())));
  }

  @Override
  public void structuredCdeForward(StructuredCdeSolve solve) {
    String operation = "structuredCdeForward";
    check(
        CudaNative.ssm_cuda_structured_cde_forward(
            context,
            code(solve.solver()),
            code(solve.structure().kind()),
            solve.structure().states(),
            solve.structure().size(),
            solve.structure().rowBegin(),
            solve.structure().columns(),
            solve.segments().batch(),
            solve.segments().offsets(),
            matrices(
                operation,
                solve.dOmega(),
                solve.coefficients(),
                solve.force(),
                solve.initial(),
                solve.y(),
                solve.last())));
  }

  @Override
  public void structuredCdeBackward(
      StructuredCdeSolve solve, StructuredCdeSolve.Gradients gradients) {
    String operation = "structuredCdeBackward";
    check(
        CudaNative.ssm_cuda_structured_cde_backward(
            context,
            code(solve.solver()),
            code(solve.structure().kind()),
            solve.structure().states(),
            solve.structure().size(),
            solve.structure().rowBegin(),
            solve.structure().columns(),
            solve.segments().batch(),
            solve.segments().offsets(),
            matrices(
                operation,
                solve.dOmega(),
                solve.coefficients(),
                solve.force(),
                solve.initial(),
                solve.y(),
                solve.last()),
            matrices(
                operation,
                gradients.dy(),
                gradients.dLast(),
                gradients.dDOmega(),
                gradients.dCoefficients(),
                gradients.dForce(),
                gradients.dInitial())));
  }

  @Override
  public void recurrentScanForward(RecurrentScan scan) {
    String operation = "recurrentScanForward";
    check(
        CudaNative.ssm_cuda_recurrent_scan_forward(
            context,
            code(scan.cell()),
            scan.segments().batch(),
            scan.segments().offsets(),
            matrices(
                operation,
                scan.p(),
                scan.weight(),
                scan.initial(),
                scan.h(),
                scan.saved(),
                scan.last())));
  }

  @Override
  public void recurrentScanBackward(RecurrentScan scan, RecurrentScan.Gradients gradients) {
    String operation = "recurrentScanBackward";
    check(
        CudaNative.ssm_cuda_recurrent_scan_backward(
            context,
            code(scan.cell()),
            scan.segments().batch(),
            scan.segments().offsets(),
            matrices(
                operation,
                scan.p(),
                scan.weight(),
                scan.initial(),
                scan.h(),
                scan.saved(),
                scan.last()),
            matrices(
                operation,
                gradients.dh(),
                gradients.dLast(),
                gradients.dp(),
                gradients.dWeight(),
                gradients.dInitial())));
  }

  @Override
  public void causalAttentionForward(CausalAttention attention) {
    String operation = "causalAttentionForward";
    check(
        CudaNative.ssm_cuda_causal_attention_forward(
            context,
            attention.segments().batch(),
            attention.segments().offsets(),
            attention.keySegments().offsets(),
            attention.heads(),
            matrices(
                operation,
                attention.q(),
                attention.k(),
                attention.v(),
                attention.o(),
                attention.logSums())));
  }

  @Override
  public void causalAttentionBackward(
      CausalAttention attention, CausalAttention.Gradients gradients) {
    String operation = "causalAttentionBackward";
    check(
        CudaNative.ssm_cuda_causal_attention_backward(
            context,
            attention.segments().batch(),
            attention.segments().offsets(),
            attention.keySegments().offsets(),
            attention.heads(),
            matrices(
                operation,
                attention.q(),
                attention.k(),
                attention.v(),
                attention.o(),
                attention.logSums()),
            matrices(operation, gradients.dO(), gradients.dq(), gradients.dk(), gradients.dv())));
  }

  // ---------------------------------------------------------------- losses and optimizer

  @Override
  public double squaredError(
      Tensor prediction, Tensor target, float[] weights, Tensor dPrediction) {
    String operation = "squaredError";
    expectLength(operation, weights.length, prediction);
    double[] sum = new double[1];
    check(
        CudaNative.ssm_cuda_squared_error(
            context,
            matrix(operation, prediction),
            matrix(operation, target),
            weights,
            matrix(operation, dPrediction),
            sum));
    return sum[0];
  }

  @Override
  public double softmaxCrossEntropy(Tensor logits, int[] targets, float[] weights, Tensor dLogits) {
    String operation = "softmaxCrossEntropy";
    expectLength(operation, targets.length, logits);
    expectLength(operation, weights.length, logits);
    double[] sum = new double[1];
    check(
        CudaNative.ssm_cuda_softmax_cross_entropy(
            context, matrix(operation, logits), targets, weights, matrix(operation, dLogits), sum));
    return sum[0];
  }

  @Override
  public void adamStep(
      AdamStep settings, long step, Tensor parameters, Tensor gradient, Tensor m, Tensor v) {
    String operation = "adamStep";
    check(
        CudaNative.ssm_cuda_adam_step(
            context,
            settings.learningRate(),
            settings.beta1(),
            settings.beta2(),
            settings.epsilon(),
            settings.weightDecay(),
            settings.decoupled() ? 1 : 0,
            step,
            matrix(operation, parameters),
            matrix(operation, gradient),
            matrix(operation, m),
            matrix(operation, v)));
  }

  @Override
  public double sumOfSquares(Tensor x) {
    double[] sum = new double[1];
    check(CudaNative.ssm_cuda_sum_of_squares(context, matrix("sumOfSquares", x), sum));
    return sum[0];
  }

  // ---------------------------------------------------------------- operands

  private void requireOpen(String operation) {
    if (context == 0) {
      throw new IllegalStateException(operation + ": these kernels are closed");
    }
  }

  private long[] matrix(String operation, Tensor tensor) {
    return matrices(operation, tensor);
  }

  /** Tensors, null ones among them, as the library takes them. */
  private long[] matrices(String operation, Tensor... tensors) {
    requireOpen(operation);
    long[] numbers = new long[4 * tensors.length];
    for (int i = 0; i < tensors.length; i++) {
      if (tensors[i] == null) {
        continue;
      }
      if (!(tensors[i] instanceof CudaTensor tensor && tensor.owner() == this)) {
        throw new IllegalArgumentException(
            operation + ": " + tensors[i] + " does not belong to these CUDA kernels");
      }
      numbers[4 * i] = tensor.address();
      numbers[4 * i + 1] = tensor.rows();
      numbers[4 * i + 2] = tensor.columns();
      numbers[4 * i + 3] = tensor.stride();
    }
    return numbers;
  }

  private static void expectLength(String operation, int length, Tensor tensor) {
    if (length != tensor.rows()) {
      throw new IllegalArgumentException(
          operation + ": " + tensor + " does not fit: an array of " + length + " for its rows");
    }
  }

  private static void check(int status) {
    if (status == 0) {
      return;
    }
    String sentence = CudaNative.ssm_cuda_error().getString();
    throw status == 1 ? new IllegalArgumentException(sentence) : new DeviceFailure(sentence);
  }

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

  private static int code(CdeSolver solver) {
    return switch (solver) {
      case EULER -> 0;
      case RK4 -> 1;
      case EXPONENTIAL -> 2;
    };
  }

  private static int code(Discretization rule) {
    return switch (rule) {
      case ZERO_ORDER_HOLD -> 0;
      case BILINEAR -> 1;
    };
  }

  private static int code(TransitionStructure.Kind kind) {
    return switch (kind) {
      case BLOCK_DIAGONAL -> 0;
      case DIAGONAL_PLUS_LOW_RANK -> 1;
      case WALSH_HADAMARD -> 2;
      case SPARSE -> 3;
    };
  }

  private static int code(RecurrentCell cell) {
    return switch (cell) {
      case TANH -> 0;
      case LSTM -> 1;
    };
  }
}
