package org.sparkssm.kernel;

import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.annotation.Cast;
import org.bytedeco.javacpp.annotation.Const;
import org.bytedeco.javacpp.annotation.NoException;
import org.bytedeco.javacpp.annotation.Platform;

/**
 * The C functions of {@code include/ssm_cuda.h}, one method each, and the only class whose natives
 * are in the CUDA library. A matrix is four numbers (address, rows, columns, stride), all 0 where
 * it is absent; a structure of matrices is those of its members in turn.
 *
 * <p>Call {@link CudaLibrary#requireLoaded()} first.
 */
@Platform(include = "ssm_cuda.h")
@NoException
final class CudaNative {
  private CudaNative() {}

  static native int ssm_cuda_abi_version();

  static native @Cast("const char*") BytePointer ssm_cuda_error();

  static native int ssm_cuda_device_count(@Cast("int32_t*") int[] count);

  static native int ssm_cuda_open(
      int device, long memoryLimit, int tf32, @Cast("ssm_cuda_context**") long[] context);

  static native void ssm_cuda_close(@Cast("ssm_cuda_context*") long context);

  static native @Cast("const char*") BytePointer ssm_cuda_description(
      @Cast("const ssm_cuda_context*") long context);

  static native int ssm_cuda_take(
      @Cast("ssm_cuda_context*") long context, long floats, @Cast("float**") long[] address);

  static native void ssm_cuda_mark(
      @Cast("const ssm_cuda_context*") long context, @Cast("int64_t*") long[] mark);

  static native void ssm_cuda_back_to(
      @Cast("ssm_cuda_context*") long context, @Cast("const int64_t*") long[] mark);

  static native long ssm_cuda_bytes(@Cast("const ssm_cuda_context*") long context);

  static native int ssm_cuda_write(
      @Cast("ssm_cuda_context*") long context,
      @Const float[] source,
      @Cast("const ssm_cuda_matrix*") long[] target);

  static native int ssm_cuda_read(
      @Cast("ssm_cuda_context*") long context,
      @Cast("const ssm_cuda_matrix*") long[] source,
      float[] target);

  static native int ssm_cuda_upload(
      @Cast("ssm_cuda_context*") long context,
      @Cast("const int32_t*") int[] words,
      long count,
      @Cast("const ssm_cuda_piece*") long[] pieces,
      long pieceCount,
      @Cast("float**") long[] address);

  static native int ssm_cuda_read_totals(
      @Cast("ssm_cuda_context*") long context, long count, double[] values);

  static native void ssm_cuda_transfers(
      @Cast("const ssm_cuda_context*") long context, @Cast("int64_t*") long[] counts);

  static native int ssm_cuda_synchronize(@Cast("ssm_cuda_context*") long context);

  static native int ssm_cuda_gemm(
      @Cast("ssm_cuda_context*") long context,
      int transposeA,
      int transposeB,
      float alpha,
      @Cast("const ssm_cuda_matrix*") long[] a,
      @Cast("const ssm_cuda_matrix*") long[] b,
      float beta,
      @Cast("const ssm_cuda_matrix*") long[] c);

  static native int ssm_cuda_copy(
      @Cast("ssm_cuda_context*") long context,
      @Cast("const ssm_cuda_matrix*") long[] source,
      @Cast("const ssm_cuda_matrix*") long[] target);

  static native int ssm_cuda_fill(
      @Cast("ssm_cuda_context*") long context,
      @Cast("const ssm_cuda_matrix*") long[] target,
      float value);

  static native int ssm_cuda_add_scaled(
      @Cast("ssm_cuda_context*") long context,
      float alpha,
      @Cast("const ssm_cuda_matrix*") long[] x,
      @Cast("const ssm_cuda_matrix*") long[] y);

  static native int ssm_cuda_add_row(
      @Cast("ssm_cuda_context*") long context,
      @Cast("const ssm_cuda_matrix*") long[] bias,
      @Cast("const ssm_cuda_matrix*") long[] x);

  static native int ssm_cuda_sum_rows(
      @Cast("ssm_cuda_context*") long context,
      @Cast("const ssm_cuda_matrix*") long[] dy,
      @Cast("const ssm_cuda_matrix*") long[] dbias);

  static native int ssm_cuda_multiply(
      @Cast("ssm_cuda_context*") long context,
      @Cast("const ssm_cuda_matrix*") long[] x,
      @Cast("const ssm_cuda_matrix*") long[] y,
      @Cast("const ssm_cuda_matrix*") long[] z);

