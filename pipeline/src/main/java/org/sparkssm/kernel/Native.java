package org.sparkssm.kernel;

import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.annotation.Cast;
import org.bytedeco.javacpp.annotation.Const;
import org.bytedeco.javacpp.annotation.CriticalRegion;
import org.bytedeco.javacpp.annotation.Name;
import org.bytedeco.javacpp.annotation.NoException;
import org.bytedeco.javacpp.annotation.Platform;

/**
 * The C functions of {@code include/ssm.h}, one method each; the only class with native methods.
 *
 * <p>Call {@link NativeLibrary#requireLoaded()} first. Statuses become exceptions by {@link
 * NativeLibrary#check(int, String)}.
 */
@Platform(include = "ssm.h")
@NoException
public final class Native {
  private Native() {}

  /** The version of the C ABI in the loaded library. */
  public static native int ssm_abi_version();

  /** The instruction set in use, for example {@code x86-64-v4}. */
  public static native @Cast("const char*") BytePointer ssm_target_name();

  /** The kernels that the loaded OpenBLAS uses, for example {@code SkylakeX}. */
  public static native @Cast("const char*") BytePointer ssm_blas_core_name();

  /** Selects the instruction set by name, or the best one by {@code auto}. */
  public static native int ssm_target_select(@Cast("const char*") BytePointer name);

  /** Signatures of packed sequences; the arrays are copied to and from native memory. */
  public static native int ssm_signature_forward_f32(
      @Const float[] values,
      @Cast("const int64_t*") long[] begin,
      @Cast("const int64_t*") long[] end,
      long batch,
      int channels,
      int depth,
      float[] out);

  /** Signatures of packed sequences in double; the arrays are copied to and from native memory. */
  public static native int ssm_signature_forward_f64(
      @Const double[] values,
      @Cast("const int64_t*") long[] begin,
      @Cast("const int64_t*") long[] end,
      long batch,
      int channels,
      int depth,
      double[] out);

  /** Gradients of signatures with respect to the paths, added to {@code out}. */
  public static native int ssm_signature_backward_f32(
      @Const float[] values,
      @Cast("const int64_t*") long[] begin,
      @Cast("const int64_t*") long[] end,
      long batch,
      int channels,
      int depth,
      @Const float[] signature,
      @Const float[] gradient,
      float[] out);

  /** Log-signatures of packed sequences: at all words (0) or at the Lyndon words (1). */
  public static native int ssm_log_signature_forward_f32(
      @Const float[] values,
      @Cast("const int64_t*") long[] begin,
      @Cast("const int64_t*") long[] end,
      long batch,
      int channels,
      int depth,
      int basis,
      float[] out);

  /** Gradients of log-signatures with respect to the paths, added to {@code out}. */
  public static native int ssm_log_signature_backward_f32(
      @Const float[] values,
      @Cast("const int64_t*") long[] begin,
      @Cast("const int64_t*") long[] end,
      long batch,
      int channels,
      int depth,
      int basis,
      @Const float[] gradient,
      float[] out);

  /** Gradients of signatures with respect to the paths in double, added to {@code out}. */
  public static native int ssm_signature_backward_f64(
      @Const double[] values,
      @Cast("const int64_t*") long[] begin,
      @Cast("const int64_t*") long[] end,
      long batch,
      int channels,
      int depth,
      @Const double[] signature,
      @Const double[] gradient,
      double[] out);

  /** Log-signatures of packed sequences in double: at all words (0) or at the Lyndon words (1). */
  public static native int ssm_log_signature_forward_f64(
      @Const double[] values,
      @Cast("const int64_t*") long[] begin,
      @Cast("const int64_t*") long[] end,
      long batch,
      int channels,
      int depth,
      int basis,
      double[] out);

  /** Gradients of log-signatures with respect to the paths in double, added to {@code out}. */
  public static native int ssm_log_signature_backward_f64(
      @Const double[] values,
      @Cast("const int64_t*") long[] begin,
      @Cast("const int64_t*") long[] end,
      long batch,
      int channels,
      int depth,
      int basis,
      @Const double[] gradient,
      double[] out);

