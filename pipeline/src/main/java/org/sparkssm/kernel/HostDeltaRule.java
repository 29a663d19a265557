package org.sparkssm.kernel;

import static org.sparkssm.kernel.HostKernels.address;
import static org.sparkssm.kernel.HostKernels.check;
import static org.sparkssm.kernel.HostKernels.expect;
import static org.sparkssm.kernel.HostKernels.stride;

/** The delta rule of {@link HostKernels}: operands checked, addresses passed on. */
final class HostDeltaRule {
  private final Segments segments;
  private final int heads;
  private final int updates;
  private final int keys;
  private final int values;
  private final HostTensor q;
  private final HostTensor k;
  private final HostTensor v;
  private final HostTensor beta;
  private final HostTensor logAlpha;
  private final HostTensor initial;

  private HostDeltaRule(HostKernels kernels, DeltaRule rule, String operation) {
    segments = rule.segments();
    int rows = segments.rows();
    heads = rule.heads();
    updates = rule.updates();
    keys = rule.q().columns() / heads;
    values = rule.o().columns() / heads;
    q = kernels.own(operation, rule.q(), rows, heads * keys);
    k = kernels.own(operation, rule.k(), rows, updates * heads * keys);
    v = kernels.own(operation, rule.v(), rows, updates * heads * values);
    beta = kernels.own(operation, rule.beta(), rows, updates * heads);
    logAlpha = kernels.ownOrNull(operation, rule.logAlpha(), rows, heads);
    initial = kernels.ownOrNull(operation, rule.initial(), segments.batch(), stateColumns());
  }

  static void forward(HostKernels kernels, DeltaRule rule) {
    String operation = "deltaRuleForward";
    HostDeltaRule s = new HostDeltaRule(kernels, rule, operation);
    HostTensor o = kernels.own(operation, rule.o(), s.segments.rows(), s.heads * s.values);
    HostTensor last =
        kernels.ownOrNull(operation, rule.last(), s.segments.batch(), s.stateColumns());
    kernels.withScratch(
        Native.ssm_delta_rule_forward_workspace_f32(s.keys),
        workspace ->
            check(
                operation,
                Native.ssm_delta_rule_forward_f32(
                    s.segments.batch(),
                    s.segments.offsets(),
                    s.heads,
                    s.keys,
                    s.values,
                    s.updates,
                    s.q.address(),
                    s.q.stride(),
                    s.k.address(),
                    s.k.stride(),
                    s.v.address(),
                    s.v.stride(),
                    s.beta.address(),
                    s.beta.stride(),
                    address(s.logAlpha),
                    stride(s.logAlpha),
                    address(s.initial),
                    stride(s.initial),
                    o.address(),
                    o.stride(),
                    address(last),
                    stride(last),
                    workspace)));
  }

  static void backward(HostKernels kernels, DeltaRule rule, DeltaRule.Gradients gradients) {
    String operation = "deltaRuleBackward";
    HostDeltaRule s = new HostDeltaRule(kernels, rule, operation);
    int rows = s.segments.rows();
    int batch = s.segments.batch();
    HostTensor dO = kernels.own(operation, gradients.dO(), rows, s.heads * s.values);
    HostTensor dLast = kernels.ownOrNull(operation, gradients.dLast(), batch, s.stateColumns());
    HostTensor dq = kernels.own(operation, gradients.dq(), rows, s.q.columns());
    HostTensor dk = kernels.own(operation, gradients.dk(), rows, s.k.columns());
    HostTensor dv = kernels.own(operation, gradients.dv(), rows, s.v.columns());
    HostTensor dBeta = kernels.own(operation, gradients.dBeta(), rows, s.beta.columns());
    expect(
        (s.logAlpha == null) == (gradients.dLogAlpha() == null),
        operation,
        s.q,
        "logAlpha and its gradient come together or not at all");
    HostTensor dLogAlpha = kernels.ownOrNull(operation, gradients.dLogAlpha(), rows, s.heads);
    HostTensor dInitial =
        kernels.ownOrNull(operation, gradients.dInitial(), batch, s.stateColumns());
    kernels.withScratch(
        Native.ssm_delta_rule_backward_workspace_f32(
            s.keys, s.values, s.updates, s.segments.longest()),
        workspace ->
            check(
                operation,
                Native.ssm_delta_rule_backward_f32(
                    s.segments.batch(),
                    s.segments.offsets(),
                    s.heads,
                    s.keys,
                    s.values,
                    s.updates,
                    s.q.address(),
                    s.q.stride(),
                    s.k.address(),
                    s.k.stride(),
                    s.v.address(),
                    s.v.stride(),
                    s.beta.address(),
                    s.beta.stride(),
                    address(s.logAlpha),
                    stride(s.logAlpha),
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
                    dBeta.address(),
                    dBeta.stride(),
                    address(dLogAlpha),
                    stride(dLogAlpha),
                    address(dInitial),
                    stride(dInitial),
                    workspace)));
  }

  private int stateColumns() {
    return heads * keys * values;
  }
}
