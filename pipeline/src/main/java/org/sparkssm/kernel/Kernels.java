package org.sparkssm.kernel;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;

/**
 * Every numeric operation a model is made of, on one device. Layers call these and nothing else, so
 * that one layer runs on the reference, host and CUDA kernels alike.
 *
 * <p>Conventions
 *
 * <ul>
 *   <li>Symbols are those of the project: B sequences, D width, N state, W control channels, T rows
 *       of a packed batch (see {@link Segments}). A tensor argument's shape is given in brackets; a
 *       row stride is allowed where not said otherwise.
 *   <li>Outputs are overwritten and must not overlap inputs unless said otherwise. Gradients of
 *       parameters ({@code dWeight}, {@code dBias}, {@code dA}, ...) are <em>added to</em>;
 *       gradients of activations are overwritten.
 *   <li>"nullable" arguments may be null: an absent input is zero (an absent gate: no gate), an
 *       absent output is not computed.
 *   <li>The same call on the same numbers gives the same bits, on any thread.
 *   <li>An instance belongs to one thread at a time. Wrong shapes throw {@link
 *       IllegalArgumentException}.
 * </ul>
 */
public interface Kernels extends AutoCloseable {

  /**
   * What runs here, for logs and fingerprints: for example {@code host x86-64-v4, OpenBLAS
   * SkylakeX}.
   */
  String description();

  // ---------------------------------------------------------------- memory

  /**
   * A dense tensor of zeros; it lives until the innermost open {@link #scope} ends, or else until
   * these kernels close.
   */
  Tensor zeros(int rows, int columns);

  /** Like {@link #zeros} but with undefined content. */
  Tensor allocate(int rows, int columns);

  /**
   * Runs {@code work} and then releases every tensor that was made in it. Scopes nest. The result
   * must not be, or hold, a tensor made inside.
   */
  <R> R scope(Supplier<R> work);

  /**
   * Copies {@code source}, dense and row-major, into the tensor, rounding if it is of single
   * precision.
   */
  void write(Tensor target, double[] source);

  /** Copies {@code source[offset ...]}, dense and row-major, into the tensor. */
  void write(Tensor target, float[] source, int offset);

  /**
   * Tensors of an upload's matrices, in their order; they live as those of {@link #allocate}. A
   * device with memory of its own takes matrices and arrays in one transfer, and until the
   * innermost open {@link #scope} ends, operations that are given an array of the same content find
   * it there; others are given theirs one by one.
   */
  default List<Tensor> upload(Upload upload) {
    List<Tensor> tensors = new ArrayList<>();
    for (Upload.Matrix matrix : upload.matrices()) {
      Tensor tensor = allocate(matrix.rows(), matrix.columns());
      write(tensor, matrix.values());
      tensors.add(tensor);
    }
    return tensors;
  }

  /** The content, dense and row-major. */
  double[] toDoubles(Tensor source);

  /** Copies the content, dense and row-major, to {@code target[offset ...]}. */
  void read(Tensor source, float[] target, int offset);

  @Override
  void close();

  // ---------------------------------------------------------------- dense algebra and element-wise
  // operations

  /** {@code c = alpha op(a) op(b) + beta c} with {@code op} the transpose where asked for. */
  void gemm(
      boolean transposeA,
      boolean transposeB,
      double alpha,
      Tensor a,
      Tensor b,
      double beta,
      Tensor c);

  /** {@code target = source}. */
  void copy(Tensor source, Tensor target);

  /** {@code target = value} everywhere. */
  void fill(Tensor target, double value);

  /** {@code y = alpha x + y}; x and y of the same shape. */
  void addScaled(double alpha, Tensor x, Tensor y);

  /** {@code x[r, :] += bias}; bias [1, columns]. */
  void addRow(Tensor bias, Tensor x);

  /** {@code dBias += sum over rows of dy}; dBias [1, columns]. */
  void sumRows(Tensor dy, Tensor dBias);

  /** {@code y = activation(x)}; y may be x. */
  void activationForward(Activation activation, Tensor x, Tensor y);

