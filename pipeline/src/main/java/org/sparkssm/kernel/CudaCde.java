package org.sparkssm.kernel;

import static org.sparkssm.kernel.CudaKernels.check;

/**
 * The linear controlled differential equations of {@link CudaKernels}: operands passed on, which
 * the library checks.
 */
final class CudaCde {
  private CudaCde() {}

  static void linearCdeForward(CudaKernels kernels, LinearCdeSolve solve) {
    if (solve.solver() == CdeSolver.EXPONENTIAL) {
      ExponentialLinearCde.forward(kernels, solve);
      return;
    }
    String operation = "linearCdeForward";
    check(
        CudaNative.ssm_cuda_linear_cde_forward(
            kernels.context(),
            code(solve.solver()),
            solve.segments().batch(),
            solve.segments().offsets(),
            linearCde(kernels, operation, solve)));
  }

  static void linearCdeBackward(
      CudaKernels kernels, LinearCdeSolve solve, LinearCdeSolve.Gradients gradients) {
    if (solve.solver() == CdeSolver.EXPONENTIAL) {
      ExponentialLinearCde.backward(kernels, solve, gradients);
      return;
    }
    String operation = "linearCdeBackward";
    check(
        CudaNative.ssm_cuda_linear_cde_backward(
            kernels.context(),
            code(solve.solver()),
            solve.segments().batch(),
            solve.segments().offsets(),
            linearCde(kernels, operation, solve),
            kernels.matrices(
                operation,
                gradients.dy(),
                gradients.dLast(),
                gradients.dDOmega(),
                gradients.dA(),
                gradients.dDXi(),
                gradients.dDrive(),
                gradients.dInitial())));
  }

  private static long[] linearCde(CudaKernels kernels, String operation, LinearCdeSolve solve) {
    return kernels.matrices(
        operation,
        solve.dOmega(),
        solve.a(),
        solve.dXi(),
        solve.drive(),
        solve.initial(),
        solve.y(),
        solve.last());
  }

  static void structuredCdeForward(CudaKernels kernels, StructuredCdeSolve solve) {
    String operation = "structuredCdeForward";
    check(
        CudaNative.ssm_cuda_structured_cde_forward(
            kernels.context(),
            code(solve.solver()),
            code(solve.structure().kind()),
            solve.structure().states(),
            solve.structure().size(),
            solve.structure().rowBegin(),
            solve.structure().columns(),
            solve.segments().batch(),
            solve.segments().offsets(),
            kernels.matrices(
                operation,
                solve.dOmega(),
                solve.coefficients(),
                solve.force(),
                solve.initial(),
                solve.y(),
                solve.last())));
  }

  static void structuredCdeBackward(
      CudaKernels kernels, StructuredCdeSolve solve, StructuredCdeSolve.Gradients gradients) {
    String operation = "structuredCdeBackward";
    check(
        CudaNative.ssm_cuda_structured_cde_backward(
            kernels.context(),
            code(solve.solver()),
            code(solve.structure().kind()),
            solve.structure().states(),
            solve.structure().size(),
            solve.structure().rowBegin(),
            solve.structure().columns(),
            solve.segments().batch(),
            solve.segments().offsets(),
            kernels.matrices(
                operation,
                solve.dOmega(),
                solve.coefficients(),
                solve.force(),
                solve.initial(),
                solve.y(),
                solve.last()),
            kernels.matrices(
                operation,
                gradients.dy(),
                gradients.dLast(),
                gradients.dDOmega(),
                gradients.dCoefficients(),
                gradients.dForce(),
                gradients.dInitial())));
  }

  private static int code(CdeSolver solver) {
    return switch (solver) {
      case EULER -> 0;
      case RK4 -> 1;
      case EXPONENTIAL -> 2;
    };
  }

  private static int code(TransitionStructure.Kind kind) {
    return switch (kind) {
      case BLOCK_DIAGONAL -> 0;
      case DIAGONAL_PLUS_LOW_RANK -> 1;
      case WALSH_HADAMARD -> 2;
      case SPARSE -> 3;
    };
  }
}
