package org.sparkssm.kernel;

import static org.sparkssm.kernel.HostKernels.address;
import static org.sparkssm.kernel.HostKernels.check;
import static org.sparkssm.kernel.HostKernels.expect;
import static org.sparkssm.kernel.HostKernels.stride;

/** Gated linear attention of {@link HostKernels}: operands checked, addresses passed on. */
final class HostGatedLinearAttention {
  private final Segments segments;
  private final int heads;
  private final int keys;
  private final int values;
  private final int stateColumns;
  private final HostTensor q;
  private final HostTensor k;
  private final HostTensor v;
  private final HostTensor logAlpha;
  private final HostTensor phase;
  private final HostTensor initial;

  private HostGatedLinearAttention(
      HostKernels kernels, GatedLinearAttention scan, String operation) {
    segments = scan.segments();
    int rows = segments.rows();
    heads = scan.heads();
    keys = scan.q().columns() / heads;
    values = scan.v().columns() / heads;
    q = kernels.own(operation, scan.q(), rows, heads * keys);
    k = kernels.own(operation, scan.k(), rows, heads * keys);
    v = kernels.own(operation, scan.v(), rows, heads * values);
    logAlpha = kernels.own(operation, scan.logAlpha(), rows, heads * keys);
    phase = kernels.ownOrNull(operation, scan.phase(), rows, heads * keys);
    stateColumns = (phase == null ? 1 : 2) * heads * keys * values;
    initial = kernels.ownOrNull(operation, scan.initial(), segments.batch(), stateColumns);
  }

  static void forward(HostKernels kernels, GatedLinearAttention scan) {
    String operation = "gatedLinearAttentionForward";
    HostGatedLinearAttention s = new HostGatedLinearAttention(kernels, scan, operation);
    HostTensor o = kernels.own(operation, scan.o(), s.segments.rows(), s.heads * s.values);
    HostTensor last = kernels.ownOrNull(operation, scan.last(), s.segments.batch(), s.stateColumns);
    kernels.withScratch(
        Native.ssm_gated_linear_attention_forward_workspace_f32(s.keys, s.values, s.complex()),
        workspace ->
            check(
                operation,
                Native.ssm_gated_linear_attention_forward_f32(
                    s.segments.batch(),
                    s.segments.offsets(),
                    s.heads,
                    s.keys,
                    s.values,
                    s.q.address(),
                    s.q.stride(),
                    s.k.address(),
                    s.k.stride(),
                    s.v.address(),
                    s.v.stride(),
                    s.logAlpha.address(),
                    s.logAlpha.stride(),
                    address(s.phase),
                    stride(s.phase),
                    address(s.initial),
                    stride(s.initial),
                    o.address(),
                    o.stride(),
                    address(last),
                    stride(last),
                    workspace)));
  }

  static void backward(
      HostKernels kernels, GatedLinearAttention scan, GatedLinearAttention.Gradients gradients) {
    String operation = "gatedLinearAttentionBackward";
    HostGatedLinearAttention s = new HostGatedLinearAttention(kernels, scan, operation);
    int rows = s.segments.rows();
    int batch = s.segments.batch();
    int keyColumns = s.heads * s.keys;
    HostTensor dO = kernels.own(operation, gradients.dO(), rows, s.heads * s.values);
    HostTensor dLast = kernels.ownOrNull(operation, gradients.dLast(), batch, s.stateColumns);
    HostTensor dq = kernels.own(operation, gradients.dq(), rows, keyColumns);
    HostTensor dk = kernels.own(operation, gradients.dk(), rows, keyColumns);
    HostTensor dv = kernels.own(operation, gradients.dv(), rows, s.heads * s.values);
    HostTensor dLogAlpha = kernels.own(operation, gradients.dLogAlpha(), rows, keyColumns);
    expect(
        (s.phase == null) == (gradients.dPhase() == null),
        operation,
        s.q,
        "phase and its gradient come together or not at all");
    HostTensor dPhase = kernels.ownOrNull(operation, gradients.dPhase(), rows, keyColumns);
    HostTensor dInitial = kernels.ownOrNull(operation, gradients.dInitial(), batch, s.stateColumns);
    kernels.withScratch(
        Native.ssm_gated_linear_attention_backward_workspace_f32(
            s.keys, s.values, s.complex(), s.segments.longest()),
        workspace ->
            check(
                operation,
                Native.ssm_gated_linear_attention_backward_f32(
                    s.segments.batch(),
                    s.segments.offsets(),
                    s.heads,
                    s.keys,
                    s.values,
                    s.q.address(),
                    s.q.stride(),
                    s.k.address(),
                    s.k.stride(),
                    s.v.address(),
                    s.v.stride(),
                    s.logAlpha.address(),
                    s.logAlpha.stride(),
                    address(s.phase),
                    stride(s.phase),
                    address(s.initial),
                    stride(s.initial),
                    dO.address(),
                    dO.stride(),
                    address(dLast),
                    stride(dLast),
                    dq.address(),
                    dq.stride(),
                    dk.address(),
                    dk.stride(),
                    dv.address(),
                    dv.stride(),
                    dLogAlpha.address(),
                    dLogAlpha.stride(),
                    address(dPhase),
                    stride(dPhase),
                    address(dInitial),
                    stride(dInitial),
                    workspace)));
  }

  private int complex() {
    return phase == null ? 0 : 1;
  }
}