  /** {@code dx = dy activation'(x)}; dx may be dy. */
  void activationBackward(Activation activation, Tensor x, Tensor dy, Tensor dx);

  /** Gated linear unit: {@code y = x[:, :D] sigmoid(x[:, D:])}; x [T, 2D], y [T, D]. */
  void gluForward(Tensor x, Tensor y);

  /** Backward of {@link #gluForward}; dx [T, 2D]. */
  void gluBackward(Tensor x, Tensor dy, Tensor dx);

  /** {@code z = x y} element by element; z may be x or y. */
  void multiply(Tensor x, Tensor y, Tensor z);

  /** {@code y[r, c] += gain[c] x[r, c]}; gain [1, columns]. */
  void addScaledColumns(Tensor gain, Tensor x, Tensor y);

  /** {@code sums[c] += sum_r x[r, c] y[r, c]}; sums [1, columns]. */
  void sumProducts(Tensor x, Tensor y, Tensor sums);

  /** {@code y = -exp(x)}, the usual parametrization of a negative transition. */
  void negativeExpForward(Tensor x, Tensor y);

  /** {@code dx += dy y} for {@code y = -exp(x)}. */
  void negativeExpBackward(Tensor y, Tensor dy, Tensor dx);

  /**
   * Step sizes stretched by the duration of a row: {@code softplus(y) = duration softplus(x +
   * bias)}.
   *
   * @param x [T, D]
   * @param bias [1, D]
   * @param durations [T, 1], above 0
   * @param y [T, D]
   */
  void stretchedStepForward(Tensor x, Tensor bias, Tensor durations, Tensor y);

  /** Backward of {@link #stretchedStepForward} with respect to x; dx may be dy. */
  void stretchedStepBackward(Tensor x, Tensor bias, Tensor durations, Tensor dy, Tensor dx);

  /**
   * Inverted dropout: {@code x[r, c] = 0} with probability {@code rate}, else {@code x / (1 -
   * rate)}; in place. Element (r, c) is decided by a hash of {@code (keys[r], c)} alone ({@link
   * DropoutHash}), so it does not depend on threads, devices or the batch's composition. The same
   * call applied to a gradient is the backward.
   *
   * @param keys one per row, for example from seed, step, sequence id and position
   */
  void dropout(double rate, long[] keys, Tensor x);

  // ---------------------------------------------------------------- norms

  /**
   * {@code y = x / sqrt(mean(x^2) + epsilon) gamma} over the columns.
   *
   * @param inverse [T, 1], out: {@code 1 / sqrt(...)} for the backward
   */
  void rmsNormForward(Tensor x, Tensor gamma, double epsilon, Tensor y, Tensor inverse);

  void rmsNormBackward(Tensor x, Tensor gamma, Tensor inverse, Tensor dy, Tensor dx, Tensor dGamma);

  /**
   * {@code y = (x - mean) / sqrt(var + epsilon) gamma + beta} over the columns, biased variance.
   *
   * @param statistics [T, 2], out: mean and {@code 1 / sqrt(...)} for the backward
   */
  void layerNormForward(
      Tensor x, Tensor gamma, Tensor beta, double epsilon, Tensor y, Tensor statistics);

  void layerNormBackward(
      Tensor x, Tensor gamma, Tensor statistics, Tensor dy, Tensor dx, Tensor dGamma, Tensor dBeta);

  // ---------------------------------------------------------------- sequences

  /**
   * Differences along each sequence: {@code y_l = x_l - x_{l-1}}, and the sequence's first row is
   * {@code x_0} minus its row of {@code before}, or 0 without one.
   *
   * @param before nullable, [B, C]
   */
  void differenceForward(Segments segments, Tensor x, Tensor before, Tensor y);

  /** Backward of {@link #differenceForward} without {@code before}. */
  void differenceBackward(Segments segments, Tensor dy, Tensor dx);

