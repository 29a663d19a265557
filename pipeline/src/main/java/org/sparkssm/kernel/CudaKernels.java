package org.sparkssm.kernel;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.IntUnaryOperator;
import java.util.function.Supplier;
import org.sparkssm.data.InvalidInputException;

/**
 * The operations on an NVIDIA GPU, in single precision. Tensors stay on the GPU; {@link #write} and
 * {@link #read} move numbers through pinned memory. Where the GPU's memory does not suffice, any
 * operation throws an {@link InvalidInputException} with the sizes and the settings that bound
 * them.
 *
 * <p>Instances have a stream and memory of their own, so tasks may share a GPU. Operations are
 * enqueued and run while the thread goes on; reading waits for them. Sums run in an order that
 * depends on the shape alone.
 */
public final class CudaKernels implements Kernels {
  /** As SSM_CUDA_TOTALS. */
  private static final int MOST_TOTALS = 1024;

  private long context;
  private final List<PendingTotal> pending = new ArrayList<>();

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

  @Override
  public List<Tensor> upload(Upload upload) {
    requireOpen("upload");
    return CudaUpload.run(this, upload);
  }

  /** A number that an operation leaves on the GPU, at its index among the pending ones. */
  private final class PendingTotal implements Total {
    private double value;
    private boolean isKnown;

    @Override
    public double value() {
      if (!isKnown) {
        readTotals();
      }
      return value;
    }
  }

  /** The total of an operation that is given its index. */
  Total total(IntUnaryOperator operation) {
    if (pending.size() == MOST_TOTALS) {
      readTotals();
    }
    check(operation.applyAsInt(pending.size()));
    PendingTotal total = new PendingTotal();
    pending.add(total);
    return total;
  }