  /** Like {@link #ssm_signature_forward_f32} without copies; holds back the garbage collector. */
  @CriticalRegion
  @Name("ssm_signature_forward_f32")
  public static native int ssm_signature_forward_f32_critical(
      @Const float[] values,
      @Cast("const int64_t*") long[] begin,
      @Cast("const int64_t*") long[] end,
      long batch,
      int channels,
      int depth,
      float[] out);

  /** Like {@link #ssm_signature_forward_f64} without copies; holds back the garbage collector. */
  @CriticalRegion
  @Name("ssm_signature_forward_f64")
  public static native int ssm_signature_forward_f64_critical(
      @Const double[] values,
      @Cast("const int64_t*") long[] begin,
      @Cast("const int64_t*") long[] end,
      long batch,
      int channels,
      int depth,
      double[] out);

  /** Signature kernels of packed paths; the arrays are copied to and from native memory. */
  public static native int ssm_signature_kernel_forward_f32(
      @Const float[] x,
      @Cast("const int64_t*") long[] xBegin,
      @Cast("const int64_t*") long[] xEnd,
      long xBatch,
      @Const float[] y,
      @Cast("const int64_t*") long[] yBegin,
      @Cast("const int64_t*") long[] yEnd,
      long yBatch,
      int pairs,
      int channels,
      int dyadicOrder,
      int staticKernel,
      double sigma,
      float[] out);

  /** Signature kernels of packed paths; the arrays are copied to and from native memory. */
  public static native int ssm_signature_kernel_forward_f64(
      @Const double[] x,
      @Cast("const int64_t*") long[] xBegin,
      @Cast("const int64_t*") long[] xEnd,
      long xBatch,
      @Const double[] y,
      @Cast("const int64_t*") long[] yBegin,
      @Cast("const int64_t*") long[] yEnd,
      long yBatch,
      int pairs,
      int channels,
      int dyadicOrder,
      int staticKernel,
      double sigma,
      double[] out);

  /**
   * Like {@link #ssm_signature_kernel_forward_f64} without copies; holds back the garbage
   * collector.
   */
  @CriticalRegion
  @Name("ssm_signature_kernel_forward_f64")
  public static native int ssm_signature_kernel_forward_f64_critical(
      @Const double[] x,
      @Cast("const int64_t*") long[] xBegin,
      @Cast("const int64_t*") long[] xEnd,
      long xBatch,
      @Const double[] y,
      @Cast("const int64_t*") long[] yBegin,
      @Cast("const int64_t*") long[] yEnd,
      long yBatch,
      int pairs,
      int channels,
      int dyadicOrder,
      int staticKernel,
      double sigma,
      double[] out);

  /** Gradients of signature kernels of packed paths; the arrays are copied, as above. */
  public static native int ssm_signature_kernel_backward_f32(
      @Const float[] x,
      @Cast("const int64_t*") long[] xBegin,
      @Cast("const int64_t*") long[] xEnd,
      long xBatch,
      @Const float[] y,
      @Cast("const int64_t*") long[] yBegin,
      @Cast("const int64_t*") long[] yEnd,
      long yBatch,
      int pairs,
      int channels,
      int dyadicOrder,
      int staticKernel,
      double sigma,
      @Const float[] outGradient,
      float[] xGradient,
      float[] yGradient);

  /** Gradients of signature kernels of packed paths; the arrays are copied, as above. */
  public static native int ssm_signature_kernel_backward_f64(
      @Const double[] x,
      @Cast("const int64_t*") long[] xBegin,
      @Cast("const int64_t*") long[] xEnd,
      long xBatch,
      @Const double[] y,
      @Cast("const int64_t*") long[] yBegin,
      @Cast("const int64_t*") long[] yEnd,
      long yBatch,
      int pairs,
      int channels,
      int dyadicOrder,
      int staticKernel,
      double sigma,
      @Const double[] outGradient,
      double[] xGradient,
      double[] yGradient);

  // Kernels of models, on raw addresses: a null pointer is 0, and nothing checks them but
  // HostKernels.

  static native int ssm_copy_f32(
      long rows,
      long columns,
      @Cast("const float*") long source,
      long sourceStride,
      @Cast("float*") long target,
      long targetStride);

