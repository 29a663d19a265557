package org.sparkssm.testing;

import static org.sparkssm.testing.RecurrenceOracle.check;

import java.util.function.Function;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.sparkssm.kernel.CdeSolver;
import org.sparkssm.kernel.Kernels;
import org.sparkssm.kernel.Segments;
import org.sparkssm.kernel.TransitionStructure;
import org.sparkssm.testing.OracleFile.Case;

/** Holds structured linear CDEs of any kernels against {@code slice.json}. */
public final class StructuredCdeOracle {
  private final Kernels kernels;
  private final double outputTolerance;
  private final double gradientTolerance;

  public StructuredCdeOracle(Kernels kernels, double outputTolerance, double gradientTolerance) {
    this.kernels = kernels;
    this.outputTolerance = outputTolerance;
    this.gradientTolerance = gradientTolerance;
  }

  public void checkAll() {
    for (Case c : OracleFile.cases("slice.json")) {
      int n = c.parameter("state").asInt();
      int controls = c.parameter("omega").asInt();
      int[] entries =
          c.kind().equals("sparse")
              ? IntStream.range(0, n * n).filter(i -> c.input("mask")[i] != 0).toArray()
              : null;
      TransitionStructure structure =
          switch (c.kind()) {
            case "diagonal" -> TransitionStructure.blockDiagonal(n, 1);
            case "block_diagonal" ->
                TransitionStructure.blockDiagonal(n, c.parameter("block").asInt());
            case "dplr" -> TransitionStructure.diagonalPlusLowRank(n, c.parameter("rank").asInt());
            case "walsh_hadamard" -> TransitionStructure.walshHadamard(n);
            default -> sparse(n, entries);
          };
      Recurrence recurrence = Recurrence.structuredCde(structure, CdeSolver.EULER, controls, false);
      Recurrence.Operands inputs =
          new Recurrence.Operands(
              Segments.uniform(c.parameter("batch").asInt(), c.parameter("length").asInt()),
              new double[][] {c.input("domega")},
              new double[][] {coefficients(c, c::input, controls, n, entries)},
              c.input("y0"),
              null,
              null);
      check(c + " y", c.output("y"), recurrence.run(kernels, inputs).output(), outputTolerance);
      Recurrence.Operands g = recurrence.gradients(kernels, inputs, c.cotangent("y"), null);
      check(c + " domega", c.gradient("domega"), g.rows()[0], gradientTolerance);
      check(c + " y0", c.gradient("y0"), g.initial(), gradientTolerance);
      double[] expected = coefficients(c, c::gradient, controls, n, entries);
      check(c + " coefficients", expected, g.parameters()[0], gradientTolerance);
    }
  }

  private static TransitionStructure sparse(int n, int[] entries) {
    int[] rowBegin = new int[n + 1];
    for (int entry : entries) {
      rowBegin[entry / n + 1]++;
    }
    for (int i = 0; i < n; i++) {
      rowBegin[i + 1] += rowBegin[i];
    }
    return TransitionStructure.sparse(rowBegin, IntStream.of(entries).map(e -> e % n).toArray());
  }

  /** [W, P] in the order of {@link TransitionStructure}. */
  private static double[] coefficients(
      Case c, Function<String, double[]> group, int controls, int n, int[] entries) {
    return switch (c.kind()) {
      case "diagonal", "block_diagonal" -> group.apply("A");
      case "walsh_hadamard" -> group.apply("a");
      case "dplr" ->
          IntStream.range(0, controls)
              .boxed()
              .flatMapToDouble(
                  i ->
                      Stream.of("d", "U", "V")
                          .flatMapToDouble(part -> slice(group.apply(part), i, controls)))
              .toArray();
      default -> {
        double[] all = group.apply("A");
        yield IntStream.range(0, controls)
            .boxed()
            .flatMapToDouble(i -> IntStream.of(entries).mapToDouble(e -> all[i * n * n + e]))
            .toArray();
      }
    };
  }

  /** Part {@code index} of as many equal ones. */
  private static DoubleStream slice(double[] values, int index, int parts) {
    int size = values.length / parts;
    return IntStream.range(index * size, (index + 1) * size).mapToDouble(k -> values[k]);
  }
}
