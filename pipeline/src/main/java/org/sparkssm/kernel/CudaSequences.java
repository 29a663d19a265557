package org.sparkssm.kernel;

import static org.sparkssm.kernel.CudaKernels.check;
import static org.sparkssm.kernel.CudaKernels.expectLength;

/**
 * Operations along the rows of sequences of {@link CudaKernels}: operands passed on, which the
 * library checks.
 */
final class CudaSequences {
  private CudaSequences() {}

  static void differenceForward(
      CudaKernels kernels, Segments segments, Tensor x, Tensor before, Tensor y) {
    String operation = "differenceForward";
    check(
        CudaNative.ssm_cuda_difference_forward(
            kernels.context(),
            segments.batch(),
            segments.offsets(),
            kernels.matrix(operation, x),
            kernels.matrix(operation, before),
            kernels.matrix(operation, y)));
  }

  static void differenceBackward(CudaKernels kernels, Segments segments, Tensor dy, Tensor dx) {
    String operation = "differenceBackward";
    check(
        CudaNative.ssm_cuda_difference_backward(
            kernels.context(),
            segments.batch(),
            segments.offsets(),
            kernels.matrix(operation, dy),
            kernels.matrix(operation, dx)));
  }

  static void reverseRows(CudaKernels kernels, Segments segments, Tensor x, Tensor y) {
    String operation = "reverseRows";
    check(
        CudaNative.ssm_cuda_reverse_rows(
            kernels.context(),
            segments.batch(),
            segments.offsets(),
            kernels.matrix(operation, x),
            kernels.matrix(operation, y)));
  }

  static void lastRowForward(CudaKernels kernels, Segments segments, Tensor x, Tensor y) {
    String operation = "lastRowForward";
    check(
        CudaNative.ssm_cuda_last_row_forward(
            kernels.context(),
            segments.batch(),
            segments.offsets(),
            kernels.matrix(operation, x),
            kernels.matrix(operation, y)));
  }

  static void lastRowBackward(CudaKernels kernels, Segments segments, Tensor dy, Tensor dx) {
    String operation = "lastRowBackward";
    check(
        CudaNative.ssm_cuda_last_row_backward(
            kernels.context(),
            segments.batch(),
            segments.offsets(),
            kernels.matrix(operation, dy),
            kernels.matrix(operation, dx)));
  }

  static void meanRowForward(CudaKernels kernels, Segments segments, Tensor x, Tensor y) {
    String operation = "meanRowForward";
    check(
        CudaNative.ssm_cuda_mean_row_forward(
            kernels.context(),
            segments.batch(),
            segments.offsets(),
            kernels.matrix(operation, x),
            kernels.matrix(operation, y)));
  }

  static void meanRowBackward(CudaKernels kernels, Segments segments, Tensor dy, Tensor dx) {
    String operation = "meanRowBackward";
    check(
        CudaNative.ssm_cuda_mean_row_backward(
            kernels.context(),
            segments.batch(),
            segments.offsets(),
            kernels.matrix(operation, dy),
            kernels.matrix(operation, dx)));
  }

  static void causalConvolutionForward(
      CudaKernels kernels,
      Segments segments,
      Tensor x,
      Tensor weight,
      Tensor bias,
      boolean silu,
      Tensor y) {
    String operation = "causalConvolutionForward";
    check(
        CudaNative.ssm_cuda_causal_convolution_forward(
            kernels.context(),
            segments.batch(),
            segments.offsets(),
            kernels.matrix(operation, x),
            kernels.matrix(operation, weight),
            kernels.matrix(operation, bias),
            silu ? 1 : 0,
            kernels.matrix(operation, y)));
  }

  static void causalConvolutionBackward(
      CudaKernels kernels,
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
            kernels.context(),
            segments.batch(),
            segments.offsets(),
            kernels.matrix(operation, x),
            kernels.matrix(operation, weight),
            kernels.matrix(operation, bias),
            silu ? 1 : 0,
            kernels.matrix(operation, dy),
            kernels.matrix(operation, dx),
            kernels.matrix(operation, dWeight),
            kernels.matrix(operation, dBias)));
  }

  static void embeddingForward(CudaKernels kernels, int[] tokens, Tensor table, Tensor y) {
    String operation = "embeddingForward";
    expectLength(operation, tokens.length, y);
    check(
        CudaNative.ssm_cuda_embedding_forward(
            kernels.context(),
            tokens,
            kernels.matrix(operation, table),
            kernels.matrix(operation, y)));
  }

  static void embeddingBackward(CudaKernels kernels, int[] tokens, Tensor dy, Tensor dTable) {
    String operation = "embeddingBackward";
    expectLength(operation, tokens.length, dy);
    check(
        CudaNative.ssm_cuda_embedding_backward(
            kernels.context(),
            tokens,
            kernels.matrix(operation, dy),
            kernels.matrix(operation, dTable)));
  }
}