  static native int ssm_fill_f32(
      long rows, long columns, float value, @Cast("float*") long target, long targetStride);

  static native int ssm_add_scaled_f32(
      long rows,
      long columns,
      float alpha,
      @Cast("const float*") long x,
      long xStride,
      @Cast("float*") long y,
      long yStride);

  static native int ssm_add_row_f32(
      long rows,
      long columns,
      @Cast("const float*") long bias,
      @Cast("float*") long x,
      long xStride);

  static native int ssm_sum_rows_f32(
      long rows,
      long columns,
      @Cast("const float*") long x,
      long xStride,
      @Cast("float*") long sum);

  static native int ssm_sum_of_squares_f32(
      long rows, long columns, @Cast("const float*") long x, long xStride, double[] sum);

  static native int ssm_activation_forward_f32(
      int activation,
      long rows,
      long columns,
      @Cast("const float*") long x,
      long xStride,
      @Cast("float*") long y,
      long yStride);

  static native int ssm_activation_backward_f32(
      int activation,
      long rows,
      long columns,
      @Cast("const float*") long x,
      long xStride,
      @Cast("const float*") long dy,
      long dyStride,
      @Cast("float*") long dx,
      long dxStride);

  static native int ssm_glu_forward_f32(
      long rows,
      long columns,
      @Cast("const float*") long x,
      long xStride,
      @Cast("float*") long y,
      long yStride);

  static native int ssm_glu_backward_f32(
      long rows,
      long columns,
      @Cast("const float*") long x,
      long xStride,
      @Cast("const float*") long dy,
      long dyStride,
      @Cast("float*") long dx,
      long dxStride);

  static native int ssm_negative_exp_forward_f32(
      long rows,
      long columns,
      @Cast("const float*") long x,
      long xStride,
      @Cast("float*") long y,
      long yStride);

  static native int ssm_negative_exp_backward_f32(
      long rows,
      long columns,
      @Cast("const float*") long y,
      long yStride,
      @Cast("const float*") long dy,
      long dyStride,
      @Cast("float*") long dx,
      long dxStride);

  static native int ssm_dropout_f32(
      long rows,
      long columns,
      int threshold,
      float scale,
      @Cast("const int64_t*") long[] keys,
      @Cast("float*") long x,
      long xStride);

  static native int ssm_rms_norm_forward_f32(
      long rows,
      long columns,
      @Cast("const float*") long x,
      long xStride,
      @Cast("const float*") long gamma,
      double epsilon,
      @Cast("float*") long y,
      long yStride,
      @Cast("float*") long inverse,
      long inverseStride);

  static native int ssm_rms_norm_backward_f32(
      long rows,
      long columns,
      @Cast("const float*") long x,
      long xStride,
      @Cast("const float*") long gamma,
      @Cast("const float*") long inverse,
      long inverseStride,
      @Cast("const float*") long dy,
      long dyStride,
      @Cast("float*") long dx,
      long dxStride,
      @Cast("float*") long dgamma);

  static native int ssm_layer_norm_forward_f32(
      long rows,
      long columns,
      @Cast("const float*") long x,
      long xStride,
      @Cast("const float*") long gamma,
      @Cast("const float*") long beta,
      double epsilon,
      @Cast("float*") long y,
      long yStride,
      @Cast("float*") long statistics,
      long statisticsStride);

  static native int ssm_layer_norm_backward_f32(
      long rows,
      long columns,
      @Cast("const float*") long x,
      long xStride,
      @Cast("const float*") long gamma,
      @Cast("const float*") long statistics,
      long statisticsStride,
      @Cast("const float*") long dy,
      long dyStride,
      @Cast("float*") long dx,
      long dxStride,
      @Cast("float*") long dgamma,
      @Cast("float*") long dbeta);

  static native int ssm_difference_forward_f32(
      long batch,
      int[] offsets,
      long columns,
      @Cast("const float*") long x,
      long xStride,
      @Cast("const float*") long before,
      long beforeStride,
      @Cast("float*") long y,
      long yStride);

