package org.sparkssm.testing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.function.Function;
import org.sparkssm.kernel.DiagonalScan;
import org.sparkssm.kernel.Discretization;
import org.sparkssm.kernel.Kernels;
import org.sparkssm.kernel.S4dScan;
import org.sparkssm.kernel.Segments;
import org.sparkssm.kernel.Tensor;
import org.sparkssm.testing.OracleFile.Case;

/** Holds the recurrences of any kernels against the oracle values, to given tolerances. */
public final class RecurrenceOracle {
  private final Kernels kernels;
  private final double outputTolerance;
  private final double gradientTolerance;

  /**
   * @param outputTolerance of {@code max|a - b| / max(1, max|b|)} for outputs
   * @param gradientTolerance the same for gradients
   */
  public RecurrenceOracle(Kernels kernels, double outputTolerance, double gradientTolerance) {
    this.kernels = kernels;
    this.outputTolerance = outputTolerance;
    this.gradientTolerance = gradientTolerance;
  }

  /** Every case of {@code diagonal_scan.json}. */
  public void checkDiagonalScan() {
    for (Case c : OracleFile.cases("diagonal_scan.json")) {
      boolean complex = c.parameter("complex").asBoolean();
      boolean constant = c.parameter("constant_a").asBoolean();
      int columns = c.parameter("channels").asInt() * (complex ? 2 : 1);
      Recurrence recurrence = Recurrence.diagonalScan(complex, constant, false, columns);
      double[] a = numbers(c::input, "a", complex, columns);
      double[] b = numbers(c::input, "b", complex, columns);
      Recurrence.Operands inputs =
          new Recurrence.Operands(
              segments(c),
              constant ? new double[][] {b} : new double[][] {b, a},
              constant ? new double[][] {a} : new double[0][],
              c.hasInput("h0") ? numbers(c::input, "h0", complex, columns) : null,
              null,
              null);
      Recurrence.Operands outputs = recurrence.run(kernels, inputs);
      checkOutput(c, "h", numbers(c::output, "h", complex, columns), outputs.output());
      double[] cotangent = numbers(c::cotangent, "h", complex, columns);
      Recurrence.Operands g = recurrence.gradients(kernels, inputs, cotangent, null);
      checkGradient(
          c,
          "a",
          numbers(c::gradient, "a", complex, columns),
          constant ? g.parameters()[0] : g.rows()[1]);
      checkGradient(c, "b", numbers(c::gradient, "b", complex, columns), g.rows()[0]);
      if (inputs.initial() != null) {
        checkGradient(c, "h0", numbers(c::gradient, "h0", complex, columns), g.initial());
      }
    }
  }

  /** The scans of {@code s4d.json}, and their convolution kernels as responses to an impulse. */
  public void checkS4d() {
    for (Case c : OracleFile.cases("s4d.json")) {
      if (c.hasInput("u")) {
        checkS4d(c);
        checkS4dKernel(c);
      }
    }
  }

  private void checkS4d(Case c) {
    S4dOperands s = new S4dOperands(c);
    Tensor u = tensor(s.segments.rows(), s.channels, c.input("u"));
    S4dScan scan = s.scan(u, tensor(1, s.channels, c.input("Dskip")));
    kernels.s4dScanForward(scan);
    checkOutput(c, "y", c.output("y"), kernels.toDoubles(scan.y()));

    S4dScan.Gradients g =
        new S4dScan.Gradients(
            tensor(s.segments.rows(), s.channels, c.cotangent("y")),
            null,
            kernels.allocate(s.segments.rows(), s.channels),
            kernels.zeros(s.channels, s.columns),
            kernels.zeros(s.channels, s.columns),
            kernels.zeros(s.channels, s.columns),
            kernels.zeros(1, s.channels),
            null);
    kernels.s4dScanBackward(scan, g);
    Tensor dLogStep = kernels.zeros(s.channels, 1);
    Tensor dA = kernels.zeros(s.channels, s.columns);
    kernels.discretizeBackward(
        Discretization.ZERO_ORDER_HOLD, s.logStep, s.a, g.dABar(), g.dBBar(), dLogStep, dA);
    checkGradient(c, "u", c.gradient("u"), kernels.toDoubles(g.du()));
    checkGradient(c, "A", numbers(c::gradient, "A", true, s.columns), kernels.toDoubles(dA));
    checkGradient(c, "C", numbers(c::gradient, "C", true, s.columns), kernels.toDoubles(g.dC()));
    checkGradient(c, "log_dt", c.gradient("log_dt"), kernels.toDoubles(dLogStep));
    checkGradient(c, "Dskip", c.gradient("Dskip"), kernels.toDoubles(g.dSkip()));
  }

