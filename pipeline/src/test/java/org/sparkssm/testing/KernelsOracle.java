package org.sparkssm.testing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import org.sparkssm.kernel.Activation;
import org.sparkssm.kernel.CdeSolver;
import org.sparkssm.kernel.Kernels;
import org.sparkssm.kernel.LinearCdeSolve;
import org.sparkssm.kernel.Segments;
import org.sparkssm.kernel.SelectiveScan;
import org.sparkssm.kernel.Tensor;

/** Holds any kernels against the oracle values, to given tolerances. */
public final class KernelsOracle {
  private final Kernels kernels;
  private final double outputTolerance;
  private final double gradientTolerance;

  /**
   * @param outputTolerance of {@code max|a - b| / max(1, max|b|)} for outputs
   * @param gradientTolerance the same for gradients
   */
  public KernelsOracle(Kernels kernels, double outputTolerance, double gradientTolerance) {
    this.kernels = kernels;
    this.outputTolerance = outputTolerance;
    this.gradientTolerance = gradientTolerance;
  }

  /** Every case of {@code selective_scan.json}, the ragged one packed; also with kept states. */
  public void checkSelectiveScan() {
    for (OracleFile.Case c : OracleFile.cases("selective_scan.json")) {
      checkSelectiveScan(c, false);
      checkSelectiveScan(c, true);
    }
  }

  private void checkSelectiveScan(OracleFile.Case c, boolean keeps) {
    int[] shape = c.shape("u");
    int n = c.shape("A")[1];
    int width = shape[2];
    Packing packing =
        new Packing(shape[0], shape[1], c.hasInput("lengths") ? c.input("lengths") : null);
    Segments segments = packing.segments();
    SelectiveScan scan =
        new SelectiveScan(
            segments,
            rows(packing, c.input("u"), width),
            rows(packing, c.input("delta_raw"), width),
            tensor(1, width, c.input("delta_bias")),
            tensor(width, n, c.input("A")),
            rows(packing, c.input("B"), n),
            rows(packing, c.input("C"), n),
            tensor(1, width, c.input("Dskip")),
            c.hasInput("z") ? rows(packing, c.input("z"), width) : null,
            c.hasInput("h0") ? tensor(shape[0], width * n, c.input("h0")) : null,
            kernels.allocate(segments.rows(), width),
            kernels.allocate(shape[0], width * n),
            keeps ? kernels.allocate(SelectiveScan.keptRows(segments), width * n) : null);
    kernels.selectiveScanForward(scan);
    checkOutput(c, "y", packing.pack(c.output("y"), width), scan.y());
    checkOutput(c, "h_last", c.output("h_last"), scan.last());

    SelectiveScan.Gradients gradients =
        new SelectiveScan.Gradients(
            rows(packing, c.cotangent("y"), width),
            c.hasCotangent("h_last") ? tensor(shape[0], width * n, c.cotangent("h_last")) : null,
            kernels.allocate(segments.rows(), width),
            kernels.allocate(segments.rows(), width),
            kernels.zeros(1, width),
            kernels.zeros(width, n),
            kernels.allocate(segments.rows(), n),
            kernels.allocate(segments.rows(), n),
            kernels.zeros(1, width),
            scan.gate() == null ? null : kernels.allocate(segments.rows(), width),
            scan.initial() == null ? null : kernels.allocate(shape[0], width * n));
    kernels.selectiveScanBackward(scan, gradients);
    checkGradient(c, "u", packing.pack(c.gradient("u"), width), gradients.du());
    checkGradient(
        c, "delta_raw", packing.pack(c.gradient("delta_raw"), width), gradients.dDeltaRaw());
    checkGradient(c, "delta_bias", c.gradient("delta_bias"), gradients.dDeltaBias());
    checkGradient(c, "A", c.gradient("A"), gradients.dA());
    checkGradient(c, "B", packing.pack(c.gradient("B"), n), gradients.db());
    checkGradient(c, "C", packing.pack(c.gradient("C"), n), gradients.dc());
    checkGradient(c, "Dskip", c.gradient("Dskip"), gradients.dSkip());
    if (scan.gate() != null) {
      checkGradient(c, "z", packing.pack(c.gradient("z"), width), gradients.dGate());
    }
    if (scan.initial() != null) {
      checkGradient(c, "h0", c.gradient("h0"), gradients.dInitial());
    }
  }

