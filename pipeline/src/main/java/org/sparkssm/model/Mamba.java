package org.sparkssm.model;

import org.apache.commons.rng.UniformRandomProvider;
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
 * {@code A_log = log(1..N)}, {@code D = 1}, step sizes log-uniform in [0.001, 0.1].
 *
 * <p>Options: {@code state} N (16), {@code expand} (2), {@code convolution} taps (4).
 */
final class Mamba implements Layer {
  private static final double LEAST_STEP = 1e-3;
  private static final double GREATEST_STEP = 1e-1;

  private final int state;
  private final int inner;
  private final int stepColumns;
  private final Dense inProjection;
  private final Dense mixProjection;
  private final Dense outProjection;
  private final Parameter convolutionWeight;
  private final Parameter convolutionBias;
  private final Parameter stepWeight;
  private final Parameter stepBias;
  private final Parameter logA;
  private final Parameter skip;

  Mamba(Options options, int width, ParameterLayout layout) {
    state = options.integer("state", 16, 1);
    inner = options.integer("expand", 2, 1) * width;
    int taps = options.integer("convolution", 4, 1);
    stepColumns = (width + 15) / 16;
    inProjection = new Dense(width, 2 * inner, false, layout.child("in_proj"));
    Initializer tap = Initializer.uniform(1 / Math.sqrt(taps));
    convolutionWeight = layout.addWeight("conv1d.weight", inner, taps, tap);
    convolutionBias = layout.addFree("conv1d.bias", 1, inner, tap);
    mixProjection = new Dense(inner, stepColumns + 2 * state, false, layout.child("x_proj"));
    stepWeight =
        layout.addWeight(
            "dt_proj.weight", inner, stepColumns, Initializer.uniform(1 / Math.sqrt(stepColumns)));
    stepBias = layout.addFree("dt_proj.bias", 1, inner, Initializer.fill(Mamba::drawStepBias));
    logA = layout.addFree("A_log", inner, state, (random, count) -> logarithms());
    skip = layout.addFree("D", 1, inner, Initializer.constant(1));
    outProjection = new Dense(inner, width, false, layout.child("out_proj"));
  }

  /** The inverse of softplus at a log-uniform step size. */
  private static double drawStepBias(UniformRandomProvider random) {
    double logLeast = Math.log(LEAST_STEP);
    double step = Math.exp(logLeast + random.nextDouble() * (Math.log(GREATEST_STEP) - logLeast));
    return step + Math.log(-Math.expm1(-step));
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
    pass.kernels()
        .causalConvolutionForward(
            pass.segments(),
            value,
            pass.value(convolutionWeight),
            pass.value(convolutionBias),
            true,
            u);
    Tensor mix = pass.allocate(stepColumns + 2 * state);
    Backward mixBackward = mixProjection.forward(pass, u, mix);
    SelectiveScan scan = scan(pass, u, mix, both.columnRange(inner, 2 * inner));
    pass.kernels().selectiveScanForward(scan);
    Backward outBackward = outProjection.forward(pass, scan.y(), y);
    return (dy, dx) -> {
      Tensor dScanned = pass.allocate(inner);
      outBackward.run(dy, dScanned);
      Tensor du = pass.allocate(inner);
      Tensor dMix = pass.allocate(stepColumns + 2 * state);
      Tensor dBoth = pass.allocate(2 * inner);
      scanBackward(pass, scan, mix, dScanned, du, dMix, dBoth.columnRange(inner, 2 * inner));
      Tensor duOfMix = pass.allocate(inner);
      mixBackward.run(dMix, duOfMix);
      pass.kernels().addScaled(1, duOfMix, du);
      pass.kernels()
          .causalConvolutionBackward(
              pass.segments(),
              value,
              pass.value(convolutionWeight),
              pass.value(convolutionBias),
              true,
              du,
              dBoth.columnRange(0, inner),
              pass.gradient(convolutionWeight),
              pass.gradient(convolutionBias));
      inBackward.run(dBoth, dx);
    };
  }

  private SelectiveScan scan(Pass pass, Tensor u, Tensor mix, Tensor gate) {
    Tensor deltaRaw = pass.allocate(inner);
    pass.kernels()
        .gemm(false, true, 1, mix.columnRange(0, stepColumns), pass.value(stepWeight), 0, deltaRaw);
    Tensor a = pass.kernels().allocate(inner, state);
    pass.kernels().negativeExpForward(pass.value(logA), a);
    return new SelectiveScan(
        pass.segments(),
        u,
        deltaRaw,
        pass.value(stepBias),
        a,
        mix.columnRange(stepColumns, stepColumns + state),
        mix.columnRange(stepColumns + state, stepColumns + 2 * state),
        pass.value(skip),
        gate,
        null,
        pass.allocate(inner),
        null);
  }

  private void scanBackward(
      Pass pass, SelectiveScan scan, Tensor mix, Tensor dy, Tensor du, Tensor dMix, Tensor dGate) {
    Tensor dDeltaRaw = pass.allocate(inner);
    Tensor dA = pass.kernels().zeros(inner, state);
    pass.kernels()
        .selectiveScanBackward(
            scan,
            new SelectiveScan.Gradients(
                dy,
                null,
                du,
                dDeltaRaw,
                pass.gradient(stepBias),
                dA,
                dMix.columnRange(stepColumns, stepColumns + state),
                dMix.columnRange(stepColumns + state, stepColumns + 2 * state),
                pass.gradient(skip),
                dGate,
                null));
    pass.kernels().negativeExpBackward(scan.a(), dA, pass.gradient(logA));
    Tensor step = mix.columnRange(0, stepColumns);
    pass.kernels().gemm(true, false, 1, dDeltaRaw, step, 1, pass.gradient(stepWeight));
    pass.kernels()
        .gemm(
            false,
            false,
            1,
            dDeltaRaw,
            pass.value(stepWeight),
            0,
            dMix.columnRange(0, stepColumns));
  }
}
