package org.sparkssm.kernel;

/**
 * The exponential step of a dense {@link LinearCdeSolve}, on any kernels: a {@link
 * StructuredCdeSolve} whose structure is dense, around products with the drive.
 */
final class ExponentialLinearCde {
  private ExponentialLinearCde() {}

  static void forward(Kernels kernels, LinearCdeSolve solve) {
    kernels.scope(
        () -> {
          kernels.structuredCdeForward(structured(kernels, solve));
          return null;
        });
  }

  static void backward(Kernels kernels, LinearCdeSolve solve, LinearCdeSolve.Gradients g) {
    int n = solve.a().columns();
    kernels.scope(
        () -> {
          StructuredCdeSolve structured = structured(kernels, solve);
          Tensor dForce =
              structured.force() == null ? null : kernels.allocate(solve.segments().rows(), n);
          Tensor coefficients = structured.coefficients();
          Tensor dCoefficients =
              g.dA() == null
                  ? kernels.zeros(coefficients.rows(), coefficients.columns())
                  : g.dA().reshape(coefficients.rows(), coefficients.columns());
          kernels.structuredCdeBackward(
              structured,
              new StructuredCdeSolve.Gradients(
                  g.dy(), g.dLast(), g.dDOmega(), dCoefficients, dForce, g.dInitial()));
          if (dForce != null && g.dDXi() != null) {
            kernels.gemm(false, false, 1, dForce, solve.drive(), 0, g.dDXi());
          }
          if (dForce != null && g.dDrive() != null) {
            kernels.gemm(true, false, 1, dForce, solve.dXi(), 1, g.dDrive());
          }
          return null;
        });
  }

  private static StructuredCdeSolve structured(Kernels kernels, LinearCdeSolve solve) {
    int n = solve.a().columns();
    Tensor force = null;
    if (solve.drive() != null) {
      force = kernels.allocate(solve.segments().rows(), n);
      kernels.gemm(false, true, 1, solve.dXi(), solve.drive(), 0, force);
    }
    return new StructuredCdeSolve(
        CdeSolver.EXPONENTIAL,
        TransitionStructure.dense(n),
        solve.segments(),
        solve.dOmega(),
        solve.a().reshape(solve.dOmega().columns(), n * n),
        force,
        solve.initial(),
        solve.y(),
        solve.last());
  }
}