  /** Every case of {@code linear_cde.json}. */
  public void checkLinearCde() {
    for (OracleFile.Case c : OracleFile.cases("linear_cde.json")) {
      switch (c.parameter("solver").asText()) {
        case "euler" -> checkLinearCde(c, CdeSolver.EULER);
        case "rk4" -> checkLinearCde(c, CdeSolver.RK4);
        default -> checkLinearCde(c, CdeSolver.EXPONENTIAL);
      }
    }
  }

  private void checkLinearCde(OracleFile.Case c, CdeSolver solver) {
    int[] shape = c.shape("domega");
    int n = c.shape("y0")[1];
    int rows = shape[0] * shape[1];
    boolean driven = c.hasInput("dxi");
    int drives = driven ? c.shape("dxi")[2] : 0;
    LinearCdeSolve solve =
        new LinearCdeSolve(
            solver,
            Segments.uniform(shape[0], shape[1]),
            tensor(rows, shape[2], c.input("domega")),
            tensor(shape[2] * n, n, c.input("A")),
            driven ? tensor(rows, drives, c.input("dxi")) : null,
            driven ? tensor(n, drives, c.input("Bm")) : null,
            tensor(shape[0], n, c.input("y0")),
            kernels.allocate(rows, n),
            kernels.allocate(shape[0], n));
    kernels.linearCdeForward(solve);
    checkOutput(c, "y", c.output("y"), solve.y());
    double[] last = lastRows(c.output("y"), shape[0], shape[1], n);
    checkOutput(c, "last", last, solve.last());

    LinearCdeSolve.Gradients gradients =
        new LinearCdeSolve.Gradients(
            tensor(rows, n, c.cotangent("y")),
            null,
            kernels.allocate(rows, shape[2]),
            kernels.zeros(shape[2] * n, n),
            driven ? kernels.allocate(rows, drives) : null,
            driven ? kernels.zeros(n, drives) : null,
            kernels.allocate(shape[0], n));
    kernels.linearCdeBackward(solve, gradients);
    checkGradient(c, "domega", c.gradient("domega"), gradients.dDOmega());
    checkGradient(c, "A", c.gradient("A"), gradients.dA());
    checkGradient(c, "y0", c.gradient("y0"), gradients.dInitial());
    if (driven) {
      checkGradient(c, "dxi", c.gradient("dxi"), gradients.dDXi());
      checkGradient(c, "Bm", c.gradient("Bm"), gradients.dDrive());
    }
  }

  /** Norms, activations, convolution, losses and optimizer steps of {@code layers.json}. */
  public void checkLayers() {
    OracleFile.cases("layers.json", "layernorm").forEach(this::checkLayerNorm);
    OracleFile.cases("layers.json", "rmsnorm").forEach(this::checkRmsNorm);
    OracleFile.cases("layers.json", "gelu_exact").forEach(c -> checkActivation(c, Activation.GELU));
    OracleFile.cases("layers.json", "silu").forEach(c -> checkActivation(c, Activation.SILU));
    OracleFile.cases("layers.json", "causal_conv1d").forEach(this::checkConvolution);
    OracleFile.cases("layers.json", "cross_entropy").forEach(this::checkCrossEntropy);
    OracleFile.cases("layers.json", "mse").forEach(this::checkSquaredError);
    OracleFile.cases("layers.json", "adam").forEach(this::checkAdam);
  }

  private void checkLayerNorm(OracleFile.Case c) {
    Tensor x = matrix(c.shape("x"), c.input("x"));
    Tensor gamma = tensor(1, x.columns(), c.input("gamma"));
    Tensor y = kernels.allocate(x.rows(), x.columns());
    Tensor statistics = kernels.allocate(x.rows(), 2);
    kernels.layerNormForward(
        x, gamma, tensor(1, x.columns(), c.input("beta")), epsilon(c), y, statistics);
    checkOutput(c, "y", c.output("y"), y);
    Tensor dx = kernels.allocate(x.rows(), x.columns());
    Tensor dGamma = kernels.zeros(1, x.columns());
    Tensor dBeta = kernels.zeros(1, x.columns());
    Tensor dy = tensor(x.rows(), x.columns(), c.cotangent("y"));
    kernels.layerNormBackward(x, gamma, statistics, dy, dx, dGamma, dBeta);
    checkGradient(c, "x", c.gradient("x"), dx);
    checkGradient(c, "gamma", c.gradient("gamma"), dGamma);
    checkGradient(c, "beta", c.gradient("beta"), dBeta);
  }