  static native int ssm_cuda_add_scaled_columns(
      @Cast("ssm_cuda_context*") long context,
      @Cast("const ssm_cuda_matrix*") long[] gain,
      @Cast("const ssm_cuda_matrix*") long[] x,
      @Cast("const ssm_cuda_matrix*") long[] y);

  static native int ssm_cuda_sum_products(
      @Cast("ssm_cuda_context*") long context,
      @Cast("const ssm_cuda_matrix*") long[] x,
      @Cast("const ssm_cuda_matrix*") long[] y,
      @Cast("const ssm_cuda_matrix*") long[] sums);

  static native int ssm_cuda_sum_of_squares(
      @Cast("ssm_cuda_context*") long context, @Cast("const ssm_cuda_matrix*") long[] x, int total);

  static native int ssm_cuda_activation_forward(
      @Cast("ssm_cuda_context*") long context,
      int activation,
      @Cast("const ssm_cuda_matrix*") long[] x,
      @Cast("const ssm_cuda_matrix*") long[] y);

  static native int ssm_cuda_activation_backward(
      @Cast("ssm_cuda_context*") long context,
      int activation,
      @Cast("const ssm_cuda_matrix*") long[] x,
      @Cast("const ssm_cuda_matrix*") long[] dy,
      @Cast("const ssm_cuda_matrix*") long[] dx);

  static native int ssm_cuda_glu_forward(
      @Cast("ssm_cuda_context*") long context,
      @Cast("const ssm_cuda_matrix*") long[] x,
      @Cast("const ssm_cuda_matrix*") long[] y);

  static native int ssm_cuda_glu_backward(
      @Cast("ssm_cuda_context*") long context,
      @Cast("const ssm_cuda_matrix*") long[] x,
      @Cast("const ssm_cuda_matrix*") long[] dy,
      @Cast("const ssm_cuda_matrix*") long[] dx);

  static native int ssm_cuda_negative_exp_forward(
      @Cast("ssm_cuda_context*") long context,
      @Cast("const ssm_cuda_matrix*") long[] x,
      @Cast("const ssm_cuda_matrix*") long[] y);

  static native int ssm_cuda_negative_exp_backward(
      @Cast("ssm_cuda_context*") long context,
      @Cast("const ssm_cuda_matrix*") long[] y,
      @Cast("const ssm_cuda_matrix*") long[] dy,
      @Cast("const ssm_cuda_matrix*") long[] dx);

  static native int ssm_cuda_stretched_step_forward(
      @Cast("ssm_cuda_context*") long context,
      @Cast("const ssm_cuda_matrix*") long[] x,
      @Cast("const ssm_cuda_matrix*") long[] bias,
      @Cast("const ssm_cuda_matrix*") long[] durations,
      @Cast("const ssm_cuda_matrix*") long[] y);

  static native int ssm_cuda_stretched_step_backward(
      @Cast("ssm_cuda_context*") long context,
      @Cast("const ssm_cuda_matrix*") long[] x,
      @Cast("const ssm_cuda_matrix*") long[] bias,
      @Cast("const ssm_cuda_matrix*") long[] durations,
      @Cast("const ssm_cuda_matrix*") long[] dy,
      @Cast("const ssm_cuda_matrix*") long[] dx);

  static native int ssm_cuda_dropout(
      @Cast("ssm_cuda_context*") long context,
      int threshold,
      float scale,
      @Cast("const int64_t*") long[] keys,
      @Cast("const ssm_cuda_matrix*") long[] x);

  static native int ssm_cuda_rotate(
      @Cast("ssm_cuda_context*") long context,
      @Cast("const int32_t*") int[] positions,
      @Cast("const ssm_cuda_matrix*") long[] angles,
      int inverse,
      @Cast("const ssm_cuda_matrix*") long[] x,
      @Cast("const ssm_cuda_matrix*") long[] y);

  static native int ssm_cuda_rms_norm_forward(
      @Cast("ssm_cuda_context*") long context,
      @Cast("const ssm_cuda_matrix*") long[] x,
      @Cast("const ssm_cuda_matrix*") long[] gamma,
      double epsilon,
      @Cast("const ssm_cuda_matrix*") long[] y,
      @Cast("const ssm_cuda_matrix*") long[] inverse);

