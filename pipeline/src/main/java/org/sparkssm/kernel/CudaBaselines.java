package org.sparkssm.kernel;

import static org.sparkssm.kernel.CudaKernels.check;

/**
 * The non-linear recurrences and attention of {@link CudaKernels}: operands passed on, which the
 * library checks.
 */
final class CudaBaselines {
  private CudaBaselines() {}

  static void recurrentScanForward(CudaKernels kernels, RecurrentScan scan) {
    String operation = "recurrentScanForward";
    check(
        CudaNative.ssm_cuda_recurrent_scan_forward(
            kernels.context(),
            code(scan.cell()),
            scan.segments().batch(),
            scan.segments().offsets(),
            kernels.matrices(
                operation,
                scan.p(),
                scan.weight(),
                scan.initial(),
                scan.h(),
                scan.saved(),
                scan.last())));
  }

  static void recurrentScanBackward(
      CudaKernels kernels, RecurrentScan scan, RecurrentScan.Gradients gradients) {
    String operation = "recurrentScanBackward";
    check(
        CudaNative.ssm_cuda_recurrent_scan_backward(
            kernels.context(),
            code(scan.cell()),
            scan.segments().batch(),
            scan.segments().offsets(),
            kernels.matrices(
                operation,
                scan.p(),
                scan.weight(),
                scan.initial(),
                scan.h(),
                scan.saved(),
                scan.last()),
            kernels.matrices(
                operation,
                gradients.dh(),
                gradients.dLast(),
                gradients.dp(),
                gradients.dWeight(),
                gradients.dInitial())));
  }

  static void causalAttentionForward(CudaKernels kernels, CausalAttention attention) {
    String operation = "causalAttentionForward";
    check(
        CudaNative.ssm_cuda_causal_attention_forward(
            kernels.context(),
            attention.segments().batch(),
            attention.segments().offsets(),
            attention.keySegments().offsets(),
            attention.heads(),
            kernels.matrices(
                operation,
                attention.q(),
                attention.k(),
                attention.v(),
                attention.o(),
                attention.logSums())));
  }

  static void causalAttentionBackward(
      CudaKernels kernels, CausalAttention attention, CausalAttention.Gradients gradients) {
    String operation = "causalAttentionBackward";
    check(
        CudaNative.ssm_cuda_causal_attention_backward(
            kernels.context(),
            attention.segments().batch(),
            attention.segments().offsets(),
            attention.keySegments().offsets(),
            attention.heads(),
            kernels.matrices(
                operation,
                attention.q(),
                attention.k(),
                attention.v(),
                attention.o(),
                attention.logSums()),
            kernels.matrices(
                operation, gradients.dO(), gradients.dq(), gradients.dk(), gradients.dv())));
  }

  private static int code(RecurrentCell cell) {
    return switch (cell) {
      case TANH -> 0;
      case LSTM -> 1;
    };
  }
}