  static native int ssm_difference_backward_f32(
      long batch,
      int[] offsets,
      long columns,
      @Cast("const float*") long dy,
      long dyStride,
      @Cast("float*") long dx,
      long dxStride);

  static native int ssm_last_row_forward_f32(
      long batch,
      int[] offsets,
      long columns,
      @Cast("const float*") long x,
      long xStride,
      @Cast("float*") long y,
      long yStride);

  static native int ssm_last_row_backward_f32(
      long batch,
      int[] offsets,
      long columns,
      @Cast("const float*") long dy,
      long dyStride,
      @Cast("float*") long dx,
      long dxStride);

  static native int ssm_mean_row_forward_f32(
      long batch,
      int[] offsets,
      long columns,
      @Cast("const float*") long x,
      long xStride,
      @Cast("float*") long y,
      long yStride);

  static native int ssm_mean_row_backward_f32(
      long batch,
      int[] offsets,
      long columns,
      @Cast("const float*") long dy,
      long dyStride,
      @Cast("float*") long dx,
      long dxStride);

  static native int ssm_causal_convolution_forward_f32(
      long batch,
      int[] offsets,
      long columns,
      long width,
      @Cast("const float*") long x,
      long xStride,
      @Cast("const float*") long weight,
      long weightStride,
      @Cast("const float*") long bias,
      int silu,
      @Cast("float*") long y,
      long yStride);

  static native int ssm_causal_convolution_backward_f32(
      long batch,
      int[] offsets,
      long columns,
      long width,
      @Cast("const float*") long x,
      long xStride,
      @Cast("const float*") long weight,
      long weightStride,
      @Cast("const float*") long bias,
      int silu,
      @Cast("const float*") long dy,
      long dyStride,
      @Cast("float*") long dx,
      long dxStride,
      @Cast("float*") long dweight,
      long dweightStride,
      @Cast("float*") long dbias);

  static native int ssm_embedding_forward_f32(
      long rows,
      long columns,
      long vocabulary,
      int[] tokens,
      @Cast("const float*") long table,
      long tableStride,
      @Cast("float*") long y,
      long yStride);

  static native int ssm_embedding_backward_f32(
      long rows,
      long columns,
      long vocabulary,
      int[] tokens,
      @Cast("const float*") long dy,
      long dyStride,
      @Cast("float*") long dtable,
      long dtableStride);

  static native int ssm_selective_scan_forward_f32(
      long batch,
      int[] offsets,
      long columns,
      long states,
      @Cast("const float*") long u,
      long uStride,
      @Cast("const float*") long deltaRaw,
      long deltaRawStride,
      @Cast("const float*") long deltaBias,
      @Cast("const float*") long a,
      long aStride,
      @Cast("const float*") long b,
      long bStride,
      @Cast("const float*") long c,
      long cStride,
      @Cast("const float*") long skip,
      @Cast("const float*") long gate,
      long gateStride,
      @Cast("const float*") long initial,
      long initialStride,
      @Cast("float*") long y,
      long yStride,
      @Cast("float*") long last,
      long lastStride,
      @Cast("float*") long kept,
      @Cast("float*") long workspace);

  static native int ssm_selective_scan_backward_f32(
      long batch,
      int[] offsets,
      long columns,
      long states,
      @Cast("const float*") long u,
      long uStride,
      @Cast("const float*") long deltaRaw,
      long deltaRawStride,
      @Cast("const float*") long deltaBias,
      @Cast("const float*") long a,
      long aStride,
      @Cast("const float*") long b,
      long bStride,
      @Cast("const float*") long c,
      long cStride,
      @Cast("const float*") long skip,
      @Cast("const float*") long gate,
      long gateStride,
      @Cast("const float*") long initial,
      long initialStride,
      @Cast("const float*") long dy,
      long dyStride,
      @Cast("const float*") long dlast,
      long dlastStride,
      @Cast("float*") long du,
      long duStride,
      @Cast("float*") long ddeltaRaw,
      long ddeltaRawStride,
      @Cast("float*") long ddeltaBias,
      @Cast("float*") long da,
      long daStride,
      @Cast("float*") long db,
      long dbStride,
      @Cast("float*") long dc,
      long dcStride,
      @Cast("float*") long dskip,
      @Cast("float*") long dgate,
      long dgateStride,
      @Cast("float*") long dinitial,
      long dinitialStride,
      @Cast("const float*") long kept,
      @Cast("float*") long workspace);

