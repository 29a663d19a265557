package org.sparkssm.model;

import org.sparkssm.kernel.SelectiveScan;
import org.sparkssm.kernel.Tensor;

/**
 * The Mamba block (Gu and Dao 2023, "Mamba: Linear-Time Sequence Modeling with Selective State
 * Spaces", section 3.4) around the selective scan S6, with E = expand D inner channels, state N and
 * R = ceil(D / 16) columns for the step size:
 *
 * <pre>
 * (v, z)     = x in_proj^T                         [T, 2E]
 * u          = silu(causal convolution(v))          [T, E]
 * (r, B, C)  = u x_proj^T                          [T, R + 2N]
 * y          = S6(u, delta = softplus(r dt_proj^T + dt_bias), A = -exp(A_log), B, C, D) silu(z)
 * out        = y out_proj^T
 * </pre>
 *
 * Initial values are those of the authors' code (state-spaces/mamba, {@code mamba_simple.py}):
 * {@code A_log = log(1..N)}, {@code D = 1}, step sizes log-uniform in [dtMin, dtMax].
 *
 * <p>Options: {@code state} N (16), {@code expand} (2), {@code convolution} taps (4), {@code dtMin}
 * (0.001) and {@code dtMax} (0.1), {@code clock} (0): above 0, step sizes are multiplied by how
 * long the data's times say that a step lasts ({@link StepDuration}).
 */
final class Mamba implements Layer {
  private final int state;
  private final int inner;
  private final int stepColumns;
  private final Dense inProjection;
  private final Dense mixProjection;
  private final Dense outProjection;
  private final CausalConvolution convolution;
  private final Parameter stepWeight;
  private final Parameter stepBias;
  private final Parameter logA;
  private final Parameter skip;
  private final StepDuration duration;
  private final StateSlot states;

  Mamba(Options options, LayerSetting setting, ParameterLayout layout) {
    int width = setting.width();
    state = options.integer("state", 16, 1);
    inner = options.integer("expand", 2, 1) * width;
    int taps = options.integer("convolution", 4, 1);
    stepColumns = (width + 15) / 16;
    inProjection = new Dense(width, 2 * inner, false, layout.child("in_proj"));
    convolution = new CausalConvolution(inner, taps, true, layout.child("conv1d"));
    mixProjection = new Dense(inner, stepColumns + 2 * state, false, layout.child("x_proj"));
    stepWeight =
        layout.addWeight(
            "dt_proj.weight", inner, stepColumns, Initializer.uniform(1 / Math.sqrt(stepColumns)));
    stepBias = layout.addFree("dt_proj.bias", 1, inner, StepRange.of(options).softplusInverses());
    logA = layout.addFree("A_log", inner, state, (random, count) -> logarithms());
    skip = layout.addFree("D", 1, inner, Initializer.constant(1));
    outProjection = new Dense(inner, width, false, layout.child("out_proj"));
    duration = StepDuration.of(options, layout);
    states = layout.addState("h", inner * state, Carry.ELEMENTWISE);
  }

  private double[] logarithms() {
    double[] values = new double[inner * state];
    for (int i = 0; i < values.length; i++) {
      values[i] = Math.log(i % state + 1.0);
    }
    return values;
  }

  @Override
  public Backward forward(Pass pass, Tensor x, Tensor y) {
    Tensor both = pass.allocate(2 * inner);
    Backward inBackward = inProjection.forward(pass, x, both);
    Tensor value = both.columnRange(0, inner);
    Tensor u = pass.allocate(inner);
    Backward convolutionBackward = convolution.forward(pass, value, u);
    Tensor mix = pass.allocate(stepColumns + 2 * state);
    Backward mixBackward = mixProjection.forward(pass, u, mix);
    StepSizes steps = new StepSizes(pass, mix);
    SelectiveScan scan = scan(pass, u, steps, mix, both.columnRange(inner, 2 * inner));
    pass.kernels().selectiveScanForward(scan);
    pass.carry(states, scan.last());
    Backward outBackward = outProjection.forward(pass, scan.y(), y);
    return (dy, dx) -> {
      Tensor dScanned = pass.allocate(inner);
      outBackward.run(dy, dScanned);
      Tensor du = pass.allocate(inner);
      Tensor dMix = pass.allocate(stepColumns + 2 * state);
      Tensor dBoth = pass.allocate(2 * inner);
      scanBackward(pass, scan, steps, mix, dScanned, du, dMix, dBoth.columnRange(inner, 2 * inner));
      Tensor duOfMix = pass.allocate(inner);
      mixBackward.run(dMix, duOfMix);
      pass.kernels().addScaled(1, duOfMix, du);
      convolutionBackward.run(du, dBoth.columnRange(0, inner));
      inBackward.run(dBoth, dx);
    };
  }

