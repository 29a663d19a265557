package org.sparkssm.kernel;

import static org.sparkssm.kernel.CudaKernels.check;

/** The norms of {@link CudaKernels}: operands passed on, which the library checks. */
final class CudaNorm {
  private CudaNorm() {}

  static void rmsNormForward(
      CudaKernels kernels, Tensor x, Tensor gamma, double epsilon, Tensor y, Tensor inverse) {
    String operation = "rmsNormForward";
    check(
        CudaNative.ssm_cuda_rms_norm_forward(
            kernels.context(),
            kernels.matrix(operation, x),
            kernels.matrix(operation, gamma),
            epsilon,
            kernels.matrix(operation, y),
            kernels.matrix(operation, inverse)));
  }

  static void rmsNormBackward(
      CudaKernels kernels,
      Tensor x,
      Tensor gamma,
      Tensor inverse,
      Tensor dy,
      Tensor dx,
      Tensor dGamma) {
    String operation = "rmsNormBackward";
    check(
        CudaNative.ssm_cuda_rms_norm_backward(
            kernels.context(),
            kernels.matrix(operation, x),
            kernels.matrix(operation, gamma),
            kernels.matrix(operation, inverse),
            kernels.matrix(operation, dy),
            kernels.matrix(operation, dx),
            kernels.matrix(operation, dGamma)));
  }

  static void layerNormForward(
      CudaKernels kernels,
      Tensor x,
      Tensor gamma,
      Tensor beta,
      double epsilon,
      Tensor y,
      Tensor statistics) {
    String operation = "layerNormForward";
    check(
        CudaNative.ssm_cuda_layer_norm_forward(
            kernels.context(),
            kernels.matrix(operation, x),
            kernels.matrix(operation, gamma),
            kernels.matrix(operation, beta),
            epsilon,
            kernels.matrix(operation, y),
            kernels.matrix(operation, statistics)));
  }

  static void layerNormBackward(
      CudaKernels kernels,
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
            kernels.context(),
            kernels.matrix(operation, x),
            kernels.matrix(operation, gamma),
            kernels.matrix(operation, statistics),
            kernels.matrix(operation, dy),
            kernels.matrix(operation, dx),
            kernels.matrix(operation, dGamma),
            kernels.matrix(operation, dBeta)));
  }
}