  private void checkRmsNorm(OracleFile.Case c) {
    Tensor x = matrix(c.shape("x"), c.input("x"));
    Tensor gamma = tensor(1, x.columns(), c.input("gamma"));
    Tensor y = kernels.allocate(x.rows(), x.columns());
    Tensor inverse = kernels.allocate(x.rows(), 1);
    kernels.rmsNormForward(x, gamma, epsilon(c), y, inverse);
    checkOutput(c, "y", c.output("y"), y);
    Tensor dx = kernels.allocate(x.rows(), x.columns());
    Tensor dGamma = kernels.zeros(1, x.columns());
    Tensor dy = tensor(x.rows(), x.columns(), c.cotangent("y"));
    kernels.rmsNormBackward(x, gamma, inverse, dy, dx, dGamma);
    checkGradient(c, "x", c.gradient("x"), dx);
    checkGradient(c, "gamma", c.gradient("gamma"), dGamma);
  }

  private static double epsilon(OracleFile.Case c) {
    return c.parameter("eps").asDouble();
  }

  private void checkActivation(OracleFile.Case c, Activation activation) {
    Tensor x = tensor(1, c.input("x").length, c.input("x"));
    Tensor y = kernels.allocate(1, x.columns());
    kernels.activationForward(activation, x, y);
    checkOutput(c, "y", c.output("y"), y);
    kernels.activationBackward(activation, x, tensor(1, x.columns(), c.cotangent("y")), y);
    checkGradient(c, "x", c.gradient("x"), y);
  }

  private void checkConvolution(OracleFile.Case c) {
    int[] shape = c.shape("x");
    int rows = shape[0] * shape[1];
    int width = c.shape("weight")[1];
    Segments segments = Segments.uniform(shape[0], shape[1]);
    Tensor x = tensor(rows, shape[2], c.input("x"));
    Tensor weight = tensor(shape[2], width, c.input("weight"));
    Tensor bias = tensor(1, shape[2], c.input("bias"));
    Tensor y = kernels.allocate(rows, shape[2]);
    kernels.causalConvolutionForward(segments, x, weight, bias, false, y);
    checkOutput(c, "y", c.output("y"), y);
    Tensor dx = kernels.allocate(rows, shape[2]);
    Tensor dWeight = kernels.zeros(shape[2], width);
    Tensor dBias = kernels.zeros(1, shape[2]);
    kernels.causalConvolutionBackward(
        segments,
        x,
        weight,
        bias,
        false,
        tensor(rows, shape[2], c.cotangent("y")),
        dx,
        dWeight,
        dBias);
    checkGradient(c, "x", c.gradient("x"), dx);
    checkGradient(c, "weight", c.gradient("weight"), dWeight);
    checkGradient(c, "bias", c.gradient("bias"), dBias);
  }

  private void checkCrossEntropy(OracleFile.Case c) {
    int[] shape = c.shape("logits");
    double[] mask = c.input("mask");
    float[] weights = new float[mask.length];
    double total = Arrays.stream(mask).sum();
    for (int i = 0; i < mask.length; i++) {
      weights[i] = (float) mask[i];
    }
    int[] targets = Arrays.stream(c.input("targets")).mapToInt(t -> (int) t).toArray();
    Tensor logits = tensor(shape[0] * shape[1], shape[2], c.input("logits"));
    Tensor dLogits = kernels.allocate(logits.rows(), logits.columns());
    double loss = kernels.softmaxCrossEntropy(logits, targets, weights, dLogits).value() / total;
    assertEquals(c.output("loss")[0], loss, outputTolerance * Math.max(1, loss), c.toString());
    double[] scaled = kernels.toDoubles(dLogits);
    for (int i = 0; i < scaled.length; i++) {
      scaled[i] *= c.cotangent("loss")[0] / total;
    }
    check(c + " logits", c.gradient("logits"), scaled, gradientTolerance);
  }