  private void readTotals() {
    requireOpen("value");
    double[] values = new double[pending.size()];
    check(CudaNative.ssm_cuda_read_totals(context, values.length, values));
    for (int i = 0; i < values.length; i++) {
      pending.get(i).value = values[i];
      pending.get(i).isKnown = true;
    }
    pending.clear();
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

  /** What went between the processor's memory and the GPU since these kernels were opened. */
  public Transfers transfers() {
    requireOpen("transfers");
    long[] counts = new long[4];
    CudaNative.ssm_cuda_transfers(context, counts);
    return new Transfers(counts[0], counts[1], counts[2], counts[3]);
  }

  /** Numbers of transfers in both directions, and their bytes. */
  public record Transfers(long toGpu, long bytesToGpu, long fromGpu, long bytesFromGpu) {
    /** What went since an earlier moment. */
    public Transfers since(Transfers earlier) {
      return new Transfers(
          toGpu - earlier.toGpu,
          bytesToGpu - earlier.bytesToGpu,
          fromGpu - earlier.fromGpu,
          bytesFromGpu - earlier.bytesFromGpu);
    }
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
    CudaElementwise.gemm(this, transposeA, transposeB, alpha, a, b, beta, c);
  }

  @Override
  public void copy(Tensor source, Tensor target) {
    CudaElementwise.copy(this, source, target);
  }

  @Override
  public void fill(Tensor target, double value) {
    CudaElementwise.fill(this, target, value);
  }

  @Override
  public void addScaled(double alpha, Tensor x, Tensor y) {
    CudaElementwise.addScaled(this, alpha, x, y);
  }

  @Override
  public void addRow(Tensor bias, Tensor x) {
    CudaElementwise.addRow(this, bias, x);
  }

  @Override
  public void sumRows(Tensor dy, Tensor dBias) {
    CudaElementwise.sumRows(this, dy, dBias);
  }

  @Override
  public void activationForward(Activation activation, Tensor x, Tensor y) {
    CudaElementwise.activationForward(this, activation, x, y);
  }

  @Override
  public void activationBackward(Activation activation, Tensor x, Tensor dy, Tensor dx) {
    CudaElementwise.activationBackward(this, activation, x, dy, dx);
  }

  @Override
  public void gluForward(Tensor x, Tensor y) {
    CudaElementwise.gluForward(this, x, y);
  }

  @Override
  public void gluBackward(Tensor x, Tensor dy, Tensor dx) {
    CudaElementwise.gluBackward(this, x, dy, dx);
  }

  @Override
  public void multiply(Tensor x, Tensor y, Tensor z) {
    CudaElementwise.multiply(this, x, y, z);
  }

  @Override
  public void addScaledColumns(Tensor gain, Tensor x, Tensor y) {
    CudaElementwise.addScaledColumns(this, gain, x, y);
  }

  @Override
  public void sumProducts(Tensor x, Tensor y, Tensor sums) {
    CudaElementwise.sumProducts(this, x, y, sums);
  }

  @Override
  public void negativeExpForward(Tensor x, Tensor y) {
    CudaElementwise.negativeExpForward(this, x, y);
  }

  @Override
  public void negativeExpBackward(Tensor y, Tensor dy, Tensor dx) {
    CudaElementwise.negativeExpBackward(this, y, dy, dx);
  }

  @Override
  public void stretchedStepForward(Tensor x, Tensor bias, Tensor durations, Tensor y) {
    CudaElementwise.stretchedStepForward(this, x, bias, durations, y);
  }

  @Override
  public void stretchedStepBackward(Tensor x, Tensor bias, Tensor durations, Tensor dy, Tensor dx) {
    CudaElementwise.stretchedStepBackward(this, x, bias, durations, dy, dx);
  }

  @Override
  public void dropout(double rate, long[] keys, Tensor x) {
    CudaElementwise.dropout(this, rate, keys, x);
  }

  @Override
  public void rotate(int[] positions, Tensor angles, boolean inverse, Tensor x, Tensor y) {
    CudaElementwise.rotate(this, positions, angles, inverse, x, y);
  }

  // ---------------------------------------------------------------- norms

  @Override
  public void rmsNormForward(Tensor x, Tensor gamma, double epsilon, Tensor y, Tensor inverse) {
    CudaNorm.rmsNormForward(this, x, gamma, epsilon, y, inverse);
  }

  @Override
  public void rmsNormBackward(
      Tensor x, Tensor gamma, Tensor inverse, Tensor dy, Tensor dx, Tensor dGamma) {
    CudaNorm.rmsNormBackward(this, x, gamma, inverse, dy, dx, dGamma);
  }

  @Override
  public void layerNormForward(
      Tensor x, Tensor gamma, Tensor beta, double epsilon, Tensor y, Tensor statistics) {
    CudaNorm.layerNormForward(this, x, gamma, beta, epsilon, y, statistics);
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
    CudaNorm.layerNormBackward(this, x, gamma, statistics, dy, dx, dGamma, dBeta);
  }

  // ---------------------------------------------------------------- sequences

  @Override
  public void differenceForward(Segments segments, Tensor x, Tensor before, Tensor y) {
    CudaSequences.differenceForward(this, segments, x, before, y);
  }

  @Override
  public void differenceBackward(Segments segments, Tensor dy, Tensor dx) {
    CudaSequences.differenceBackward(this, segments, dy, dx);
  }

  @Override
  public void reverseRows(Segments segments, Tensor x, Tensor y) {
    CudaSequences.reverseRows(this, segments, x, y);
  }

  @Override
  public void lastRowForward(Segments segments, Tensor x, Tensor y) {
    CudaSequences.lastRowForward(this, segments, x, y);
  }

  @Override
  public void lastRowBackward(Segments segments, Tensor dy, Tensor dx) {
    CudaSequences.lastRowBackward(this, segments, dy, dx);
  }

  @Override
  public void meanRowForward(Segments segments, Tensor x, Tensor y) {
    CudaSequences.meanRowForward(this, segments, x, y);
  }

  @Override
  public void meanRowBackward(Segments segments, Tensor dy, Tensor dx) {
    CudaSequences.meanRowBackward(this, segments, dy, dx);
  }

  @Override
  public void causalConvolutionForward(
      Segments segments, Tensor x, Tensor weight, Tensor bias, boolean silu, Tensor y) {
    CudaSequences.causalConvolutionForward(this, segments, x, weight, bias, silu, y);
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
    CudaSequences.causalConvolutionBackward(
        this, segments, x, weight, bias, silu, dy, dx, dWeight, dBias);
  }

  @Override
  public void embeddingForward(int[] tokens, Tensor table, Tensor y) {
    CudaSequences.embeddingForward(this, tokens, table, y);
  }

  @Override
  public void embeddingBackward(int[] tokens, Tensor dy, Tensor dTable) {
    CudaSequences.embeddingBackward(this, tokens, dy, dTable);
  }

  @Override
  public void selectiveScanForward(SelectiveScan scan) {
    CudaScans.selectiveScanForward(this, scan);
  }

  @Override
  public void selectiveScanBackward(SelectiveScan scan, SelectiveScan.Gradients gradients) {
    CudaScans.selectiveScanBackward(this, scan, gradients);
  }

  @Override
  public void linearCdeForward(LinearCdeSolve solve) {
    CudaCde.linearCdeForward(this, solve);
  }

  @Override
  public void linearCdeBackward(LinearCdeSolve solve, LinearCdeSolve.Gradients gradients) {
    CudaCde.linearCdeBackward(this, solve, gradients);
  }

  @Override
  public void diagonalScanForward(DiagonalScan scan) {
    CudaScans.diagonalScanForward(this, scan);
  }

  @Override
  public void diagonalScanBackward(DiagonalScan scan, DiagonalScan.Gradients gradients) {
    CudaScans.diagonalScanBackward(this, scan, gradients);
  }

  @Override
  public void s4dScanForward(S4dScan scan) {
    CudaScans.s4dScanForward(this, scan);
  }

  @Override
  public void s4dScanBackward(S4dScan scan, S4dScan.Gradients gradients) {
    CudaScans.s4dScanBackward(this, scan, gradients);
  }

  @Override
  public void discretizeForward(
      Discretization rule, Tensor logStep, Tensor a, Tensor aBar, Tensor bBar) {
    CudaScans.discretizeForward(this, rule, logStep, a, aBar, bBar);
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
    CudaScans.discretizeBackward(this, rule, logStep, a, dABar, dBBar, dLogStep, dA);
  }

  @Override
  public void gatedLinearAttentionForward(GatedLinearAttention scan) {
    CudaScans.gatedLinearAttentionForward(this, scan);
  }

  @Override
  public void gatedLinearAttentionBackward(
      GatedLinearAttention scan, GatedLinearAttention.Gradients gradients) {
    CudaScans.gatedLinearAttentionBackward(this, scan, gradients);
  }

  @Override
  public void deltaRuleForward(DeltaRule rule) {
    CudaScans.deltaRuleForward(this, rule);
  }

  @Override
  public void deltaRuleBackward(DeltaRule rule, DeltaRule.Gradients gradients) {
    CudaScans.deltaRuleBackward(this, rule, gradients);
  }

  @Override
  public void structuredCdeForward(StructuredCdeSolve solve) {
    CudaCde.structuredCdeForward(this, solve);
  }

  @Override
  public void structuredCdeBackward(
      StructuredCdeSolve solve, StructuredCdeSolve.Gradients gradients) {
    CudaCde.structuredCdeBackward(this, solve, gradients);
  }

  @Override
  public void recurrentScanForward(RecurrentScan scan) {
    CudaBaselines.recurrentScanForward(this, scan);
  }

  @Override
  public void recurrentScanBackward(RecurrentScan scan, RecurrentScan.Gradients gradients) {
    CudaBaselines.recurrentScanBackward(this, scan, gradients);
  }

  @Override
  public void causalAttentionForward(CausalAttention attention) {
    CudaBaselines.causalAttentionForward(this, attention);
  }

  @Override
  public void causalAttentionBackward(
      CausalAttention attention, CausalAttention.Gradients gradients) {
    CudaBaselines.causalAttentionBackward(this, attention, gradients);
  }

  // ---------------------------------------------------------------- losses and optimizer

  @Override
  public Total squaredError(Tensor prediction, Tensor target, float[] weights, Tensor dPrediction) {
    return CudaTraining.squaredError(this, prediction, target, weights, dPrediction);
  }

  @Override
  public Total softmaxCrossEntropy(Tensor logits, int[] targets, float[] weights, Tensor dLogits) {
    return CudaTraining.softmaxCrossEntropy(this, logits, targets, weights, dLogits);
  }

  @Override
  public void adamStep(
      AdamStep settings, long step, Tensor parameters, Tensor gradient, Tensor m, Tensor v) {
    CudaTraining.adamStep(this, settings, step, parameters, gradient, m, v);
  }

  @Override
  public Total sumOfSquares(Tensor x) {
    return CudaTraining.sumOfSquares(this, x);
  }

  // ---------------------------------------------------------------- operands

  long context() {
    return context;
  }

  private void requireOpen(String operation) {
    if (context == 0) {
      throw new IllegalStateException(operation + ": these kernels are closed");
    }
  }

  long[] matrix(String operation, Tensor tensor) {
    return matrices(operation, tensor);
  }

  /** Tensors, null ones among them, as the library takes them. */
  long[] matrices(String operation, Tensor... tensors) {
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

  static void expectLength(String operation, int length, Tensor tensor) {
    if (length != tensor.rows()) {
      throw new IllegalArgumentException(
          operation + ": " + tensor + " does not fit: an array of " + length + " for its rows");
    }
  }

  static void check(int status) {
    if (status == 0) {
      return;
    }
    String sentence = CudaNative.ssm_cuda_error().getString();
    throw switch (status) {
      case 1 -> new IllegalArgumentException(sentence);
      case 2 ->
          new InvalidInputException(sentence); // the settings ask for more memory than there is
      default -> new DeviceFailure(sentence);
    };
  }
}
