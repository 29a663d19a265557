package org.sparkssm.kernel;

import static org.sparkssm.kernel.HostKernels.address;
import static org.sparkssm.kernel.HostKernels.check;
import static org.sparkssm.kernel.HostKernels.expect;
import static org.sparkssm.kernel.HostKernels.stride;

/** The structured linear CDE of {@link HostKernels}: operands checked, addresses passed on. */
final class HostStructuredCde {
  private final Segments segments;
  private final int solver;
  private final int structureCode;
  private final TransitionStructure structure;
  private final int controls;
  private final int states;
  private final HostTensor dOmega;
  private final HostTensor coefficients;
  private final HostTensor force;
  private final HostTensor initial;
  private final HostTensor y;

  private HostStructuredCde(HostKernels kernels, StructuredCdeSolve solve, String operation) {
    segments = solve.segments();
    solver =
        switch (solve.solver()) {
          case EULER -> 0;
          case RK4 -> 1;
          case EXPONENTIAL -> 2;
        };
    structure = solve.structure();
    structureCode =
        switch (structure.kind()) {
          case BLOCK_DIAGONAL -> 0;
          case DIAGONAL_PLUS_LOW_RANK -> 1;
          case WALSH_HADAMARD -> 2;
          case SPARSE -> 3;
        };
    controls = solve.dOmega().columns();
    states = structure.states();
    int rows = segments.rows();
    dOmega = kernels.own(operation, solve.dOmega(), rows, controls);
    coefficients = kernels.own(operation, solve.coefficients(), controls, structure.coefficients());
    expect(coefficients.isDense(), operation, coefficients, "expected dense rows");
    force = kernels.ownOrNull(operation, solve.force(), rows, states);
    initial = kernels.ownOrNull(operation, solve.initial(), segments.batch(), states);
    y = kernels.ownOrNull(operation, solve.y(), rows, states);
  }

  static void forward(HostKernels kernels, StructuredCdeSolve solve) {
    String operation = "structuredCdeForward";
    HostStructuredCde s = new HostStructuredCde(kernels, solve, operation);
    HostTensor last = kernels.ownOrNull(operation, solve.last(), s.segments.batch(), s.states);
    kernels.withScratch(
        Native.ssm_structured_cde_forward_workspace_f32(
            s.states, s.structure.size(), s.structure.coefficients(), s.controls),
        workspace ->
            check(
                operation,
                Native.ssm_structured_cde_forward_f32(
                    s.solver,
                    s.structureCode,
                    s.segments.batch(),
                    s.segments.offsets(),
                    s.controls,
                    s.states,
                    s.structure.size(),
                    s.structure.coefficients(),
                    s.structure.rowBegin(),
                    s.structure.columns(),
                    s.dOmega.address(),
                    s.dOmega.stride(),
                    s.coefficients.address(),
                    address(s.force),
                    stride(s.force),
                    address(s.initial),
                    stride(s.initial),
                    address(s.y),
                    stride(s.y),
                    address(last),
                    stride(last),
                    workspace)));
  }

  static void backward(
      HostKernels kernels, StructuredCdeSolve solve, StructuredCdeSolve.Gradients gradients) {
    String operation = "structuredCdeBackward";
    HostStructuredCde s = new HostStructuredCde(kernels, solve, operation);
    int rows = s.segments.rows();
    int batch = s.segments.batch();
    expect(s.y != null, operation, s.coefficients, "the backward needs the states y");
    HostTensor dy = kernels.ownOrNull(operation, gradients.dy(), rows, s.states);
    HostTensor dLast = kernels.ownOrNull(operation, gradients.dLast(), batch, s.states);
    HostTensor dDOmega = kernels.ownOrNull(operation, gradients.dDOmega(), rows, s.controls);
    HostTensor dCoefficients =
        kernels.own(operation, gradients.dCoefficients(), s.controls, s.structure.coefficients());
    expect(dCoefficients.isDense(), operation, dCoefficients, "expected dense rows");
    HostTensor dForce = kernels.ownOrNull(operation, gradients.dForce(), rows, s.states);
    HostTensor dInitial = kernels.ownOrNull(operation, gradients.dInitial(), batch, s.states);
    kernels.withScratch(
        Native.ssm_structured_cde_backward_workspace_f32(
            s.states, s.structure.size(), s.structure.coefficients(), s.controls),
        workspace ->
            check(
                operation,
                Native.ssm_structured_cde_backward_f32(
                    s.solver,
                    s.structureCode,
                    batch,
                    s.segments.offsets(),
                    s.controls,
                    s.states,
                    s.structure.size(),
                    s.structure.coefficients(),
                    s.structure.rowBegin(),
                    s.structure.columns(),
                    s.dOmega.address(),
                    s.dOmega.stride(),
                    s.coefficients.address(),
                    address(s.force),
                    stride(s.force),
                    address(s.initial),
                    stride(s.initial),
                    s.y.address(),
                    s.y.stride(),
                    address(dy),
                    stride(dy),
                    address(dLast),
                    stride(dLast),
                    address(dDOmega),
                    stride(dDOmega),
                    dCoefficients.address(),
                    address(dForce),
                    stride(dForce),
                    address(dInitial),
                    stride(dInitial),
                    workspace)));
  }
}
