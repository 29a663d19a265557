package org.sparkssm.model;

import org.apache.commons.rng.UniformRandomProvider;
import org.sparkssm.kernel.Activation;
import org.sparkssm.kernel.DeltaRule;
import org.sparkssm.kernel.Tensor;

/**
 * DeltaNet (Yang et al. 2024, arXiv 2406.06484, section 4), with H heads of key size K and value
 * size V, and its descendants: gated DeltaNet (Yang, Kautz and Hatamizadeh 2024, arXiv 2412.06464)
 * where {@code gated}, negative eigenvalues (Grazzi et al. 2024, arXiv 2411.12537) where {@code
 * negative}, DeltaProduct (Siems et al. 2025, arXiv 2502.10297) where R = {@code updates} &gt; 1:
 *
 * <pre>
 * (q, k, v)         = silu(causal convolution(x in_proj^T))     [T, H K + R H K + R H V]
 * (b[, a, r])       = x gate_proj^T                             [T, R H [+ H + H V]]
 * q, k              = q / |q|, k / |k|                          each head
 * beta              = sigmoid(b), or 2 sigmoid(b) where negative
 * log alpha         = -exp(A_log) softplus(a + dt_bias)         where gated, else 0
 * o                 = delta rule(q, k, v, beta, alpha)
 * out               = (norm(o) [silu(r)]) out_proj^T            norm: root mean square of each head
 * </pre>
 *
 * <p>Initial values are those of gated DeltaNet's code: exp(A_log) uniform in (0, 16),
 * softplus(dt_bias) log-uniform in [dtMin, dtMax].
 *
 * <p>Options: {@code heads} H (4), {@code key} K and {@code value} V (D / H rounded up), {@code
 * updates} R (1), {@code gated} (false), {@code negative} (false), {@code convolution} taps (4);
 * where gated {@code dtMin} (0.001) and {@code dtMax} (0.1).
 */
final class DeltaNet implements Layer {
  private static final double GREATEST_RATE = 16;

  private final int heads;
  private final int key;
  private final int keys;
  private final int values;
  private final int updates;
  private final boolean gated;
  private final boolean negative;
  private final Dense inProjection;
  private final CausalConvolution convolution;
  private final Dense gateProjection;
  private final Parameter logRate;
  private final Parameter stepBias;
  private final HeadNorm norm;
  private final Dense outProjection;
  private final StateSlot states;

  DeltaNet(Options options, LayerSetting setting, ParameterLayout layout) {
    int width = setting.width();
    heads = options.integer("heads", 4, 1);
    int share = (width + heads - 1) / heads;
    key = options.integer("key", share, 1);
    int value = options.integer("value", share, 1);
    keys = heads * key;
    values = heads * value;
    updates = options.integer("updates", 1, 1);
    gated = options.flag("gated", false);
    negative = options.flag("negative", false);
    int taps = options.integer("convolution", 4, 1);
    inProjection = new Dense(width, mixed(), false, layout.child("in_proj"));
    convolution = new CausalConvolution(mixed(), taps, false, layout.child("conv1d"));
    gateProjection = new Dense(width, gates(), false, layout.child("gate_proj"));
    logRate = gated ? layout.addFree("A_log", 1, heads, Initializer.fill(DeltaNet::logRate)) : null;
    stepBias =
        gated
            ? layout.addFree("dt_bias", 1, heads, StepRange.of(options).softplusInverses())
            : null;
    norm = new HeadNorm(value, layout.child("norm"));
    outProjection = new Dense(values, width, false, layout.child("out_proj"));
    states = layout.addState("s", values * key, Carry.SEQUENTIAL);
  }

  private static double logRate(UniformRandomProvider random) {
    return Math.log(GREATEST_RATE * (1 - random.nextDouble()));
  }

  /** Columns of q, k and v together. */
  private int mixed() {
    return keys + updates * (keys + values);
  }

  private int gates() {
    return updates * heads + (gated ? heads + values : 0);
  }

  /** q and k of a tensor of {@link #mixed} columns. */
  private Tensor qk(Tensor mixed) {
    return mixed.columnRange(0, keys + updates * keys);
  }

  private Tensor v(Tensor mixed) {
    return mixed.columnRange(keys + updates * keys, mixed());
  }

  private Tensor betaRaw(Tensor gates) {
    return gates.columnRange(0, updates * heads);
  }

  private Tensor decayRaw(Tensor gates) {
    return gates.columnRange(updates * heads, updates * heads + heads);
  }

  private Tensor outputGate(Tensor gates) {
    return gates.columnRange(updates * heads + heads, gates());
  }