  static native @Cast("int64_t") long ssm_selective_scan_forward_workspace_f32(long states);

  static native @Cast("int64_t") long ssm_selective_scan_backward_workspace_f32(
      long states, long longest);

  static native int ssm_linear_cde_forward_f32(
      int solver,
      long batch,
      int[] offsets,
      long controls,
      long states,
      long drives,
      @Cast("const float*") long domega,
      long domegaStride,
      @Cast("const float*") long a,
      @Cast("const float*") long dxi,
      long dxiStride,
      @Cast("const float*") long drive,
      long driveStride,
      @Cast("const float*") long initial,
      long initialStride,
      @Cast("float*") long y,
      long yStride,
      @Cast("float*") long last,
      long lastStride,
      @Cast("float*") long workspace);

  static native int ssm_linear_cde_backward_f32(
      int solver,
      long batch,
      int[] offsets,
      long controls,
      long states,
      long drives,
      @Cast("const float*") long domega,
      long domegaStride,
      @Cast("const float*") long a,
      @Cast("const float*") long dxi,
      long dxiStride,
      @Cast("const float*") long drive,
      long driveStride,
      @Cast("const float*") long initial,
      long initialStride,
      @Cast("const float*") long y,
      long yStride,
      @Cast("const float*") long dy,
      long dyStride,
      @Cast("const float*") long dlast,
      long dlastStride,
      @Cast("float*") long ddomega,
      long ddomegaStride,
      @Cast("float*") long da,
      @Cast("float*") long ddxi,
      long ddxiStride,
      @Cast("float*") long ddrive,
      long ddriveStride,
      @Cast("float*") long dinitial,
      long dinitialStride,
      @Cast("float*") long workspace);

  static native @Cast("int64_t") long ssm_linear_cde_workspace_f32(
      long batch, long controls, long states, long drives, int backward);

  static native int ssm_squared_error_f32(
      long rows,
      long columns,
      @Cast("const float*") long prediction,
      long predictionStride,
      @Cast("const float*") long target,
      long targetStride,
      float[] weights,
      @Cast("float*") long dprediction,
      long dpredictionStride,
      double[] sum);

  static native int ssm_softmax_cross_entropy_f32(
      long rows,
      long columns,
      @Cast("const float*") long logits,
      long logitsStride,
      int[] targets,
      float[] weights,
      @Cast("float*") long dlogits,
      long dlogitsStride,
      double[] sum);

  static native int ssm_adam_step_f32(
      long n,
      double learningRate,
      double beta1,
      double beta2,
      double epsilon,
      double weightDecay,
      int decoupled,
      long step,
      @Cast("float*") long parameters,
      @Cast("const float*") long gradient,
      @Cast("float*") long m,
      @Cast("float*") long v);

  static native int ssm_multiply_f32(
      long rows,
      long columns,
      @Cast("const float*") long x,
      long xStride,
      @Cast("const float*") long y,
      long yStride,
      @Cast("float*") long z,
      long zStride);

  static native int ssm_add_scaled_columns_f32(
      long rows,
      long columns,
      @Cast("const float*") long gain,
      @Cast("const float*") long x,
      long xStride,
      @Cast("float*") long y,
      long yStride);

  static native int ssm_sum_products_f32(
      long rows,
      long columns,
      @Cast("const float*") long x,
      long xStride,
      @Cast("const float*") long y,
      long yStride,
      @Cast("float*") long sums);

  static native int ssm_diagonal_scan_forward_f32(
      long batch,
      int[] offsets,
      long columns,
      int complex,
      int constant,
      @Cast("const float*") long a,
      long aStride,
      @Cast("const float*") long b,
      long bStride,
      @Cast("const float*") long gain,
      @Cast("const float*") long initial,
      long initialStride,
      @Cast("float*") long h,
      long hStride,
      @Cast("float*") long last,
      long lastStride);

