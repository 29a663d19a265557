package org.sparkssm.kernel;

import static org.sparkssm.kernel.HostKernels.address;
import static org.sparkssm.kernel.HostKernels.check;
import static org.sparkssm.kernel.HostKernels.expect;
import static org.sparkssm.kernel.HostKernels.stride;

import java.util.function.LongConsumer;

/** The tanh and LSTM recurrences of {@link HostKernels}: operands checked, addresses passed on. */
final class HostRecurrentScan {
  private final Segments segments;
  private final int cell;
  private final int hidden;
  private final int stateColumns;
  private final HostTensor p;
  private final HostTensor weight;
  private final HostTensor initial;
  private final HostTensor h;
  private final HostTensor saved;

  private HostRecurrentScan(HostKernels kernels, RecurrentScan scan, String operation) {
    segments = scan.segments();
    cell =
        switch (scan.cell()) {
          case TANH -> 0;
          case LSTM -> 1;
        };
    hidden = scan.weight().columns();
    stateColumns = scan.cell().stateParts() * hidden;
    int rows = segments.rows();
    weight = kernels.own(operation, scan.weight(), scan.cell().gates() * hidden, hidden);
    expect(weight.isDense(), operation, weight, "expected dense rows");
    p = kernels.own(operation, scan.p(), rows, weight.rows());
    initial = kernels.ownOrNull(operation, scan.initial(), segments.batch(), stateColumns);
    h = kernels.own(operation, scan.h(), rows, hidden);
    int savedColumns = RecurrentScan.savedColumns(scan.cell(), hidden);
    saved = savedColumns == 0 ? null : kernels.own(operation, scan.saved(), rows, savedColumns);
  }

  private void withWorkspace(HostKernels kernels, LongConsumer work) {
    kernels.withScratch(
        Native.ssm_recurrent_scan_workspace_f32(cell, segments.batch(), hidden), work);
  }

  static void forward(HostKernels kernels, RecurrentScan scan) {
    String operation = "recurrentScanForward";
    HostRecurrentScan s = new HostRecurrentScan(kernels, scan, operation);
    HostTensor last = kernels.ownOrNull(operation, scan.last(), s.segments.batch(), s.stateColumns);
    s.withWorkspace(
        kernels,
        workspace ->
            check(
                operation,
                Native.ssm_recurrent_scan_forward_f32(
                    s.cell,
                    s.segments.batch(),
                    s.segments.offsets(),
                    s.hidden,
                    s.p.address(),
                    s.p.stride(),
                    s.weight.address(),
                    address(s.initial),
                    stride(s.initial),
                    s.h.address(),
                    s.h.stride(),
                    address(s.saved),
                    stride(s.saved),
                    address(last),
                    stride(last),
                    workspace)));
  }

  static void backward(HostKernels kernels, RecurrentScan scan, RecurrentScan.Gradients g) {
    String operation = "recurrentScanBackward";
    HostRecurrentScan s = new HostRecurrentScan(kernels, scan, operation);
    int batch = s.segments.batch();
    HostTensor dh = kernels.own(operation, g.dh(), s.segments.rows(), s.hidden);
    HostTensor dLast = kernels.ownOrNull(operation, g.dLast(), batch, s.stateColumns);
    HostTensor dp = kernels.own(operation, g.dp(), s.segments.rows(), s.weight.rows());
    HostTensor dInitial = kernels.ownOrNull(operation, g.dInitial(), batch, s.stateColumns);
    s.withWorkspace(
        kernels,
        workspace ->
            check(
                operation,
                Native.ssm_recurrent_scan_backward_f32(
                    s.cell,
                    batch,
                    s.segments.offsets(),
                    s.hidden,
                    s.weight.address(),
                    address(s.initial),
                    stride(s.initial),
                    s.h.address(),
                    s.h.stride(),
                    address(s.saved),
                    stride(s.saved),
                    dh.address(),
                    dh.stride(),
                    address(dLast),
                    stride(dLast),
                    dp.address(),
                    dp.stride(),
                    address(dInitial),
                    stride(dInitial),
                    workspace)));
    kernels.scope(
        () -> {
          kernels.gemm(true, false, 1, dp, s.statesBefore(kernels), 1, g.dWeight());
          return null;
        });
  }

  /** The hidden state before every step, [T, H]. */
  private Tensor statesBefore(HostKernels kernels) {
    Tensor before = kernels.zeros(segments.rows(), hidden);
    for (int b = 0; b < segments.batch(); b++) {
      int first = segments.offset(b);
      int end = first + segments.length(b);
      if (first < end && initial != null) {
        kernels.copy(
            initial.rowRange(b, b + 1).columnRange(0, hidden), before.rowRange(first, first + 1));
      }
      if (first + 1 < end) {
        kernels.copy(h.rowRange(first, end - 1), before.rowRange(first + 1, end));
      }
    }
    return before;
  }
}
