package org.sparkssm.kernel;

import static org.sparkssm.kernel.HostKernels.address;
import static org.sparkssm.kernel.HostKernels.check;
import static org.sparkssm.kernel.HostKernels.expect;
import static org.sparkssm.kernel.HostKernels.stride;

/** S4D of {@link HostKernels}: operands checked, addresses passed on. */
final class HostS4dScan {
  private final Segments segments;
  private final int columns;
  private final int states;
  private final HostTensor u;
  private final HostTensor aBar;
  private final HostTensor bBar;
  private final HostTensor c;
  private final HostTensor skip;
  private final HostTensor initial;

  private HostS4dScan(HostKernels kernels, S4dScan scan, String operation) {
    segments = scan.segments();
    columns = scan.u().columns();
    int width = scan.aBar().columns();
    expect(width % 2 == 0, operation, scan.aBar(), "expected an even number of columns");
    states = width / 2;
    u = kernels.own(operation, scan.u(), segments.rows(), columns);
    aBar = kernels.own(operation, scan.aBar(), columns, width);
    bBar = kernels.own(operation, scan.bBar(), columns, width);
    c = kernels.own(operation, scan.c(), columns, width);
    skip = kernels.ownOrNull(operation, scan.skip(), 1, columns);
    initial = kernels.ownOrNull(operation, scan.initial(), segments.batch(), columns * width);
  }

  static void forward(HostKernels kernels, S4dScan scan) {
    String operation = "s4dScanForward";
    HostS4dScan s = new HostS4dScan(kernels, scan, operation);
    HostTensor y = kernels.own(operation, scan.y(), s.segments.rows(), s.columns);
    HostTensor last =
        kernels.ownOrNull(operation, scan.last(), s.segments.batch(), s.columns * 2 * s.states);
    kernels.withScratch(
        s.workspace(),
        workspace ->
            check(
                operation,
                Native.ssm_s4d_scan_forward_f32(
                    s.segments.batch(),
                    s.segments.offsets(),
                    s.columns,
                    s.states,
                    s.u.address(),
                    s.u.stride(),
                    s.aBar.address(),
                    s.aBar.stride(),
                    s.bBar.address(),
                    s.bBar.stride(),
                    s.c.address(),
                    s.c.stride(),
                    address(s.skip),
                    address(s.initial),
                    stride(s.initial),
                    y.address(),
                    y.stride(),
                    address(last),
                    stride(last),
                    workspace)));
  }

  static void backward(HostKernels kernels, S4dScan scan, S4dScan.Gradients gradients) {
    String operation = "s4dScanBackward";
    HostS4dScan s = new HostS4dScan(kernels, scan, operation);
    int rows = s.segments.rows();
    int batch = s.segments.batch();
    int width = 2 * s.states;
    HostTensor dy = kernels.own(operation, gradients.dy(), rows, s.columns);
    HostTensor dLast = kernels.ownOrNull(operation, gradients.dLast(), batch, s.columns * width);
    HostTensor du = kernels.own(operation, gradients.du(), rows, s.columns);
    HostTensor dABar = kernels.own(operation, gradients.dABar(), s.columns, width);
    HostTensor dBBar = kernels.own(operation, gradients.dBBar(), s.columns, width);
    HostTensor dC = kernels.own(operation, gradients.dC(), s.columns, width);
    HostTensor dSkip = kernels.ownOrNull(operation, gradients.dSkip(), 1, s.columns);
    HostTensor dInitial =
        kernels.ownOrNull(operation, gradients.dInitial(), batch, s.columns * width);
    kernels.withScratch(
        s.workspace(),
        workspace ->
            check(
                operation,
                Native.ssm_s4d_scan_backward_f32(
                    s.segments.batch(),
                    s.segments.offsets(),
                    s.columns,
                    s.states,
                    s.u.address(),
                    s.u.stride(),
                    s.aBar.address(),
                    s.aBar.stride(),
                    s.bBar.address(),
                    s.bBar.stride(),
                    s.c.address(),
                    s.c.stride(),
                    address(s.skip),
                    address(s.initial),
                    stride(s.initial),
                    dy.address(),
                    dy.stride(),
                    address(dLast),
                    stride(dLast),
                    du.address(),
                    du.stride(),
                    dABar.address(),
                    dABar.stride(),
                    dBBar.address(),
                    dBBar.stride(),
                    dC.address(),
                    dC.stride(),
                    address(dSkip),
                    address(dInitial),
                    stride(dInitial),
                    workspace)));
  }

  private long workspace() {
    return Native.ssm_s4d_scan_workspace_f32(states, segments.longest());
  }
}