  private void checkS4dKernel(Case c) {
    S4dOperands s = new S4dOperands(c);
    int length = s.segments.longest();
    Segments one = Segments.ofLengths(length);
    double[] impulse = new double[length * s.channels];
    Arrays.fill(impulse, 0, s.channels, 1);
    S4dScan scan = s.over(one).scan(tensor(length, s.channels, impulse), null);
    kernels.s4dScanForward(scan);
    double[] response = kernels.toDoubles(scan.y());
    double[] transposed = new double[response.length];
    for (int d = 0; d < s.channels; d++) {
      for (int l = 0; l < length; l++) {
        transposed[d * length + l] = response[l * s.channels + d];
      }
    }
    checkOutput(c, "kernel", c.output("kernel"), transposed);
  }

  /** A case of S4D, discretized. */
  private final class S4dOperands {
    final Segments segments;
    final int channels;
    final int columns;
    final Tensor logStep;
    final Tensor a;
    final Tensor aBar;
    final Tensor bBar;
    final Tensor c;

    S4dOperands(Case from) {
      this(
          segments(from),
          from.parameter("channels").asInt(),
          2 * from.parameter("state").asInt(),
          from);
    }

    private S4dOperands(Segments segments, int channels, int columns, Case from) {
      this.segments = segments;
      this.channels = channels;
      this.columns = columns;
      logStep = tensor(channels, 1, from.input("log_dt"));
      a = tensor(channels, columns, numbers(from::input, "A", true, columns));
      aBar = kernels.allocate(channels, columns);
      bBar = kernels.allocate(channels, columns);
      c = tensor(channels, columns, numbers(from::input, "C", true, columns));
      kernels.discretizeForward(Discretization.ZERO_ORDER_HOLD, logStep, a, aBar, bBar);
    }

    private S4dOperands(S4dOperands other, Segments segments) {
      this.segments = segments;
      channels = other.channels;
      columns = other.columns;
      logStep = other.logStep;
      a = other.a;
      aBar = other.aBar;
      bBar = other.bBar;
      c = other.c;
    }

    S4dOperands over(Segments others) {
      return new S4dOperands(this, others);
    }

    S4dScan scan(Tensor u, Tensor skip) {
      Tensor y = kernels.allocate(segments.rows(), channels);
      return new S4dScan(segments, u, aBar, bBar, c, skip, null, y, null);
    }
  }

  /** Every case of {@code s5.json}: products around a complex diagonal scan. */
  public void checkS5() {
    OracleFile.cases("s5.json").forEach(this::checkS5);
  }