  static native int ssm_diagonal_scan_backward_f32(
      long batch,
      int[] offsets,
      long columns,
      int complex,
      int constant,
      @Cast("const float*") long a,
      long aStride,
      @Cast("const float*") long b,
      long bStride,
      @Cast("const float*") long gain,
      @Cast("const float*") long initial,
      long initialStride,
      @Cast("const float*") long h,
      long hStride,
      @Cast("const float*") long dh,
      long dhStride,
      @Cast("const float*") long dlast,
      long dlastStride,
      @Cast("float*") long da,
      long daStride,
      @Cast("float*") long db,
      long dbStride,
      @Cast("float*") long dgain,
      @Cast("float*") long dinitial,
      long dinitialStride,
      @Cast("float*") long workspace);

  static native int ssm_s4d_scan_forward_f32(
      long batch,
      int[] offsets,
      long columns,
      long states,
      @Cast("const float*") long u,
      long uStride,
      @Cast("const float*") long aBar,
      long aBarStride,
      @Cast("const float*") long bBar,
      long bBarStride,
      @Cast("const float*") long c,
      long cStride,
      @Cast("const float*") long skip,
      @Cast("const float*") long initial,
      long initialStride,
      @Cast("float*") long y,
      long yStride,
      @Cast("float*") long last,
      long lastStride,
      @Cast("float*") long workspace);

  static native int ssm_s4d_scan_backward_f32(
      long batch,
      int[] offsets,
      long columns,
      long states,
      @Cast("const float*") long u,
      long uStride,
      @Cast("const float*") long aBar,
      long aBarStride,
      @Cast("const float*") long bBar,
      long bBarStride,
      @Cast("const float*") long c,
      long cStride,
      @Cast("const float*") long skip,
      @Cast("const float*") long initial,
      long initialStride,
      @Cast("const float*") long dy,
      long dyStride,
      @Cast("const float*") long dlast,
      long dlastStride,
      @Cast("float*") long du,
      long duStride,
      @Cast("float*") long daBar,
      long daBarStride,
      @Cast("float*") long dbBar,
      long dbBarStride,
      @Cast("float*") long dc,
      long dcStride,
      @Cast("float*") long dskip,
      @Cast("float*") long dinitial,
      long dinitialStride,
      @Cast("float*") long workspace);

  static native @Cast("int64_t") long ssm_s4d_scan_workspace_f32(long states, long longest);

  static native int ssm_discretize_forward_f32(
      int rule,
      long rows,
      long states,
      @Cast("const float*") long logStep,
      long logStepStride,
      int perRow,
      @Cast("const float*") long a,
      long aStride,
      @Cast("float*") long aBar,
      long aBarStride,
      @Cast("float*") long bBar,
      long bBarStride);

  static native int ssm_discretize_backward_f32(
      int rule,
      long rows,
      long states,
      @Cast("const float*") long logStep,
      long logStepStride,
      int perRow,
      @Cast("const float*") long a,
      long aStride,
      @Cast("const float*") long daBar,
      long daBarStride,
      @Cast("const float*") long dbBar,
      long dbBarStride,
      @Cast("float*") long dlogStep,
      long dlogStepStride,
      @Cast("float*") long da,
      long daStride);

  static native int ssm_gated_linear_attention_forward_f32(
      long batch,
      int[] offsets,
      long heads,
      long keys,
      long values,
      @Cast("const float*") long q,
      long qStride,
      @Cast("const float*") long k,
      long kStride,
      @Cast("const float*") long v,
      long vStride,
      @Cast("const float*") long logAlpha,
      long logAlphaStride,
      @Cast("const float*") long phase,
      long phaseStride,
      @Cast("const float*") long initial,
      long initialStride,
      @Cast("float*") long o,
      long oStride,
      @Cast("float*") long last,
      long lastStride,
      @Cast("float*") long workspace);

