package org.sparkssm.kernel;

import static org.sparkssm.kernel.CudaKernels.check;
import static org.sparkssm.kernel.CudaKernels.expectLength;

/**
 * Products of matrices and operations on every element of {@link CudaKernels}: operands passed on,
 * which the library checks.
 */
final class CudaElementwise {
  private CudaElementwise() {}

  static void gemm(
      CudaKernels kernels,
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
            kernels.context(),
            transposeA ? 1 : 0,
            transposeB ? 1 : 0,
            (float) alpha,
            kernels.matrix(operation, a),
            kernels.matrix(operation, b),
            (float) beta,
            kernels.matrix(operation, c)));
  }

  static void copy(CudaKernels kernels, Tensor source, Tensor target) {
    String operation = "copy";
    check(
        CudaNative.ssm_cuda_copy(
            kernels.context(),
            kernels.matrix(operation, source),
            kernels.matrix(operation, target)));
  }

  static void fill(CudaKernels kernels, Tensor target, double value) {
    String operation = "fill";
    check(
        CudaNative.ssm_cuda_fill(
            kernels.context(), kernels.matrix(operation, target), (float) value));
  }

  static void addScaled(CudaKernels kernels, double alpha, Tensor x, Tensor y) {
    String operation = "addScaled";
    check(
        CudaNative.ssm_cuda_add_scaled(
            kernels.context(),
            (float) alpha,
            kernels.matrix(operation, x),
            kernels.matrix(operation, y)));
  }

  static void addRow(CudaKernels kernels, Tensor bias, Tensor x) {
    String operation = "addRow";
    check(
        CudaNative.ssm_cuda_add_row(
            kernels.context(), kernels.matrix(operation, bias), kernels.matrix(operation, x)));
  }

  static void sumRows(CudaKernels kernels, Tensor dy, Tensor dBias) {
    String operation = "sumRows";
    check(
        CudaNative.ssm_cuda_sum_rows(
            kernels.context(), kernels.matrix(operation, dy), kernels.matrix(operation, dBias)));
  }

  static void activationForward(CudaKernels kernels, Activation activation, Tensor x, Tensor y) {
    String operation = "activationForward";
    check(
        CudaNative.ssm_cuda_activation_forward(
            kernels.context(),
            code(activation),
            kernels.matrix(operation, x),
            kernels.matrix(operation, y)));
  }

  static void activationBackward(
      CudaKernels kernels, Activation activation, Tensor x, Tensor dy, Tensor dx) {
    String operation = "activationBackward";
    check(
        CudaNative.ssm_cuda_activation_backward(
            kernels.context(),
            code(activation),
            kernels.matrix(operation, x),
            kernels.matrix(operation, dy),
            kernels.matrix(operation, dx)));
  }

  static void gluForward(CudaKernels kernels, Tensor x, Tensor y) {
    String operation = "gluForward";
    check(
        CudaNative.ssm_cuda_glu_forward(
            kernels.context(), kernels.matrix(operation, x), kernels.matrix(operation, y)));
  }

  static void gluBackward(CudaKernels kernels, Tensor x, Tensor dy, Tensor dx) {
    String operation = "gluBackward";
    check(
        CudaNative.ssm_cuda_glu_backward(
            kernels.context(),
            kernels.matrix(operation, x),
            kernels.matrix(operation, dy),
            kernels.matrix(operation, dx)));
  }

  static void multiply(CudaKernels kernels, Tensor x, Tensor y, Tensor z) {
    String operation = "multiply";
    check(
        CudaNative.ssm_cuda_multiply(
            kernels.context(),
            kernels.matrix(operation, x),
            kernels.matrix(operation, y),
            kernels.matrix(operation, z)));
  }

  static void addScaledColumns(CudaKernels kernels, Tensor gain, Tensor x, Tensor y) {
    String operation = "addScaledColumns";
    check(
        CudaNative.ssm_cuda_add_scaled_columns(
            kernels.context(),
            kernels.matrix(operation, gain),
            kernels.matrix(operation, x),
            kernels.matrix(operation, y)));
  }

  static void sumProducts(CudaKernels kernels, Tensor x, Tensor y, Tensor sums) {
    String operation = "sumProducts";
    check(
        CudaNative.ssm_cuda_sum_products(
            kernels.context(),
            kernels.matrix(operation, x),
            kernels.matrix(operation, y),
            kernels.matrix(operation, sums)));
  }

  static void negativeExpForward(CudaKernels kernels, Tensor x, Tensor y) {
    String operation = "negativeExpForward";
    check(
        CudaNative.ssm_cuda_negative_exp_forward(
            kernels.context(), kernels.matrix(operation, x), kernels.matrix(operation, y)));
  }

  static void negativeExpBackward(CudaKernels kernels, Tensor y, Tensor dy, Tensor dx) {
    String operation = "negativeExpBackward";
    check(
        CudaNative.ssm_cuda_negative_exp_backward(
            kernels.context(),
            kernels.matrix(operation, y),
            kernels.matrix(operation, dy),
            kernels.matrix(operation, dx)));
  }

  static void stretchedStepForward(
      CudaKernels kernels, Tensor x, Tensor bias, Tensor durations, Tensor y) {
    String operation = "stretchedStepForward";
    check(
        CudaNative.ssm_cuda_stretched_step_forward(
            kernels.context(),
            kernels.matrix(operation, x),
            kernels.matrix(operation, bias),
            kernels.matrix(operation, durations),
            kernels.matrix(operation, y)));
  }

  static void stretchedStepBackward(
      CudaKernels kernels, Tensor x, Tensor bias, Tensor durations, Tensor dy, Tensor dx) {
    String operation = "stretchedStepBackward";
    check(
        CudaNative.ssm_cuda_stretched_step_backward(
            kernels.context(),
            kernels.matrix(operation, x),
            kernels.matrix(operation, bias),
            kernels.matrix(operation, durations),
            kernels.matrix(operation, dy),
            kernels.matrix(operation, dx)));
  }

  static void dropout(CudaKernels kernels, double rate, long[] keys, Tensor x) {
    String operation = "dropout";
    expectLength(operation, keys.length, x);
    check(
        CudaNative.ssm_cuda_dropout(
            kernels.context(),
            DropoutHash.threshold(rate),
            (float) (1 / (1 - rate)),
            keys,
            kernels.matrix(operation, x)));
  }

  static void rotate(
      CudaKernels kernels, int[] positions, Tensor angles, boolean inverse, Tensor x, Tensor y) {
    String operation = "rotate";
    expectLength(operation, positions.length, x);
    check(
        CudaNative.ssm_cuda_rotate(
            kernels.context(),
            positions,
            kernels.matrix(operation, angles),
            inverse ? 1 : 0,
            kernels.matrix(operation, x),
            kernels.matrix(operation, y)));
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
}