  private void checkS5(Case c) {
    int states = c.parameter("state").asInt();
    int columns = 2 * states;
    int width = c.parameter("channels").asInt();
    Segments segments = segments(c);
    int rows = segments.rows();
    Tensor u = tensor(rows, width, c.input("u"));
    Tensor logStep = tensor(1, states, c.input("log_dt"));
    Tensor lambda = tensor(1, columns, numbers(c::input, "Lambda", true, columns));
    Tensor in = tensor(columns, width, concatenated(c::input, "B"));
    Tensor out = tensor(width, columns, numbers(c::input, "C", true, columns));
    Tensor skip = tensor(1, width, c.input("Dskip"));
    Tensor aBar = kernels.allocate(1, columns);
    Tensor bBar = kernels.allocate(1, columns);
    kernels.discretizeForward(Discretization.ZERO_ORDER_HOLD, logStep, lambda, aBar, bBar);
    Tensor b = kernels.allocate(rows, columns);
    kernels.gemm(false, true, 1, u, in, 0, b);
    int batch = segments.batch();
    DiagonalScan scan =
        new DiagonalScan(
            segments,
            true,
            true,
            aBar,
            b,
            bBar,
            c.hasInput("x0")
                ? tensor(batch, columns, numbers(c::input, "x0", true, columns))
                : null,
            kernels.allocate(rows, columns),
            kernels.allocate(batch, columns));
    kernels.diagonalScanForward(scan);
    Tensor y = kernels.allocate(rows, width);
    kernels.gemm(false, true, 2, half(scan.h(), 0), half(out, 0), 0, y);
    kernels.gemm(false, true, -2, half(scan.h(), 1), half(out, 1), 1, y);
    kernels.addScaledColumns(skip, u, y);
    checkOutput(c, "y", c.output("y"), kernels.toDoubles(y));
    checkOutput(
        c, "x_last", numbers(c::output, "x_last", true, columns), kernels.toDoubles(scan.last()));

    Tensor dy = tensor(rows, width, c.cotangent("y"));
    Tensor dh = kernels.allocate(rows, columns);
    kernels.gemm(false, false, 2, dy, half(out, 0), 0, half(dh, 0));
    kernels.gemm(false, false, -2, dy, half(out, 1), 0, half(dh, 1));
    Tensor dOut = kernels.zeros(width, columns);
    kernels.gemm(true, false, 2, dy, half(scan.h(), 0), 1, half(dOut, 0));
    kernels.gemm(true, false, -2, dy, half(scan.h(), 1), 1, half(dOut, 1));
    DiagonalScan.Gradients g =
        new DiagonalScan.Gradients(
            dh,
            c.hasCotangent("x_last")
                ? tensor(batch, columns, numbers(c::cotangent, "x_last", true, columns))
                : null,
            kernels.zeros(1, columns),
            kernels.allocate(rows, columns),
            kernels.zeros(1, columns),
            scan.initial() == null ? null : kernels.allocate(batch, columns));
    kernels.diagonalScanBackward(scan, g);
    Tensor dLogStep = kernels.zeros(1, states);
    Tensor dLambda = kernels.zeros(1, columns);
    kernels.discretizeBackward(
        Discretization.ZERO_ORDER_HOLD, logStep, lambda, g.dA(), g.dGain(), dLogStep, dLambda);
    Tensor du = kernels.allocate(rows, width);
    kernels.gemm(false, false, 1, g.db(), in, 0, du);
    kernels.addScaledColumns(skip, dy, du);
    Tensor dIn = kernels.zeros(columns, width);
    kernels.gemm(true, false, 1, g.db(), u, 1, dIn);
    Tensor dSkip = kernels.zeros(1, width);
    kernels.sumProducts(u, dy, dSkip);
    checkGradient(c, "u", c.gradient("u"), kernels.toDoubles(du));
    checkGradient(
        c, "Lambda", numbers(c::gradient, "Lambda", true, columns), kernels.toDoubles(dLambda));
    checkGradient(c, "B", concatenated(c::gradient, "B"), kernels.toDoubles(dIn));
    checkGradient(c, "C", numbers(c::gradient, "C", true, columns), kernels.toDoubles(dOut));
    checkGradient(c, "log_dt", c.gradient("log_dt"), kernels.toDoubles(dLogStep));
    checkGradient(c, "Dskip", c.gradient("Dskip"), kernels.toDoubles(dSkip));
    if (scan.initial() != null) {
      checkGradient(
          c, "x0", numbers(c::gradient, "x0", true, columns), kernels.toDoubles(g.dInitial()));
    }
  }

  private static Tensor half(Tensor tensor, int which) {
    int columns = tensor.columns() / 2;
    return tensor.columnRange(which * columns, (which + 1) * columns);
  }

  /** Every case of {@code gla.json}. */
  public void checkGatedLinearAttention() {
    for (Case c : OracleFile.cases("gla.json")) {
      boolean phased = c.hasInput("phase");
      String decay = phased ? "log_mag" : "log_alpha";
      String[] rows =
          phased
              ? new String[] {"q", "k", "v", decay, "phase"}
              : new String[] {"q", "k", "v", decay};
      Recurrence recurrence =
          Recurrence.gatedLinearAttention(
              c.parameter("heads").asInt(),
              c.parameter("key").asInt(),
              c.parameter("value").asInt(),
              phased);
      check(c, recurrence, rows, phased);
    }
  }

