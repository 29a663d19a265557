package org.sparkssm.kernel;

import static org.sparkssm.kernel.HostKernels.address;
import static org.sparkssm.kernel.HostKernels.check;
import static org.sparkssm.kernel.HostKernels.expect;
import static org.sparkssm.kernel.HostKernels.stride;

/** The diagonal scan of {@link HostKernels}: operands checked, addresses passed on. */
final class HostDiagonalScan {
  private final Segments segments;
  private final boolean complex;
  private final boolean constant;
  private final int columns;
  private final HostTensor a;
  private final HostTensor b;
  private final HostTensor gain;
  private final HostTensor initial;
  private final HostTensor h;

  private HostDiagonalScan(HostKernels kernels, DiagonalScan scan, String operation) {
    segments = scan.segments();
    complex = scan.complex();
    constant = scan.constant();
    int rows = segments.rows();
    columns = scan.b().columns();
    expect(!complex || columns % 2 == 0, operation, scan.b(), "expected an even number of columns");
    a = kernels.own(operation, scan.a(), constant ? 1 : rows, columns);
    b = kernels.own(operation, scan.b(), rows, columns);
    gain = kernels.ownOrNull(operation, scan.gain(), 1, columns);
    initial = kernels.ownOrNull(operation, scan.initial(), segments.batch(), columns);
    h = kernels.own(operation, scan.h(), rows, columns);
  }

  static void forward(HostKernels kernels, DiagonalScan scan) {
    String operation = "diagonalScanForward";
    HostDiagonalScan s = new HostDiagonalScan(kernels, scan, operation);
    HostTensor last = kernels.ownOrNull(operation, scan.last(), s.segments.batch(), s.columns);
    check(
        operation,
        Native.ssm_diagonal_scan_forward_f32(
            s.segments.batch(),
            s.segments.offsets(),
            s.columns,
            s.complex ? 1 : 0,
            s.constant ? 1 : 0,
            s.a.address(),
            s.a.stride(),
            s.b.address(),
            s.b.stride(),
            address(s.gain),
            address(s.initial),
            stride(s.initial),
            s.h.address(),
            s.h.stride(),
            address(last),
            stride(last)));
  }

  static void backward(HostKernels kernels, DiagonalScan scan, DiagonalScan.Gradients gradients) {
    String operation = "diagonalScanBackward";
    HostDiagonalScan s = new HostDiagonalScan(kernels, scan, operation);
    int rows = s.segments.rows();
    int batch = s.segments.batch();
    HostTensor dh = kernels.own(operation, gradients.dh(), rows, s.columns);
    HostTensor dLast = kernels.ownOrNull(operation, gradients.dLast(), batch, s.columns);
    HostTensor dA = kernels.ownOrNull(operation, gradients.dA(), s.a.rows(), s.columns);
    HostTensor db = kernels.own(operation, gradients.db(), rows, s.columns);
    HostTensor dGain = kernels.ownOrNull(operation, gradients.dGain(), 1, s.columns);
    HostTensor dInitial = kernels.ownOrNull(operation, gradients.dInitial(), batch, s.columns);
    kernels.withScratch(
        3L * s.columns,
        workspace ->
            check(
                operation,
                Native.ssm_diagonal_scan_backward_f32(
                    s.segments.batch(),
                    s.segments.offsets(),
                    s.columns,
                    s.complex ? 1 : 0,
                    s.constant ? 1 : 0,
                    s.a.address(),
                    s.a.stride(),
                    s.b.address(),
                    s.b.stride(),
                    address(s.gain),
                    address(s.initial),
                    stride(s.initial),
                    s.h.address(),
                    s.h.stride(),
                    dh.address(),
                    dh.stride(),
                    address(dLast),
                    stride(dLast),
                    address(dA),
                    stride(dA),
                    db.address(),
                    db.stride(),
                    address(dGain),
                    address(dInitial),
                    stride(dInitial),
                    workspace)));
  }
}