  /** The step sizes of one pass: raw numbers for the scan, and where their gradients go. */
  private final class StepSizes {
    private final Pass pass;
    private final Tensor raw;
    private final Tensor durations;
    private final Tensor stretched;

    StepSizes(Pass pass, Tensor mix) {
      this.pass = pass;
      raw = pass.allocate(inner);
      pass.kernels().gemm(false, true, 1, ofMix(mix), pass.value(stepWeight), 0, raw);
      if (duration == null) {
        durations = null;
        stretched = null;
      } else {
        durations = pass.allocate(1);
        pass.kernels().write(durations, duration.of(pass));
        stretched = pass.allocate(inner);
        pass.kernels().stretchedStepForward(raw, pass.value(stepBias), durations, stretched);
      }
    }

    Tensor ofMix(Tensor mix) {
      return mix.columnRange(0, stepColumns);
    }

    Tensor forScan() {
      return duration == null ? raw : stretched;
    }

    /** The bias that the scan adds; null where it is in the numbers already. */
    Tensor biasForScan() {
      return duration == null ? pass.value(stepBias) : null;
    }

    Tensor dBiasForScan() {
      return duration == null ? pass.gradient(stepBias) : null;
    }

    /**
     * @param dRaw gradient of what the scan was given; overwritten
     */
    void backward(Tensor mix, Tensor dRaw, Tensor dMix) {
      if (duration != null) {
        pass.kernels().stretchedStepBackward(raw, pass.value(stepBias), durations, dRaw, dRaw);
        pass.kernels().sumRows(dRaw, pass.gradient(stepBias));
      }
      pass.kernels().gemm(true, false, 1, dRaw, ofMix(mix), 1, pass.gradient(stepWeight));
      pass.kernels().gemm(false, false, 1, dRaw, pass.value(stepWeight), 0, ofMix(dMix));
    }
  }

  private SelectiveScan scan(Pass pass, Tensor u, StepSizes steps, Tensor mix, Tensor gate) {
    Tensor a = pass.kernels().allocate(inner, state);
    pass.kernels().negativeExpForward(pass.value(logA), a);
    return new SelectiveScan(
        pass.segments(),
        u,
        steps.forScan(),
        steps.biasForScan(),
        a,
        mix.columnRange(stepColumns, stepColumns + state),
        mix.columnRange(stepColumns + state, stepColumns + 2 * state),
        pass.value(skip),
        gate,
        pass.before(states),
        pass.allocate(inner),
        pass.after(states),
        pass.trains()
            ? pass.kernels().allocate(SelectiveScan.keptRows(pass.segments()), inner * state)
            : null);
  }

  private void scanBackward(
      Pass pass,
      SelectiveScan scan,
      StepSizes steps,
      Tensor mix,
      Tensor dy,
      Tensor du,
      Tensor dMix,
      Tensor dGate) {
    Tensor dRaw = pass.allocate(inner);
    Tensor dA = pass.kernels().zeros(inner, state);
    pass.kernels()
        .selectiveScanBackward(
            scan,
            new SelectiveScan.Gradients(
                dy,
                null,
                du,
                dRaw,
                steps.dBiasForScan(),
                dA,
                dMix.columnRange(stepColumns, stepColumns + state),
                dMix.columnRange(stepColumns + state, stepColumns + 2 * state),
                pass.gradient(skip),
                dGate,
                null));
    pass.kernels().negativeExpBackward(scan.a(), dA, pass.gradient(logA));
    steps.backward(mix, dRaw, dMix);
  }
}
