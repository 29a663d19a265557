package org.sparkssm.kernel;

import static org.sparkssm.kernel.HostKernels.address;
import static org.sparkssm.kernel.HostKernels.check;
import static org.sparkssm.kernel.HostKernels.expect;
import static org.sparkssm.kernel.HostKernels.stride;

/** The linear CDE of {@link HostKernels}: operands checked, addresses passed on. */
final class HostLinearCde {
  private final Segments segments;
  private final int solver;
  private final int controls;
  private final int states;
  private final int drives;
  private final HostTensor dOmega;
  private final HostTensor a;
  private final HostTensor dXi;
  private final HostTensor drive;
  private final HostTensor initial;
  private final HostTensor y;

  private HostLinearCde(HostKernels kernels, LinearCdeSolve solve, String operation) {
    segments = solve.segments();
    solver =
        switch (solve.solver()) {
          case EULER -> 0;
          case RK4 -> 1;
          case EXPONENTIAL -> throw new IllegalArgumentException("see ExponentialLinearCde");
        };
    int rows = segments.rows();
    controls = solve.dOmega().columns();
    states = solve.a().columns();
    dOmega = kernels.own(operation, solve.dOmega(), rows, controls);
    a = kernels.own(operation, solve.a(), controls * states, states);
    expect(a.isDense(), operation, a, "expected dense rows");
    expect(
        (solve.dXi() == null) == (solve.drive() == null),
        operation,
        a,
        "dXi and drive come together or not at all");
    drives = solve.drive() == null ? 0 : solve.drive().columns();
    dXi = kernels.ownOrNull(operation, solve.dXi(), rows, drives);
    drive = kernels.ownOrNull(operation, solve.drive(), states, drives);
    initial = kernels.ownOrNull(operation, solve.initial(), segments.batch(), states);
    y = kernels.ownOrNull(operation, solve.y(), rows, states);
  }

  static void forward(HostKernels kernels, LinearCdeSolve solve) {
    String operation = "linearCdeForward";
    HostLinearCde s = new HostLinearCde(kernels, solve, operation);
    HostTensor last = kernels.ownOrNull(operation, solve.last(), s.segments.batch(), s.states);
    kernels.withScratch(
        s.workspace(0),
        workspace ->
            check(
                operation,
                Native.ssm_linear_cde_forward_f32(
                    s.solver,
                    s.segments.batch(),
                    s.segments.offsets(),
                    s.controls,
                    s.states,
                    s.drives,
                    s.dOmega.address(),
                    s.dOmega.stride(),
                    s.a.address(),
                    address(s.dXi),
                    stride(s.dXi),
                    address(s.drive),
                    stride(s.drive),
                    address(s.initial),
                    stride(s.initial),
                    address(s.y),
                    stride(s.y),
                    address(last),
                    stride(last),
                    workspace)));
  }

  static void backward(
      HostKernels kernels, LinearCdeSolve solve, LinearCdeSolve.Gradients gradients) {
    String operation = "linearCdeBackward";
    HostLinearCde s = new HostLinearCde(kernels, solve, operation);
    int rows = s.segments.rows();
    int batch = s.segments.batch();
    expect(s.y != null, operation, s.a, "the backward needs the states y");
    HostTensor dy = kernels.ownOrNull(operation, gradients.dy(), rows, s.states);
    HostTensor dLast = kernels.ownOrNull(operation, gradients.dLast(), batch, s.states);
    HostTensor dDOmega = kernels.ownOrNull(operation, gradients.dDOmega(), rows, s.controls);
    HostTensor dA = kernels.ownOrNull(operation, gradients.dA(), s.controls * s.states, s.states);
    expect(dA == null || dA.isDense(), operation, s.a, "the gradient of a has dense rows");
    HostTensor dDXi = kernels.ownOrNull(operation, gradients.dDXi(), rows, s.drives);
    HostTensor dDrive = kernels.ownOrNull(operation, gradients.dDrive(), s.states, s.drives);
    HostTensor dInitial = kernels.ownOrNull(operation, gradients.dInitial(), batch, s.states);
    kernels.withScratch(
        s.workspace(1),
        workspace ->
            check(
                operation,
                Native.ssm_linear_cde_backward_f32(
                    s.solver,
                    batch,
                    s.segments.offsets(),
                    s.controls,
                    s.states,
                    s.drives,
                    s.dOmega.address(),
                    s.dOmega.stride(),
                    s.a.address(),
                    address(s.dXi),
                    stride(s.dXi),
                    address(s.drive),
                    stride(s.drive),
                    address(s.initial),
                    stride(s.initial),
                    address(s.y),
                    stride(s.y),
                    address(dy),
                    stride(dy),
                    address(dLast),
                    stride(dLast),
                    address(dDOmega),
                    stride(dDOmega),
                    address(dA),
                    address(dDXi),
                    stride(dDXi),
                    address(dDrive),
                    stride(dDrive),
                    address(dInitial),
                    stride(dInitial),
                    workspace)));
  }

  private long workspace(int backward) {
    return Native.ssm_linear_cde_workspace_f32(
        segments.batch(), controls, states, drives, backward);
  }
}
