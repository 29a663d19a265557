package org.sparkssm.kernel;

import static org.sparkssm.kernel.CudaKernels.check;
import static org.sparkssm.kernel.CudaKernels.expectLength;

/**
 * The losses and the optimizer of {@link CudaKernels}: operands passed on, which the library
 * checks.
 */
final class CudaTraining {
  private CudaTraining() {}

  static Total squaredError(
      CudaKernels kernels, Tensor prediction, Tensor target, float[] weights, Tensor dPrediction) {
    String operation = "squaredError";
    expectLength(operation, weights.length, prediction);
    return kernels.total(
        index ->
            CudaNative.ssm_cuda_squared_error(
                kernels.context(),
                kernels.matrix(operation, prediction),
                kernels.matrix(operation, target),
                weights,
                kernels.matrix(operation, dPrediction),
                index));
  }

  static Total softmaxCrossEntropy(
      CudaKernels kernels, Tensor logits, int[] targets, float[] weights, Tensor dLogits) {
    String operation = "softmaxCrossEntropy";
    expectLength(operation, targets.length, logits);
    expectLength(operation, weights.length, logits);
    return kernels.total(
        index ->
            CudaNative.ssm_cuda_softmax_cross_entropy(
                kernels.context(),
                kernels.matrix(operation, logits),
                targets,
                weights,
                kernels.matrix(operation, dLogits),
                index));
  }

  static void adamStep(
      CudaKernels kernels,
      Kernels.AdamStep settings,
      long step,
      Tensor parameters,
      Tensor gradient,
      Tensor m,
      Tensor v) {
    String operation = "adamStep";
    check(
        CudaNative.ssm_cuda_adam_step(
            kernels.context(),
            settings.learningRate(),
            settings.beta1(),
            settings.beta2(),
            settings.epsilon(),
            settings.weightDecay(),
            settings.decoupled() ? 1 : 0,
            step,
            kernels.matrix(operation, parameters),
            kernels.matrix(operation, gradient),
            kernels.matrix(operation, m),
            kernels.matrix(operation, v)));
  }

  static Total sumOfSquares(CudaKernels kernels, Tensor x) {
    return kernels.total(
        index ->
            CudaNative.ssm_cuda_sum_of_squares(
                kernels.context(), kernels.matrix("sumOfSquares", x), index));
  }
}
