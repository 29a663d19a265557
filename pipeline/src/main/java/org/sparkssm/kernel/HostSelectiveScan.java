package org.sparkssm.kernel;

import static org.sparkssm.kernel.HostKernels.address;
import static org.sparkssm.kernel.HostKernels.check;
import static org.sparkssm.kernel.HostKernels.stride;

/** The selective scan of {@link HostKernels}: operands checked, addresses passed on. */
final class HostSelectiveScan {
  private final Segments segments;
  private final int columns;
  private final int states;
  private final HostTensor u;
  private final HostTensor deltaRaw;
  private final HostTensor deltaBias;
  private final HostTensor a;
  private final HostTensor b;
  private final HostTensor c;
  private final HostTensor skip;
  private final HostTensor gate;
  private final HostTensor initial;
  private final HostTensor kept;

  private HostSelectiveScan(HostKernels kernels, SelectiveScan scan, String operation) {
    segments = scan.segments();
    int rows = segments.rows();
    columns = scan.u().columns();
    states = scan.a().columns();
    u = kernels.own(operation, scan.u(), rows, columns);
    deltaRaw = kernels.own(operation, scan.deltaRaw(), rows, columns);
    deltaBias = kernels.ownOrNull(operation, scan.deltaBias(), 1, columns);
    a = kernels.own(operation, scan.a(), columns, states);
    b = kernels.own(operation, scan.b(), rows, states);
    c = kernels.own(operation, scan.c(), rows, states);
    skip = kernels.ownOrNull(operation, scan.skip(), 1, columns);
    gate = kernels.ownOrNull(operation, scan.gate(), rows, columns);
    initial = kernels.ownOrNull(operation, scan.initial(), segments.batch(), columns * states);
    int keptRows = scan.kept() == null ? 0 : SelectiveScan.keptRows(segments);
    kept = kernels.ownOrNull(operation, scan.kept(), keptRows, columns * states);
    HostKernels.expect(
        kept == null || kept.isDense(), operation, scan.u(), "kept states have dense rows");
  }

  static void forward(HostKernels kernels, SelectiveScan scan) {
    String operation = "selectiveScanForward";
    HostSelectiveScan s = new HostSelectiveScan(kernels, scan, operation);
    HostTensor y = kernels.own(operation, scan.y(), s.segments.rows(), s.columns);
    HostTensor last =
        kernels.ownOrNull(operation, scan.last(), s.segments.batch(), s.columns * s.states);
    kernels.withScratch(
        Native.ssm_selective_scan_forward_workspace_f32(s.states),
        workspace ->
            check(
                operation,
                Native.ssm_selective_scan_forward_f32(
                    s.segments.batch(),
                    s.segments.offsets(),
                    s.columns,
                    s.states,
                    s.u.address(),
                    s.u.stride(),
                    s.deltaRaw.address(),
                    s.deltaRaw.stride(),
                    address(s.deltaBias),
                    s.a.address(),
                    s.a.stride(),
                    s.b.address(),
                    s.b.stride(),
                    s.c.address(),
                    s.c.stride(),
                    address(s.skip),
                    address(s.gate),
                    stride(s.gate),
                    address(s.initial),
                    stride(s.initial),
                    y.address(),
                    y.stride(),
                    address(last),
                    stride(last),
                    address(s.kept),
                    workspace)));
  }

  static void backward(HostKernels kernels, SelectiveScan scan, SelectiveScan.Gradients gradients) {
    String operation = "selectiveScanBackward";
    HostSelectiveScan s = new HostSelectiveScan(kernels, scan, operation);
    int rows = s.segments.rows();
    int batch = s.segments.batch();
    int width = s.columns * s.states;
    HostTensor dy = kernels.own(operation, gradients.dy(), rows, s.columns);
    HostTensor dLast = kernels.ownOrNull(operation, gradients.dLast(), batch, width);
    HostTensor du = kernels.own(operation, gradients.du(), rows, s.columns);
    HostTensor dDeltaRaw = kernels.own(operation, gradients.dDeltaRaw(), rows, s.columns);
    HostTensor dDeltaBias = kernels.ownOrNull(operation, gradients.dDeltaBias(), 1, s.columns);
    HostTensor dA = kernels.own(operation, gradients.dA(), s.columns, s.states);
    HostTensor db = kernels.own(operation, gradients.db(), rows, s.states);
    HostTensor dc = kernels.own(operation, gradients.dc(), rows, s.states);
    HostTensor dSkip = kernels.ownOrNull(operation, gradients.dSkip(), 1, s.columns);
    HostTensor dGate = kernels.ownOrNull(operation, gradients.dGate(), rows, s.columns);
    HostTensor dInitial = kernels.ownOrNull(operation, gradients.dInitial(), batch, width);
    HostKernels.expect(
        dGate == null || s.gate != null, operation, scan.u(), "a gradient of an absent gate");
    kernels.withScratch(
        Native.ssm_selective_scan_backward_workspace_f32(
            s.states, s.kept == null ? s.segments.longest() : 0),
        workspace ->
            check(
                operation,
                Native.ssm_selective_scan_backward_f32(
                    batch,
                    s.segments.offsets(),
                    s.columns,
                    s.states,
                    s.u.address(),
                    s.u.stride(),
                    s.deltaRaw.address(),
                    s.deltaRaw.stride(),
                    address(s.deltaBias),
                    s.a.address(),
                    s.a.stride(),
                    s.b.address(),
                    s.b.stride(),
                    s.c.address(),
                    s.c.stride(),
                    address(s.skip),
                    address(s.gate),
                    stride(s.gate),
                    address(s.initial),
                    stride(s.initial),
                    dy.address(),
                    dy.stride(),
                    address(dLast),
                    stride(dLast),
                    du.address(),
                    du.stride(),
                    dDeltaRaw.address(),
                    dDeltaRaw.stride(),
                    address(dDeltaBias),
                    dA.address(),
                    dA.stride(),
                    db.address(),
                    db.stride(),
                    dc.address(),
                    dc.stride(),
                    address(dSkip),
                    address(dGate),
                    stride(dGate),
                    address(dInitial),
                    stride(dInitial),
                    address(s.kept),
                    workspace)));
  }
}
