package org.sparkssm.kernel;

import static org.sparkssm.kernel.HostKernels.check;
import static org.sparkssm.kernel.HostKernels.expect;

/** The causal attention of {@link HostKernels}: operands checked, addresses passed on. */
final class HostCausalAttention {
  private final Segments segments;
  private final Segments keySegments;
  private final int heads;
  private final int keys;
  private final int values;
  private final HostTensor q;
  private final HostTensor k;
  private final HostTensor v;
  private final HostTensor o;
  private final HostTensor logSums;

  private HostCausalAttention(HostKernels kernels, CausalAttention attention, String operation) {
    segments = attention.segments();
    keySegments = attention.keySegments();
    heads = attention.heads();
    int rows = segments.rows();
    q = kernels.own(operation, attention.q(), rows, attention.q().columns());
    expect(q.columns() % heads == 0, operation, q, heads + " heads");
    k = kernels.own(operation, attention.k(), keySegments.rows(), q.columns());
    v = kernels.own(operation, attention.v(), keySegments.rows(), attention.v().columns());
    expect(v.columns() % heads == 0, operation, v, heads + " heads");
    keys = q.columns() / heads;
    values = v.columns() / heads;
    o = kernels.own(operation, attention.o(), rows, v.columns());
    logSums = kernels.own(operation, attention.logSums(), rows, heads);
  }

  static void forward(HostKernels kernels, CausalAttention attention) {
    String operation = "causalAttentionForward";
    HostCausalAttention a = new HostCausalAttention(kernels, attention, operation);
    kernels.withScratch(
        Native.ssm_causal_attention_workspace_f32(a.keys, a.values),
        workspace ->
            check(
                operation,
                Native.ssm_causal_attention_forward_f32(
                    a.segments.batch(),
                    a.segments.offsets(),
                    a.keySegments.offsets(),
                    a.heads,
                    a.keys,
                    a.values,
                    a.q.address(),
                    a.q.stride(),
                    a.k.address(),
                    a.k.stride(),
                    a.v.address(),
                    a.v.stride(),
                    a.o.address(),
                    a.o.stride(),
                    a.logSums.address(),
                    a.logSums.stride(),
                    workspace)));
  }

  static void backward(
      HostKernels kernels, CausalAttention attention, CausalAttention.Gradients gradients) {
    String operation = "causalAttentionBackward";
    HostCausalAttention a = new HostCausalAttention(kernels, attention, operation);
    HostTensor dO = kernels.own(operation, gradients.dO(), a.o.rows(), a.o.columns());
    HostTensor dq = kernels.own(operation, gradients.dq(), a.q.rows(), a.q.columns());
    HostTensor dk = kernels.own(operation, gradients.dk(), a.k.rows(), a.k.columns());
    HostTensor dv = kernels.own(operation, gradients.dv(), a.v.rows(), a.v.columns());
    kernels.withScratch(
        Native.ssm_causal_attention_workspace_f32(a.keys, a.values),
        workspace ->
            check(
                operation,
                Native.ssm_causal_attention_backward_f32(
                    a.segments.batch(),
                    a.segments.offsets(),
                    a.keySegments.offsets(),
                    a.heads,
                    a.keys,
                    a.values,
                    a.q.address(),
                    a.q.stride(),
                    a.k.address(),
                    a.k.stride(),
                    a.v.address(),
                    a.v.stride(),
                    a.o.address(),
                    a.o.stride(),
                    a.logSums.address(),
                    a.logSums.stride(),
                    dO.address(),
                    dO.stride(),
                    dq.address(),
                    dq.stride(),
                    dk.address(),
                    dk.stride(),
                    dv.address(),
                    dv.stride(),
                    workspace)));
  }

  static void rotate(
      HostKernels kernels, int[] positions, Tensor angles, boolean inverse, Tensor x, Tensor y) {
    String operation = "rotate";
    HostTensor table = kernels.own(operation, angles);
    HostTensor from = kernels.own(operation, x, positions.length, x.columns());
    HostTensor to = kernels.own(operation, y, positions.length, x.columns());
    for (int position : positions) {
      expect(position >= 0 && position < table.rows(), operation, table, "position " + position);
    }
    check(
        operation,
        Native.ssm_rotate_f32(
            positions.length,
            from.columns(),
            positions,
            table.columns() / 2,
            table.address(),
            table.stride(),
            inverse ? 1 : 0,
            from.address(),
            from.stride(),
            to.address(),
            to.stride()));
  }
}