  static native int ssm_gated_linear_attention_backward_f32(
      long batch,
      int[] offsets,
      long heads,
      long keys,
      long values,
      @Cast("const float*") long q,
      long qStride,
      @Cast("const float*") long k,
      long kStride,
      @Cast("const float*") long v,
      long vStride,
      @Cast("const float*") long logAlpha,
      long logAlphaStride,
      @Cast("const float*") long phase,
      long phaseStride,
      @Cast("const float*") long initial,
      long initialStride,
      @Cast("const float*") long dO,
      long dOStride,
      @Cast("const float*") long dlast,
      long dlastStride,
      @Cast("float*") long dq,
      long dqStride,
      @Cast("float*") long dk,
      long dkStride,
      @Cast("float*") long dv,
      long dvStride,
      @Cast("float*") long dlogAlpha,
      long dlogAlphaStride,
      @Cast("float*") long dphase,
      long dphaseStride,
      @Cast("float*") long dinitial,
      long dinitialStride,
      @Cast("float*") long workspace);

  static native @Cast("int64_t") long ssm_gated_linear_attention_forward_workspace_f32(
      long keys, long values, int complex);

  static native @Cast("int64_t") long ssm_gated_linear_attention_backward_workspace_f32(
      long keys, long values, int complex, long longest);

  static native int ssm_delta_rule_forward_f32(
      long batch,
      int[] offsets,
      long heads,
      long keys,
      long values,
      long updates,
      @Cast("const float*") long q,
      long qStride,
      @Cast("const float*") long k,
      long kStride,
      @Cast("const float*") long v,
      long vStride,
      @Cast("const float*") long beta,
      long betaStride,
      @Cast("const float*") long logAlpha,
      long logAlphaStride,
      @Cast("const float*") long initial,
      long initialStride,
      @Cast("float*") long o,
      long oStride,
      @Cast("float*") long last,
      long lastStride,
      @Cast("float*") long workspace);

  static native int ssm_delta_rule_backward_f32(
      long batch,
      int[] offsets,
      long heads,
      long keys,
      long values,
      long updates,
      @Cast("const float*") long q,
      long qStride,
      @Cast("const float*") long k,
      long kStride,
      @Cast("const float*") long v,
      long vStride,
      @Cast("const float*") long beta,
      long betaStride,
      @Cast("const float*") long logAlpha,
      long logAlphaStride,
      @Cast("const float*") long initial,
      long initialStride,
      @Cast("const float*") long dO,
      long dOStride,
      @Cast("const float*") long dlast,
      long dlastStride,
      @Cast("float*") long dq,
      long dqStride,
      @Cast("float*") long dk,
      long dkStride,
      @Cast("float*") long dv,
      long dvStride,
      @Cast("float*") long dbeta,
      long dbetaStride,
      @Cast("float*") long dlogAlpha,
      long dlogAlphaStride,
      @Cast("float*") long dinitial,
      long dinitialStride,
      @Cast("float*") long workspace);

  static native @Cast("int64_t") long ssm_delta_rule_forward_workspace_f32(long keys);

  static native @Cast("int64_t") long ssm_delta_rule_backward_workspace_f32(
      long keys, long values, long updates, long longest);

  static native @Cast("int64_t") long ssm_structured_cde_forward_workspace_f32(
      long states, long size, long coefficients, long controls);

  static native int ssm_structured_cde_forward_f32(
      int solver,
      int structure,
      long batch,
      int[] offsets,
      long controls,
      long states,
      long size,
      long coefficients,
      int[] rowBegin,
      int[] column,
      @Cast("const float*") long domega,
      long domegaStride,
      @Cast("const float*") long theta,
      @Cast("const float*") long force,
      long forceStride,
      @Cast("const float*") long initial,
      long initialStride,
      @Cast("float*") long y,
      long yStride,
      @Cast("float*") long last,
      long lastStride,
      @Cast("float*") long workspace);

  static native @Cast("int64_t") long ssm_structured_cde_backward_workspace_f32(
      long states, long size, long coefficients, long controls);

