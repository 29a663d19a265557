package org.sparkssm.kernel;

import static org.sparkssm.kernel.CudaKernels.check;

/**
 * The linear recurrences and their discretization of {@link CudaKernels}: operands passed on, which
 * the library checks.
 */
final class CudaScans {
  private CudaScans() {}

  static void selectiveScanForward(CudaKernels kernels, SelectiveScan scan) {
    String operation = "selectiveScanForward";
    check(
        CudaNative.ssm_cuda_selective_scan_forward(
            kernels.context(),
            scan.segments().batch(),
            scan.segments().offsets(),
            kernels.matrices(
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
                scan.last(),
                scan.kept())));
  }

  static void selectiveScanBackward(
      CudaKernels kernels, SelectiveScan scan, SelectiveScan.Gradients gradients) {
    String operation = "selectiveScanBackward";
    check(
        CudaNative.ssm_cuda_selective_scan_backward(
            kernels.context(),
            scan.segments().batch(),
            scan.segments().offsets(),
            kernels.matrices(
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
                scan.last(),
                scan.kept()),
            kernels.matrices(
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

  static void diagonalScanForward(CudaKernels kernels, DiagonalScan scan) {
    String operation = "diagonalScanForward";
    check(
        CudaNative.ssm_cuda_diagonal_scan_forward(
            kernels.context(),
            scan.segments().batch(),
            scan.segments().offsets(),
            scan.complex() ? 1 : 0,
            scan.constant() ? 1 : 0,
            kernels.matrices(
                operation,
                scan.a(),
                scan.b(),
                scan.gain(),
                scan.initial(),
                scan.h(),
                scan.last())));
  }

  static void diagonalScanBackward(
      CudaKernels kernels, DiagonalScan scan, DiagonalScan.Gradients gradients) {
    String operation = "diagonalScanBackward";
    check(
        CudaNative.ssm_cuda_diagonal_scan_backward(
            kernels.context(),
            scan.segments().batch(),
            scan.segments().offsets(),
            scan.complex() ? 1 : 0,
            scan.constant() ? 1 : 0,
            kernels.matrices(
                operation, scan.a(), scan.b(), scan.gain(), scan.initial(), scan.h(), scan.last()),
            kernels.matrices(
                operation,
                gradients.dh(),
                gradients.dLast(),
                gradients.dA(),
                gradients.db(),
                gradients.dGain(),
                gradients.dInitial())));
  }

  static void s4dScanForward(CudaKernels kernels, S4dScan scan) {
    String operation = "s4dScanForward";
    check(
        CudaNative.ssm_cuda_s4d_scan_forward(
            kernels.context(),
            scan.segments().batch(),
            scan.segments().offsets(),
            kernels.matrices(
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

  static void s4dScanBackward(CudaKernels kernels, S4dScan scan, S4dScan.Gradients gradients) {
    String operation = "s4dScanBackward";
    check(
        CudaNative.ssm_cuda_s4d_scan_backward(
            kernels.context(),
            scan.segments().batch(),
            scan.segments().offsets(),
            kernels.matrices(
                operation,
                scan.u(),
                scan.aBar(),
                scan.bBar(),
                scan.c(),
                scan.skip(),
                scan.initial(),
                scan.y(),
                scan.last()),
            kernels.matrices(
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

  static void discretizeForward(
      CudaKernels kernels,
      Discretization rule,
      Tensor logStep,
      Tensor a,
      Tensor aBar,
      Tensor bBar) {
    String operation = "discretizeForward";
    check(
        CudaNative.ssm_cuda_discretize_forward(
            kernels.context(),
            code(rule),
            kernels.matrix(operation, logStep),
            kernels.matrix(operation, a),
            kernels.matrix(operation, aBar),
            kernels.matrix(operation, bBar)));
  }

  static void discretizeBackward(
      CudaKernels kernels,
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
            kernels.context(),
            code(rule),
            kernels.matrix(operation, logStep),
            kernels.matrix(operation, a),
            kernels.matrix(operation, dABar),
            kernels.matrix(operation, dBBar),
            kernels.matrix(operation, dLogStep),
            kernels.matrix(operation, dA)));
  }

  static void gatedLinearAttentionForward(CudaKernels kernels, GatedLinearAttention scan) {
    String operation = "gatedLinearAttentionForward";
    check(
        CudaNative.ssm_cuda_gated_linear_attention_forward(
            kernels.context(),
            scan.segments().batch(),
            scan.segments().offsets(),
            scan.heads(),
            kernels.matrices(
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

  static void gatedLinearAttentionBackward(
      CudaKernels kernels, GatedLinearAttention scan, GatedLinearAttention.Gradients gradients) {
    String operation = "gatedLinearAttentionBackward";
    check(
        CudaNative.ssm_cuda_gated_linear_attention_backward(
            kernels.context(),
            scan.segments().batch(),
            scan.segments().offsets(),
            scan.heads(),
            kernels.matrices(
                operation,
                scan.q(),
                scan.k(),
                scan.v(),
                scan.logAlpha(),
                scan.phase(),
                scan.initial(),
                scan.o(),
                scan.last()),
            kernels.matrices(
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

  static void deltaRuleForward(CudaKernels kernels, DeltaRule rule) {
    String operation = "deltaRuleForward";
    check(
        CudaNative.ssm_cuda_delta_rule_forward(
            kernels.context(),
            rule.segments().batch(),
            rule.segments().offsets(),
            rule.heads(),
            rule.updates(),
            kernels.matrices(
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

  static void deltaRuleBackward(
      CudaKernels kernels, DeltaRule rule, DeltaRule.Gradients gradients) {
    String operation = "deltaRuleBackward";
    check(
        CudaNative.ssm_cuda_delta_rule_backward(
            kernels.context(),
            rule.segments().batch(),
            rule.segments().offsets(),
            rule.heads(),
            rule.updates(),
            kernels.matrices(
                operation,
                rule.q(),
                rule.k(),
                rule.v(),
                rule.beta(),
                rule.logAlpha(),
                rule.initial(),
                rule.o(),
                rule.last()),
            kernels.matrices(
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

  private static int code(Discretization rule) {
    return switch (rule) {
      case ZERO_ORDER_HOLD -> 0;
      case BILINEAR -> 1;
    };
  }
}