  static native int ssm_cuda_rms_norm_backward(
      @Cast("ssm_cuda_context*") long context,
      @Cast("const ssm_cuda_matrix*") long[] x,
      @Cast("const ssm_cuda_matrix*") long[] gamma,
      @Cast("const ssm_cuda_matrix*") long[] inverse,
      @Cast("const ssm_cuda_matrix*") long[] dy,
      @Cast("const ssm_cuda_matrix*") long[] dx,
      @Cast("const ssm_cuda_matrix*") long[] dgamma);

  static native int ssm_cuda_layer_norm_forward(
      @Cast("ssm_cuda_context*") long context,
      @Cast("const ssm_cuda_matrix*") long[] x,
      @Cast("const ssm_cuda_matrix*") long[] gamma,
      @Cast("const ssm_cuda_matrix*") long[] beta,
      double epsilon,
      @Cast("const ssm_cuda_matrix*") long[] y,
      @Cast("const ssm_cuda_matrix*") long[] statistics);

  static native int ssm_cuda_layer_norm_backward(
      @Cast("ssm_cuda_context*") long context,
      @Cast("const ssm_cuda_matrix*") long[] x,
      @Cast("const ssm_cuda_matrix*") long[] gamma,
      @Cast("const ssm_cuda_matrix*") long[] statistics,
      @Cast("const ssm_cuda_matrix*") long[] dy,
      @Cast("const ssm_cuda_matrix*") long[] dx,
      @Cast("const ssm_cuda_matrix*") long[] dgamma,
      @Cast("const ssm_cuda_matrix*") long[] dbeta);

  static native int ssm_cuda_difference_forward(
      @Cast("ssm_cuda_context*") long context,
      long batch,
      @Cast("const int32_t*") int[] offsets,
      @Cast("const ssm_cuda_matrix*") long[] x,
      @Cast("const ssm_cuda_matrix*") long[] before,
      @Cast("const ssm_cuda_matrix*") long[] y);

  static native int ssm_cuda_difference_backward(
      @Cast("ssm_cuda_context*") long context,
      long batch,
      @Cast("const int32_t*") int[] offsets,
      @Cast("const ssm_cuda_matrix*") long[] dy,
      @Cast("const ssm_cuda_matrix*") long[] dx);

  static native int ssm_cuda_reverse_rows(
      @Cast("ssm_cuda_context*") long context,
      long batch,
      @Cast("const int32_t*") int[] offsets,
      @Cast("const ssm_cuda_matrix*") long[] x,
      @Cast("const ssm_cuda_matrix*") long[] y);

  static native int ssm_cuda_last_row_forward(
      @Cast("ssm_cuda_context*") long context,
      long batch,
      @Cast("const int32_t*") int[] offsets,
      @Cast("const ssm_cuda_matrix*") long[] x,
      @Cast("const ssm_cuda_matrix*") long[] y);

  static native int ssm_cuda_last_row_backward(
      @Cast("ssm_cuda_context*") long context,
      long batch,
      @Cast("const int32_t*") int[] offsets,
      @Cast("const ssm_cuda_matrix*") long[] dy,
      @Cast("const ssm_cuda_matrix*") long[] dx);

  static native int ssm_cuda_mean_row_forward(
      @Cast("ssm_cuda_context*") long context,
      long batch,
      @Cast("const int32_t*") int[] offsets,
      @Cast("const ssm_cuda_matrix*") long[] x,
      @Cast("const ssm_cuda_matrix*") long[] y);

  static native int ssm_cuda_mean_row_backward(
      @Cast("ssm_cuda_context*") long context,
      long batch,
      @Cast("const int32_t*") int[] offsets,
      @Cast("const ssm_cuda_matrix*") long[] dy,
      @Cast("const ssm_cuda_matrix*") long[] dx);

  static native int ssm_cuda_causal_convolution_forward(
      @Cast("ssm_cuda_context*") long context,
      long batch,
      @Cast("const int32_t*") int[] offsets,
      @Cast("const ssm_cuda_matrix*") long[] x,
      @Cast("const ssm_cuda_matrix*") long[] weight,
      @Cast("const ssm_cuda_matrix*") long[] bias,
      int silu,
      @Cast("const ssm_cuda_matrix*") long[] y);

  static native int ssm_cuda_causal_convolution_backward(
      @Cast("ssm_cuda_context*") long context,
      long batch,
      @Cast("const int32_t*") int[] offsets,
      @Cast("const ssm_cuda_matrix*") long[] x,
      @Cast("const ssm_cuda_matrix*") long[] weight,
      @Cast("const ssm_cuda_matrix*") long[] bias,
      int silu,
      @Cast("const ssm_cuda_matrix*") long[] dy,
      @Cast("const ssm_cuda_matrix*") long[] dx,
      @Cast("const ssm_cuda_matrix*") long[] dweight,
      @Cast("const ssm_cuda_matrix*") long[] dbias);