  @Override
  public Backward forward(Pass pass, Tensor x, Tensor y) {
    Tensor projected = pass.allocate(mixed());
    Backward inBackward = inProjection.forward(pass, x, projected);
    Tensor mixed = pass.allocate(mixed());
    Backward convolutionBackward = convolution.forward(pass, projected, mixed);
    Tensor unit = pass.allocate(keys + updates * keys);
    Backward unitBackward = HeadNorm.unitLength(pass, qk(mixed), unit, key);
    Tensor gates = pass.allocate(gates());
    Backward gateBackward = gateProjection.forward(pass, x, gates);
    Decay decay = gated ? new Decay(pass, decayRaw(gates)) : null;
    DeltaRule rule =
        new DeltaRule(
            pass.segments(),
            heads,
            updates,
            unit.columnRange(0, keys),
            unit.columnRange(keys, unit.columns()),
            v(mixed),
            beta(pass, betaRaw(gates)),
            gated ? decay.logAlpha : null,
            pass.before(states),
            pass.allocate(values),
            pass.after(states));
    pass.kernels().deltaRuleForward(rule);
    pass.carry(states, rule.last());
    Tensor normed = pass.allocate(values);
    Backward normBackward = norm.forward(pass, rule.o(), normed);
    OutputGate gate = gated ? new OutputGate(pass, outputGate(gates), normed) : null;
    Backward outBackward = outProjection.forward(pass, gated ? gate.gated() : normed, y);
    return (dy, dx) -> {
      Tensor dGates = pass.allocate(gates());
      Tensor dNormed = pass.allocate(values);
      outBackward.run(dy, dNormed);
      if (gated) {
        Tensor dGated = dNormed;
        dNormed = pass.allocate(values);
        gate.backward(dGated, dNormed, outputGate(dGates));
      }
      Tensor dO = pass.allocate(values);
      normBackward.run(dNormed, dO);
      Tensor dUnit = pass.allocate(unit.columns());
      Tensor dMixed = pass.allocate(mixed());
      Tensor dLogAlpha = gated ? pass.allocate(heads) : null;
      pass.kernels()
          .deltaRuleBackward(
              rule,
              new DeltaRule.Gradients(
                  dO,
                  null,
                  dUnit.columnRange(0, keys),
                  dUnit.columnRange(keys, unit.columns()),
                  v(dMixed),
                  betaRaw(dGates),
                  dLogAlpha,
                  null));
      betaBackward(pass, betaRaw(gates), betaRaw(dGates));
      if (gated) {
        decay.backward(dLogAlpha, decayRaw(dGates));
      }
      unitBackward.run(dUnit, qk(dMixed));
      Tensor dProjected = pass.allocate(mixed());
      convolutionBackward.run(dMixed, dProjected);
      Tensor dxOfGates = pass.allocate(x.columns());
      gateBackward.run(dGates, dxOfGates);
      inBackward.run(dProjected, dx);
      pass.kernels().addScaled(1, dxOfGates, dx);
    };
  }

  private Tensor beta(Pass pass, Tensor raw) {
    Tensor beta = pass.allocate(raw.columns());
    pass.kernels().activationForward(Activation.SIGMOID, raw, beta);
    return negative ? doubled(pass, beta) : beta;
  }

  /** Turns the gradient of beta into that of what it was made of. */
  private void betaBackward(Pass pass, Tensor raw, Tensor dBeta) {
    pass.kernels().activationBackward(Activation.SIGMOID, raw, dBeta, dBeta);
    if (negative) {
      pass.kernels().copy(doubled(pass, dBeta), dBeta);
    }
  }

  private static Tensor doubled(Pass pass, Tensor x) {
    Tensor y = pass.kernels().zeros(x.rows(), x.columns());
    pass.kernels().addScaled(2, x, y);
    return y;
  }

  /** {@code log alpha = -exp(A_log) softplus(raw + dt_bias)} of one pass. */
  private final class Decay {
    final Pass pass;
    final Tensor raw;
    final Tensor step;
    final Tensor rate;
    final Tensor logAlpha;

    /**
     * @param raw [T, H]; dt_bias is added to it
     */
    Decay(Pass pass, Tensor raw) {
      this.pass = pass;
      this.raw = raw;
      pass.kernels().addRow(pass.value(stepBias), raw);
      step = pass.allocate(heads);
      pass.kernels().activationForward(Activation.SOFTPLUS, raw, step);
      rate = pass.kernels().allocate(1, heads);
      pass.kernels().negativeExpForward(pass.value(logRate), rate);
      logAlpha = pass.kernels().zeros(raw.rows(), heads);
      pass.kernels().addScaledColumns(rate, step, logAlpha);
    }

    void backward(Tensor dLogAlpha, Tensor dRaw) {
      Tensor dRate = pass.kernels().zeros(1, heads);
      pass.kernels().sumProducts(step, dLogAlpha, dRate);
      pass.kernels().negativeExpBackward(rate, dRate, pass.gradient(logRate));
      pass.kernels().fill(dRaw, 0);
      pass.kernels().addScaledColumns(rate, dLogAlpha, dRaw);
      pass.kernels().activationBackward(Activation.SOFTPLUS, raw, dRaw, dRaw);
      pass.kernels().sumRows(dRaw, pass.gradient(stepBias));
    }
  }
}
