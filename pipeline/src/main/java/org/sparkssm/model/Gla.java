package org.sparkssm.model;

import org.sparkssm.kernel.Activation;
import org.sparkssm.kernel.GatedLinearAttention;
import org.sparkssm.kernel.Tensor;

/**
 * Gated linear attention (GLA; Yang et al. 2024, arXiv 2312.06635, section 4.4) and, with a phase,
 * GateLoop (Katsch 2023, arXiv 2311.01927, section 3.3), with H heads of key size K and value size
 * V:
 *
 * <pre>
 * (q, k, v, r, g[, phase]) = x in_proj^T          [T, 2 H K + 2 H V + gateRank [+ H K]]
 * alpha  = sigmoid(-(g gate_proj^T + bias))^(1 / temperature) [e^(i phase)]
 * S_l    = diag(alpha_l) S_{l-1} + k_l v_l^T,   o_l = Re(S_l^T q_l)
 * out    = (norm(o) silu(r)) out_proj^T           norm: root mean square of each head
 * </pre>
 *
 * <p>The decay is {@code exp(-softplus(.) / temperature)}: always in log space. GateLoop's paper
 * has one key and value per head, another output gate and no norm; here both share the frame of
 * GLA.
 *
 * <p>Options: {@code heads} H (4), {@code key} K (D / (2 H) rounded up), {@code value} V (D / H
 * rounded up), {@code gateRank} (16), {@code temperature} (16 for GLA, 1 for GateLoop).
 */
final class Gla implements Layer {
  private final boolean phased;
  private final int heads;
  private final int keys;
  private final int values;
  private final int gateRank;
  private final double temperature;
  private final Dense inProjection;
  private final Dense gateProjection;
  private final HeadNorm norm;
  private final Dense outProjection;
  private final StateSlot states;

  private Gla(boolean phased, Options options, LayerSetting setting, ParameterLayout layout) {
    this.phased = phased;
    int width = setting.width();
    heads = options.integer("heads", 4, 1);
    keys = heads * options.integer("key", ceilingOfQuotient(width, 2 * heads), 1);
    int value = options.integer("value", ceilingOfQuotient(width, heads), 1);
    values = heads * value;
    gateRank = options.integer("gateRank", 16, 1);
    temperature = options.number("temperature", phased ? 1 : 16, 1e-3, Double.MAX_VALUE);
    inProjection = new Dense(width, inner(), false, layout.child("in_proj"));
    gateProjection = new Dense(gateRank, keys, true, layout.child("gate_proj"));
    norm = new HeadNorm(value, layout.child("norm"));
    outProjection = new Dense(values, width, false, layout.child("out_proj"));
    states =
        layout.addState(
            "s",
            keys * value * (phased ? 2 : 1),
            phased ? Carry.complex(keys * value) : Carry.ELEMENTWISE);
  }

  static Gla real(Options options, LayerSetting setting, ParameterLayout layout) {
    return new Gla(false, options, setting, layout);
  }

  static Gla gateLoop(Options options, LayerSetting setting, ParameterLayout layout) {
    return new Gla(true, options, setting, layout);
  }

  private static int ceilingOfQuotient(int dividend, int divisor) {
    return (dividend + divisor - 1) / divisor;
  }

  private int inner() {
    return 2 * keys + 2 * values + gateRank + (phased ? keys : 0);
  }

  /** The columns of the input projection, or of its gradient. */
  private final class Inner {
    final Tensor q;
    final Tensor k;
    final Tensor v;
    final Tensor outputGate;
    final Tensor decay;
    final Tensor phase;

    Inner(Tensor all) {
      q = all.columnRange(0, keys);
      k = all.columnRange(keys, 2 * keys);
      v = all.columnRange(2 * keys, 2 * keys + values);
      outputGate = all.columnRange(2 * keys + values, 2 * keys + 2 * values);
      int end = 2 * keys + 2 * values + gateRank;
      decay = all.columnRange(2 * keys + 2 * values, end);
      phase = phased ? all.columnRange(end, end + keys) : null;
    }
  }

  @Override
  public Backward forward(Pass pass, Tensor x, Tensor y) {
    Tensor all = pass.allocate(inner());
    Backward inBackward = inProjection.forward(pass, x, all);
    Inner inner = new Inner(all);
    Tensor decayRaw = pass.allocate(keys);
    Backward gateBackward = gateProjection.forward(pass, inner.decay, decayRaw);
    GatedLinearAttention scan =
        new GatedLinearAttention(
            pass.segments(),
            heads,
            inner.q,
            inner.k,
            inner.v,
            logAlpha(pass, decayRaw),
            inner.phase,
            pass.before(states),
            pass.allocate(values),
            pass.after(states));
    pass.kernels().gatedLinearAttentionForward(scan);
    pass.carry(states, scan.last());
    Tensor normed = pass.allocate(values);
    Backward normBackward = norm.forward(pass, scan.o(), normed);
    OutputGate gate = new OutputGate(pass, inner.outputGate, normed);
    Backward outBackward = outProjection.forward(pass, gate.gated(), y);
    return (dy, dx) -> {
      Tensor dGated = pass.allocate(values);
      outBackward.run(dy, dGated);
      Tensor dAll = pass.allocate(inner());
      Inner dInner = new Inner(dAll);
      Tensor dNormed = pass.allocate(values);
      gate.backward(dGated, dNormed, dInner.outputGate);
      Tensor dO = pass.allocate(values);
      normBackward.run(dNormed, dO);
      Tensor dLogAlpha = pass.allocate(keys);
      pass.kernels()
          .gatedLinearAttentionBackward(
              scan,
              new GatedLinearAttention.Gradients(
                  dO, null, dInner.q, dInner.k, dInner.v, dLogAlpha, dInner.phase, null));
      gateBackward.run(logAlphaBackward(pass, decayRaw, dLogAlpha), dInner.decay);
      inBackward.run(dAll, dx);
    };
  }

  /** {@code -softplus(raw) / temperature}. */
  private Tensor logAlpha(Pass pass, Tensor raw) {
    Tensor softplus = pass.allocate(keys);
    pass.kernels().activationForward(Activation.SOFTPLUS, raw, softplus);
    return scaled(pass, softplus);
  }

  private Tensor logAlphaBackward(Pass pass, Tensor raw, Tensor dLogAlpha) {
    Tensor dRaw = scaled(pass, dLogAlpha);
    pass.kernels().activationBackward(Activation.SOFTPLUS, raw, dRaw, dRaw);
    return dRaw;
  }

  private Tensor scaled(Pass pass, Tensor x) {
    Tensor y = pass.kernels().zeros(x.rows(), x.columns());
    pass.kernels().addScaled(-1 / temperature, x, y);
    return y;
  }
}