  static native int ssm_cuda_embedding_forward(
      @Cast("ssm_cuda_context*") long context,
      @Cast("const int32_t*") int[] tokens,
      @Cast("const ssm_cuda_matrix*") long[] table,
      @Cast("const ssm_cuda_matrix*") long[] y);

  static native int ssm_cuda_embedding_backward(
      @Cast("ssm_cuda_context*") long context,
      @Cast("const int32_t*") int[] tokens,
      @Cast("const ssm_cuda_matrix*") long[] dy,
      @Cast("const ssm_cuda_matrix*") long[] dtable);

  static native int ssm_cuda_selective_scan_forward(
      @Cast("ssm_cuda_context*") long context,
      long batch,
      @Cast("const int32_t*") int[] offsets,
      @Cast("const ssm_cuda_selective_scan*") long[] scan);

  static native int ssm_cuda_selective_scan_backward(
      @Cast("ssm_cuda_context*") long context,
      long batch,
      @Cast("const int32_t*") int[] offsets,
      @Cast("const ssm_cuda_selective_scan*") long[] scan,
      @Cast("const ssm_cuda_selective_scan_gradients*") long[] gradients);

  static native int ssm_cuda_linear_cde_forward(
      @Cast("ssm_cuda_context*") long context,
      int solver,
      long batch,
      @Cast("const int32_t*") int[] offsets,
      @Cast("const ssm_cuda_linear_cde*") long[] solve);

  static native int ssm_cuda_linear_cde_backward(
      @Cast("ssm_cuda_context*") long context,
      int solver,
      long batch,
      @Cast("const int32_t*") int[] offsets,
      @Cast("const ssm_cuda_linear_cde*") long[] solve,
      @Cast("const ssm_cuda_linear_cde_gradients*") long[] gradients);

  static native int ssm_cuda_diagonal_scan_forward(
      @Cast("ssm_cuda_context*") long context,
      long batch,
      @Cast("const int32_t*") int[] offsets,
      int complex,
      int constant,
      @Cast("const ssm_cuda_diagonal_scan*") long[] scan);

  static native int ssm_cuda_diagonal_scan_backward(
      @Cast("ssm_cuda_context*") long context,
      long batch,
      @Cast("const int32_t*") int[] offsets,
      int complex,
      int constant,
      @Cast("const ssm_cuda_diagonal_scan*") long[] scan,
      @Cast("const ssm_cuda_diagonal_scan_gradients*") long[] gradients);

  static native int ssm_cuda_s4d_scan_forward(
      @Cast("ssm_cuda_context*") long context,
      long batch,
      @Cast("const int32_t*") int[] offsets,
      @Cast("const ssm_cuda_s4d_scan*") long[] scan);

  static native int ssm_cuda_s4d_scan_backward(
      @Cast("ssm_cuda_context*") long context,
      long batch,
      @Cast("const int32_t*") int[] offsets,
      @Cast("const ssm_cuda_s4d_scan*") long[] scan,
      @Cast("const ssm_cuda_s4d_scan_gradients*") long[] gradients);

  static native int ssm_cuda_discretize_forward(
      @Cast("ssm_cuda_context*") long context,
      int rule,
      @Cast("const ssm_cuda_matrix*") long[] logStep,
      @Cast("const ssm_cuda_matrix*") long[] a,
      @Cast("const ssm_cuda_matrix*") long[] aBar,
      @Cast("const ssm_cuda_matrix*") long[] bBar);

  static native int ssm_cuda_discretize_backward(
      @Cast("ssm_cuda_context*") long context,
      int rule,
      @Cast("const ssm_cuda_matrix*") long[] logStep,
      @Cast("const ssm_cuda_matrix*") long[] a,
      @Cast("const ssm_cuda_matrix*") long[] daBar,
      @Cast("const ssm_cuda_matrix*") long[] dbBar,
      @Cast("const ssm_cuda_matrix*") long[] dlogStep,
      @Cast("const ssm_cuda_matrix*") long[] da);

  static native int ssm_cuda_gated_linear_attention_forward(
      @Cast("ssm_cuda_context*") long context,
      long batch,
      @Cast("const int32_t*") int[] offsets,
      long heads,
      @Cast("const ssm_cuda_gated_linear_attention*") long[] scan);