  static native int ssm_structured_cde_backward_f32(
      int solver,
      int structure,
      long batch,
      int[] offsets,
      long controls,
      long states,
      long size,
      long coefficients,
      int[] rowBegin,
      int[] column,
      @Cast("const float*") long domega,
      long domegaStride,
      @Cast("const float*") long theta,
      @Cast("const float*") long force,
      long forceStride,
      @Cast("const float*") long initial,
      long initialStride,
      @Cast("const float*") long y,
      long yStride,
      @Cast("const float*") long dy,
      long dyStride,
      @Cast("const float*") long dlast,
      long dlastStride,
      @Cast("float*") long ddomega,
      long ddomegaStride,
      @Cast("float*") long dtheta,
      @Cast("float*") long dforce,
      long dforceStride,
      @Cast("float*") long dinitial,
      long dinitialStride,
      @Cast("float*") long workspace);

  static native @Cast("int64_t") long ssm_recurrent_scan_workspace_f32(
      int cell, long batch, long hidden);

  static native int ssm_recurrent_scan_forward_f32(
      int cell,
      long batch,
      int[] offsets,
      long hidden,
      @Cast("const float*") long p,
      long pStride,
      @Cast("const float*") long weight,
      @Cast("const float*") long initial,
      long initialStride,
      @Cast("float*") long h,
      long hStride,
      @Cast("float*") long saved,
      long savedStride,
      @Cast("float*") long last,
      long lastStride,
      @Cast("float*") long workspace);

  static native int ssm_recurrent_scan_backward_f32(
      int cell,
      long batch,
      int[] offsets,
      long hidden,
      @Cast("const float*") long weight,
      @Cast("const float*") long initial,
      long initialStride,
      @Cast("const float*") long h,
      long hStride,
      @Cast("const float*") long saved,
      long savedStride,
      @Cast("const float*") long dh,
      long dhStride,
      @Cast("const float*") long dlast,
      long dlastStride,
      @Cast("float*") long dp,
      long dpStride,
      @Cast("float*") long dinitial,
      long dinitialStride,
      @Cast("float*") long workspace);

  static native @Cast("int64_t") long ssm_causal_attention_workspace_f32(long keys, long values);

  static native int ssm_causal_attention_forward_f32(
      long batch,
      int[] offsets,
      int[] keyOffsets,
      long heads,
      long keys,
      long values,
      @Cast("const float*") long q,
      long qStride,
      @Cast("const float*") long k,
      long kStride,
      @Cast("const float*") long v,
      long vStride,
      @Cast("float*") long o,
      long oStride,
      @Cast("float*") long logSums,
      long logSumsStride,
      @Cast("float*") long workspace);

  static native int ssm_causal_attention_backward_f32(
      long batch,
      int[] offsets,
      int[] keyOffsets,
      long heads,
      long keys,
      long values,
      @Cast("const float*") long q,
      long qStride,
      @Cast("const float*") long k,
      long kStride,
      @Cast("const float*") long v,
      long vStride,
      @Cast("const float*") long o,
      long oStride,
      @Cast("const float*") long logSums,
      long logSumsStride,
      @Cast("const float*") long dO,
      long dOStride,
      @Cast("float*") long dq,
      long dqStride,
      @Cast("float*") long dk,
      long dkStride,
      @Cast("float*") long dv,
      long dvStride,
      @Cast("float*") long workspace);

  static native int ssm_rotate_f32(
      long rows,
      long columns,
      int[] positions,
      long pairs,
      @Cast("const float*") long angles,
      long anglesStride,
      int inverse,
      @Cast("const float*") long x,
      long xStride,
      @Cast("float*") long y,
      long yStride);

  static native int ssm_reverse_rows_f32(
      long batch,
      int[] offsets,
      long columns,
      @Cast("const float*") long x,
      long xStride,
      @Cast("float*") long y,
      long yStride);

  static native int ssm_stretched_step_forward_f32(
      long rows,
      long columns,
      @Cast("const float*") long x,
      long xStride,
      @Cast("const float*") long bias,
      @Cast("const float*") long durations,
      long durationsStride,
      @Cast("float*") long y,
      long yStride);

  static native int ssm_stretched_step_backward_f32(
      long rows,
      long columns,
      @Cast("const float*") long x,
      long xStride,
      @Cast("const float*") long bias,
      @Cast("const float*") long durations,
      long durationsStride,
      @Cast("const float*") long dy,
      long dyStride,
      @Cast("float*") long dx,
      long dxStride);
}