  /**
   * Depthwise causal convolution with optional SiLU: {@code p_{l,c} = bias_c + sum_j weight_{c,j}
   * x_{l-w+1+j,c}} with zeros before each sequence's start, {@code y = silu(p)} or p.
   *
   * @param x [T, D]
   * @param weight [D, w]; the last tap multiplies the current step
   * @param bias nullable, [1, D]
   * @param y [T, D]
   */
  void causalConvolutionForward(
      Segments segments, Tensor x, Tensor weight, Tensor bias, boolean silu, Tensor y);

  void causalConvolutionBackward(
      Segments segments,
      Tensor x,
      Tensor weight,
      Tensor bias,
      boolean silu,
      Tensor dy,
      Tensor dx,
      Tensor dWeight,
      Tensor dBias);

  /** {@code y} = the rows of each sequence in reverse order; its own backward. */
  void reverseRows(Segments segments, Tensor x, Tensor y);

  /** {@code y[b, :]} = the last row of sequence b; zero for an empty one. y [B, D]. */
  void lastRowForward(Segments segments, Tensor x, Tensor y);

  void lastRowBackward(Segments segments, Tensor dy, Tensor dx);

  /** {@code y[b, :]} = the mean of the rows of sequence b; zero for an empty one. y [B, D]. */
  void meanRowForward(Segments segments, Tensor x, Tensor y);

  void meanRowBackward(Segments segments, Tensor dy, Tensor dx);

  /** {@code y[r, :] = table[tokens[r], :]}; table [vocabulary, D], y [T, D]. */
  void embeddingForward(int[] tokens, Tensor table, Tensor y);

  void embeddingBackward(int[] tokens, Tensor dy, Tensor dTable);

  /** Runs the selective scan S6; see {@link SelectiveScan}. */
  void selectiveScanForward(SelectiveScan scan);

  /** Gradients of the selective scan; see {@link SelectiveScan.Gradients}. */
  void selectiveScanBackward(SelectiveScan scan, SelectiveScan.Gradients gradients);

  /** Runs a dense linear controlled differential equation; see {@link LinearCdeSolve}. */
  void linearCdeForward(LinearCdeSolve solve);

  /**
   * Gradients of a dense linear controlled differential equation; see {@link
   * LinearCdeSolve.Gradients}.
   */
  void linearCdeBackward(LinearCdeSolve solve, LinearCdeSolve.Gradients gradients);

  /** Runs an elementwise linear recurrence; see {@link DiagonalScan}. */
  void diagonalScanForward(DiagonalScan scan);

  /** Gradients of an elementwise linear recurrence; see {@link DiagonalScan.Gradients}. */
  void diagonalScanBackward(DiagonalScan scan, DiagonalScan.Gradients gradients);

  /** Runs a time-invariant diagonal state space per channel; see {@link S4dScan}. */
  void s4dScanForward(S4dScan scan);

  /** Gradients of a time-invariant diagonal state space; see {@link S4dScan.Gradients}. */
  void s4dScanBackward(S4dScan scan, S4dScan.Gradients gradients);

  /**
   * Turns diagonal continuous transitions into those of a step {@code exp(logStep)}; see {@link
   * Discretization}. A row of complex numbers holds the N real parts, then the N imaginary parts.
   * Small steps lose no digits to cancellation.
   *
   * @param logStep [R, N], or [R, 1]: the same for a row
   * @param a [R, 2 N]
   * @param aBar [R, 2 N], out
   * @param bBar [R, 2 N], out
   */
  void discretizeForward(Discretization rule, Tensor logStep, Tensor a, Tensor aBar, Tensor bBar);

  /** Backward of {@link #discretizeForward}; dLogStep and dA are added to. */
  void discretizeBackward(
      Discretization rule,
      Tensor logStep,
      Tensor a,
      Tensor dABar,
      Tensor dBBar,
      Tensor dLogStep,
      Tensor dA);

  /** Runs gated linear attention; see {@link GatedLinearAttention}. */
  void gatedLinearAttentionForward(GatedLinearAttention scan);