  static native int ssm_cuda_gated_linear_attention_backward(
      @Cast("ssm_cuda_context*") long context,
      long batch,
      @Cast("const int32_t*") int[] offsets,
      long heads,
      @Cast("const ssm_cuda_gated_linear_attention*") long[] scan,
      @Cast("const ssm_cuda_gated_linear_attention_gradients*") long[] gradients);

  static native int ssm_cuda_delta_rule_forward(
      @Cast("ssm_cuda_context*") long context,
      long batch,
      @Cast("const int32_t*") int[] offsets,
      long heads,
      long updates,
      @Cast("const ssm_cuda_delta_rule*") long[] rule);

  static native int ssm_cuda_delta_rule_backward(
      @Cast("ssm_cuda_context*") long context,
      long batch,
      @Cast("const int32_t*") int[] offsets,
      long heads,
      long updates,
      @Cast("const ssm_cuda_delta_rule*") long[] rule,
      @Cast("const ssm_cuda_delta_rule_gradients*") long[] gradients);

  static native int ssm_cuda_structured_cde_forward(
      @Cast("ssm_cuda_context*") long context,
      int solver,
      int structure,
      long states,
      long size,
      @Cast("const int32_t*") int[] rowBegin,
      @Cast("const int32_t*") int[] column,
      long batch,
      @Cast("const int32_t*") int[] offsets,
      @Cast("const ssm_cuda_structured_cde*") long[] solve);

  static native int ssm_cuda_structured_cde_backward(
      @Cast("ssm_cuda_context*") long context,
      int solver,
      int structure,
      long states,
      long size,
      @Cast("const int32_t*") int[] rowBegin,
      @Cast("const int32_t*") int[] column,
      long batch,
      @Cast("const int32_t*") int[] offsets,
      @Cast("const ssm_cuda_structured_cde*") long[] solve,
      @Cast("const ssm_cuda_structured_cde_gradients*") long[] gradients);

  static native int ssm_cuda_recurrent_scan_forward(
      @Cast("ssm_cuda_context*") long context,
      int cell,
      long batch,
      @Cast("const int32_t*") int[] offsets,
      @Cast("const ssm_cuda_recurrent_scan*") long[] scan);

  static native int ssm_cuda_recurrent_scan_backward(
      @Cast("ssm_cuda_context*") long context,
      int cell,
      long batch,
      @Cast("const int32_t*") int[] offsets,
      @Cast("const ssm_cuda_recurrent_scan*") long[] scan,
      @Cast("const ssm_cuda_recurrent_scan_gradients*") long[] gradients);

  static native int ssm_cuda_causal_attention_forward(
      @Cast("ssm_cuda_context*") long context,
      long batch,
      @Cast("const int32_t*") int[] offsets,
      @Cast("const int32_t*") int[] keyOffsets,
      long heads,
      @Cast("const ssm_cuda_causal_attention*") long[] attention);

  static native int ssm_cuda_causal_attention_backward(
      @Cast("ssm_cuda_context*") long context,
      long batch,
      @Cast("const int32_t*") int[] offsets,
      @Cast("const int32_t*") int[] keyOffsets,
      long heads,
      @Cast("const ssm_cuda_causal_attention*") long[] attention,
      @Cast("const ssm_cuda_causal_attention_gradients*") long[] gradients);

  static native int ssm_cuda_squared_error(
      @Cast("ssm_cuda_context*") long context,
      @Cast("const ssm_cuda_matrix*") long[] prediction,
      @Cast("const ssm_cuda_matrix*") long[] target,
      @Const float[] weights,
      @Cast("const ssm_cuda_matrix*") long[] dprediction,
      int total);

  static native int ssm_cuda_softmax_cross_entropy(
      @Cast("ssm_cuda_context*") long context,
      @Cast("const ssm_cuda_matrix*") long[] logits,
      @Cast("const int32_t*") int[] targets,
      @Const float[] weights,
      @Cast("const ssm_cuda_matrix*") long[] dlogits,
      int total);

  static native int ssm_cuda_adam_step(
      @Cast("ssm_cuda_context*") long context,
      double learningRate,
      double beta1,
      double beta2,
      double epsilon,
      double weightDecay,
      int decoupled,
      long step,
      @Cast("const ssm_cuda_matrix*") long[] parameters,
      @Cast("const ssm_cuda_matrix*") long[] gradient,
      @Cast("const ssm_cuda_matrix*") long[] m,
      @Cast("const ssm_cuda_matrix*") long[] v);
}