  /** Every case of {@code delta_rule.json}. */
  public void checkDeltaRule() {
    for (Case c : OracleFile.cases("delta_rule.json")) {
      boolean gated = c.parameter("gated").asBoolean();
      String[] rows =
          gated
              ? new String[] {"q", "k", "v", "beta", "log_alpha"}
              : new String[] {"q", "k", "v", "beta"};
      Recurrence recurrence =
          Recurrence.deltaRule(
              c.parameter("heads").asInt(),
              c.parameter("householder_steps").asInt(),
              c.parameter("key").asInt(),
              c.parameter("value").asInt(),
              gated);
      check(c, recurrence, rows, false);
    }
  }

  /** A case with outputs o and s_last and perhaps an initial state s0. */
  private void check(Case c, Recurrence recurrence, String[] rowNames, boolean complexState) {
    int state = recurrence.stateColumns();
    double[][] rows = Arrays.stream(rowNames).map(c::input).toArray(double[][]::new);
    double[] initial = c.hasInput("s0") ? numbers(c::input, "s0", complexState, state) : null;
    Recurrence.Operands inputs =
        new Recurrence.Operands(segments(c), rows, new double[0][], initial, null, null);
    Recurrence.Operands outputs = recurrence.run(kernels, inputs);
    checkOutput(c, "o", c.output("o"), outputs.output());
    checkOutput(c, "s_last", numbers(c::output, "s_last", complexState, state), outputs.last());
    double[] cotangentOfLast =
        c.hasCotangent("s_last") ? numbers(c::cotangent, "s_last", complexState, state) : null;
    Recurrence.Operands g =
        recurrence.gradients(kernels, inputs, c.cotangent("o"), cotangentOfLast);
    for (int i = 0; i < rowNames.length; i++) {
      checkGradient(c, rowNames[i], c.gradient(rowNames[i]), g.rows()[i]);
    }
    if (initial != null) {
      checkGradient(c, "s0", numbers(c::gradient, "s0", complexState, state), g.initial());
    }
  }

  private static Segments segments(Case c) {
    return Segments.uniform(c.parameter("batch").asInt(), c.parameter("length").asInt());
  }

  /** Real numbers as they are; of complex ones, rows of real parts and then imaginary parts. */
  private static double[] numbers(
      Function<String, double[]> group, String name, boolean complex, int columns) {
    if (!complex) {
      return group.apply(name);
    }
    double[] real = group.apply(name + "/re");
    double[] imaginary = group.apply(name + "/im");
    double[] values = new double[2 * real.length];
    int half = columns / 2;
    for (int i = 0; i < real.length; i++) {
      int at = i / half * columns + i % half;
      values[at] = real[i];
      values[at + half] = imaginary[i];
    }
    return values;
  }

  /** All real parts, then all imaginary parts. */
  private static double[] concatenated(Function<String, double[]> group, String name) {
    double[] real = group.apply(name + "/re");
    double[] imaginary = group.apply(name + "/im");
    double[] values = Arrays.copyOf(real, 2 * real.length);
    System.arraycopy(imaginary, 0, values, real.length, real.length);
    return values;
  }

  private Tensor tensor(int rows, int columns, double[] values) {
    Tensor tensor = kernels.allocate(rows, columns);
    kernels.write(tensor, values);
    return tensor;
  }

  private void checkOutput(Case c, String name, double[] expected, double[] actual) {
    check(c + " " + name, expected, actual, outputTolerance);
  }

  private void checkGradient(Case c, String name, double[] expected, double[] actual) {
    check(c + " d" + name, expected, actual, gradientTolerance);
  }

  /** Asserts that {@code max|expected - actual| / max(1, max|expected|)} is within tolerance. */
  public static void check(String what, double[] expected, double[] actual, double tolerance) {
    assertEquals(expected.length, actual.length, what);
    double scale = 1;
    double difference = 0;
    for (int i = 0; i < expected.length; i++) {
      scale = Math.max(scale, Math.abs(expected[i]));
      double error = Math.abs(expected[i] - actual[i]);
      difference = Double.isNaN(error) ? Double.POSITIVE_INFINITY : Math.max(difference, error);
    }
    double relative = difference / scale;
    assertTrue(relative <= tolerance, what + " differs by " + relative);
  }
}