  /** Gradients of gated linear attention; see {@link GatedLinearAttention.Gradients}. */
  void gatedLinearAttentionBackward(
      GatedLinearAttention scan, GatedLinearAttention.Gradients gradients);

  /** Runs the delta rule; see {@link DeltaRule}. */
  void deltaRuleForward(DeltaRule rule);

  /** Gradients of the delta rule; see {@link DeltaRule.Gradients}. */
  void deltaRuleBackward(DeltaRule rule, DeltaRule.Gradients gradients);

  /**
   * Runs a linear controlled differential equation with a structured transition; see {@link
   * StructuredCdeSolve}.
   */
  void structuredCdeForward(StructuredCdeSolve solve);

  /** Gradients of a structured one; see {@link StructuredCdeSolve.Gradients}. */
  void structuredCdeBackward(StructuredCdeSolve solve, StructuredCdeSolve.Gradients gradients);

  /** Runs a tanh recurrence or an LSTM; see {@link RecurrentScan}. */
  void recurrentScanForward(RecurrentScan scan);

  /** Gradients of a tanh recurrence or an LSTM; see {@link RecurrentScan.Gradients}. */
  void recurrentScanBackward(RecurrentScan scan, RecurrentScan.Gradients gradients);

  /** Runs causal softmax attention; see {@link CausalAttention}. */
  void causalAttentionForward(CausalAttention attention);

  /** Gradients of causal softmax attention; see {@link CausalAttention.Gradients}. */
  void causalAttentionBackward(CausalAttention attention, CausalAttention.Gradients gradients);

  /**
   * Rotary position embedding (Su et al. 2021, arXiv 2104.09864): in every group of 2 P columns,
   * {@code (y_c, y_{c+P}) = } the pair {@code (x_c, x_{c+P})} turned by the angle of its row's
   * position.
   *
   * @param positions one per row of x
   * @param angles [positions, 2 P]: cosines, then sines
   * @param inverse whether to turn back, which is the backward
   * @param x [T, a multiple of 2 P]
   * @param y as x; may be x
   */
  void rotate(int[] positions, Tensor angles, boolean inverse, Tensor x, Tensor y);

  // ---------------------------------------------------------------- losses and optimizer

  /**
   * Weighted sum of squared errors: {@code sum_r weight_r sum_c (prediction - target)^2}.
   *
   * @param prediction [R, C]
   * @param target [R, C]
   * @param weights one per row
   * @param dPrediction nullable, [R, C], out: gradient of the sum
   * @return the sum, accumulated in double precision in row order
   */
  Total squaredError(Tensor prediction, Tensor target, float[] weights, Tensor dPrediction);

  /**
   * Weighted sum of {@code -log softmax(logits)[target]} over rows.
   *
   * @param logits [R, classes]
   * @param targets one class per row; rows of weight 0 are not looked at
   * @param weights one per row
   * @param dLogits nullable, [R, classes], out: gradient of the sum
   * @return the sum, accumulated in double precision in row order
   */
  Total softmaxCrossEntropy(Tensor logits, int[] targets, float[] weights, Tensor dLogits);

  /**
   * One step of Adam (Kingma and Ba 2015), or of AdamW (Loshchilov and Hutter 2019) where {@code
   * decoupled}.
   *
   * @param parameters [1, n], in and out
   * @param gradient [1, n]
   * @param m [1, n], first moment, in and out
   * @param v [1, n], second moment, in and out
   * @param step counted from 1
   */
  void adamStep(
      AdamStep settings, long step, Tensor parameters, Tensor gradient, Tensor m, Tensor v);

  /**
   * Settings of an Adam step.
   *
   * @param decoupled true: AdamW; false: weight decay is added to the gradient
   */
  record AdamStep(
      double learningRate,
      double beta1,
      double beta2,
      double epsilon,
      double weightDecay,
      boolean decoupled) {}

  /**
   * The sum of squares, accumulated in double precision in an order that depends on the shape
   * alone; NaN or infinite if an element is.
   */
  Total sumOfSquares(Tensor x);
}