  private void checkSquaredError(OracleFile.Case c) {
    Tensor prediction = matrix(c.shape("prediction"), c.input("prediction"));
    Tensor target = matrix(c.shape("target"), c.input("target"));
    float[] weights = new float[prediction.rows()];
    Arrays.fill(weights, 1);
    Tensor dPrediction = kernels.allocate(prediction.rows(), prediction.columns());
    double size = prediction.size();
    double loss = kernels.squaredError(prediction, target, weights, dPrediction).value() / size;
    assertEquals(c.output("loss")[0], loss, outputTolerance * Math.max(1, loss), c.toString());
    double[] scaled = kernels.toDoubles(dPrediction);
    for (int i = 0; i < scaled.length; i++) {
      scaled[i] *= c.cotangent("loss")[0] / size;
    }
    check(c + " prediction", c.gradient("prediction"), scaled, gradientTolerance);
  }

  private void checkAdam(OracleFile.Case c) {
    int n = c.input("w0").length;
    Kernels.AdamStep settings =
        new Kernels.AdamStep(
            c.parameter("learning_rate").asDouble(),
            c.parameter("beta1").asDouble(),
            c.parameter("beta2").asDouble(),
            c.parameter("eps").asDouble(),
            c.parameter("weight_decay").asDouble(),
            c.kind().equals("adamw"));
    Tensor w = tensor(1, n, c.input("w0"));
    Tensor m = kernels.zeros(1, n);
    Tensor v = kernels.zeros(1, n);
    for (int step = 1; step <= c.parameter("steps").asInt(); step++) {
      Tensor gradient = tensor(1, n, row(c.input("gradients"), step - 1, n));
      kernels.adamStep(settings, step, w, gradient, m, v);
      checkOutput(c, "w", row(c.output("w"), step - 1, n), w);
      checkOutput(c, "m", row(c.output("m"), step - 1, n), m);
      checkOutput(c, "v", row(c.output("v"), step - 1, n), v);
    }
  }

  private static double[] row(double[] values, int row, int columns) {
    return Arrays.copyOfRange(values, row * columns, (row + 1) * columns);
  }

  private static double[] lastRows(double[] values, int batch, int length, int columns) {
    double[] last = new double[batch * columns];
    for (int b = 0; b < batch; b++) {
      System.arraycopy(values, ((b + 1) * length - 1) * columns, last, b * columns, columns);
    }
    return last;
  }

  private Tensor matrix(int[] shape, double[] values) {
    int columns = shape[shape.length - 1];
    return tensor(values.length / columns, columns, values);
  }

  private Tensor rows(Packing packing, double[] padded, int columns) {
    return tensor(packing.segments().rows(), columns, packing.pack(padded, columns));
  }

  private Tensor tensor(int rows, int columns, double[] values) {
    Tensor tensor = kernels.allocate(rows, columns);
    kernels.write(tensor, values);
    return tensor;
  }

  private void checkOutput(OracleFile.Case c, String name, double[] expected, Tensor actual) {
    check(c + " " + name, expected, kernels.toDoubles(actual), outputTolerance);
  }

  private void checkGradient(OracleFile.Case c, String name, double[] expected, Tensor actual) {
    check(c + " d" + name, expected, kernels.toDoubles(actual), gradientTolerance);
  }

  private static void check(String what, double[] expected, double[] actual, double tolerance) {
    assertEquals(expected.length, actual.length, what);
    double scale = 1;
    double difference = 0;
    for (int i = 0; i < expected.length; i++) {
      scale = Math.max(scale, Math.abs(expected[i]));
      difference = Math.max(difference, Math.abs(expected[i] - actual[i]));
    }
    double relative = difference / scale;
    assertTrue(relative <= tolerance, what + " differs by " + relative);
  }

  /** How padded arrays [B, L, columns] become packed ones. */
  private static final class Packing {
    private final int length;
    private final Segments segments;

    Packing(int batch, int length, double[] lengths) {
      this.length = length;
      this.segments =
          lengths == null
              ? Segments.uniform(batch, length)
              : Segments.ofLengths(Arrays.stream(lengths).mapToInt(l -> (int) l).toArray());
    }

    Segments segments() {
      return segments;
    }

    double[] pack(double[] padded, int columns) {
      double[] packed = new double[segments.rows() * columns];
      for (int b = 0; b < segments.batch(); b++) {
        System.arraycopy(
            padded,
            b * length * columns,
            packed,
            segments.offset(b) * columns,
            segments.length(b) * columns);
      }
      return packed;
    }
  }
}
