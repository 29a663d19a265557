package org.sparkssm.kernel;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.sparkssm.testing.RecurrenceOracle.check;

import java.util.Arrays;
import java.util.List;
import org.apache.commons.rng.UniformRandomProvider;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.sparkssm.data.SeededRandom;

class CausalAttentionTest {
  private static final int HEADS = 2;
  private static final Segments QUERIES = Segments.ofLengths(5, 0, 1, 33, 16);
  private static final Segments KEYS = Segments.ofLengths(5, 3, 9, 33, 57);

  static List<String> targets() {
    return HostKernelsTest.targets();
  }

  @AfterEach
  void selectBestTarget() {
    HostKernelsTest.select("auto");
  }

  /** Keys of 7 and values of 5 numbers; some queries see keys of before. */
  @ParameterizedTest
  @MethodSource("targets")
  void hostAgreesWithReference(String target) {
    HostKernelsTest.select(target);
    try (HostKernels host = new HostKernels()) {
      List<double[]> expected = run(new ReferenceKernels(Precision.DOUBLE), 7, 5, 3);
      List<double[]> actual = run(host, 7, 5, 3);
      for (int i = 0; i < expected.size(); i++) {
        check("result " + i, expected.get(i), actual.get(i), i == 0 ? 2e-5 : 2e-4);
      }
      assertArrayEquals(actual.get(0), run(host, 7, 5, 3).get(0));
    }
  }

  @Test
  void scoresTooLargeForTheExponentialFunctionGiveFiniteNumbers() {
    try (HostKernels host = new HostKernels()) {
      List<double[]> expected = run(new ReferenceKernels(Precision.DOUBLE), 4, 3, 300);
      check("output", expected.get(0), run(host, 4, 3, 300).get(0), 2e-4);
    }
  }

  @Test
  void gradientsAgreeWithFiniteDifferences() {
    ReferenceKernels kernels = new ReferenceKernels(Precision.DOUBLE);
    Segments queries = Segments.ofLengths(2, 0, 3);
    Segments keys = Segments.ofLengths(2, 1, 5);
    double[][] inputs = inputs(queries, keys, 2, 3, 1);
    double[] cotangent = cotangent(queries.rows() * HEADS * 3);
    List<double[]> analytic = run(kernels, queries, keys, inputs, 2, 3);
    for (int i = 0; i < inputs.length; i++) {
      double[] numeric = new double[inputs[i].length];
      for (int j = 0; j < numeric.length; j++) {
        double kept = inputs[i][j];
        double[] shifts = {-2, -1, 1, 2};
        double[] factors = {1.0 / 12, -8.0 / 12, 8.0 / 12, -1.0 / 12};
        for (int k = 0; k < shifts.length; k++) {
          inputs[i][j] = kept + 1e-4 * shifts[k];
          double[] o = run(kernels, queries, keys, inputs, 2, 3).get(0);
          for (int n = 0; n < o.length; n++) {
            numeric[j] += factors[k] * cotangent[n] * o[n] / 1e-4;
          }
        }
        inputs[i][j] = kept;
      }
      check("input " + i, numeric, analytic.get(1 + i), 1e-9);
    }
  }

  @ParameterizedTest
  @MethodSource("targets")
  void rotationTurnsPairsAndTurnsThemBack(String target) {
    HostKernelsTest.select(target);
    int[] positions = {2, 0, 1};
    double[] x = cotangent(3 * 12);
    double[] table = new double[3 * 6];
    for (int p = 0; p < 3; p++) {
      for (int i = 0; i < 3; i++) {
        table[p * 6 + i] = Math.cos(p * (i + 0.5));
        table[p * 6 + 3 + i] = Math.sin(p * (i + 0.5));
      }
    }
    try (HostKernels host = new HostKernels()) {
      double[] expected =
          rotate(new ReferenceKernels(Precision.DOUBLE), positions, table, x, false);
      double[] actual = rotate(host, positions, table, x, false);
      check("rotation", expected, actual, 1e-6);
      check("rotated back", x, rotate(host, positions, table, actual, true), 1e-6);
      double angle = 2 * 0.5;
      check(
          "first pair",
          new double[] {
            x[0] * Math.cos(angle) - x[3] * Math.sin(angle),
            x[0] * Math.sin(angle) + x[3] * Math.cos(angle)
          },
          new double[] {expected[0], expected[3]},
          1e-14);
    }
  }

  @Test
  void fewerKeysThanQueriesAreRefused() {
    Segments five = Segments.ofLengths(5);
    Segments four = Segments.ofLengths(4);
    double[][] inputs = inputs(five, four, 2, 2, 1);
    try (HostKernels host = new HostKernels()) {
      assertThrows(IllegalArgumentException.class, () -> run(host, five, four, inputs, 2, 2));
    }
  }

  private static double[] rotate(
      Kernels kernels, int[] positions, double[] table, double[] x, boolean inverse) {
    Tensor y = kernels.allocate(positions.length, x.length / positions.length);
    Tensor from = tensor(kernels, y.rows(), y.columns(), x);
    kernels.rotate(positions, tensor(kernels, 3, table.length / 3, table), inverse, from, y);
    return kernels.toDoubles(y);
  }

  private static List<double[]> run(Kernels kernels, int key, int value, double scale) {
    return run(kernels, QUERIES, KEYS, inputs(QUERIES, KEYS, key, value, scale), key, value);
  }

  /** o, dq, dk, dv. */
  private static List<double[]> run(
      Kernels kernels, Segments queries, Segments keys, double[][] inputs, int key, int value) {
    int rows = queries.rows();
    CausalAttention attention =
        new CausalAttention(
            queries,
            keys,
            HEADS,
            tensor(kernels, rows, HEADS * key, inputs[0]),
            tensor(kernels, keys.rows(), HEADS * key, inputs[1]),
            tensor(kernels, keys.rows(), HEADS * value, inputs[2]),
            kernels.allocate(rows, HEADS * value),
            kernels.allocate(rows, HEADS));
    kernels.causalAttentionForward(attention);
    CausalAttention.Gradients g =
        new CausalAttention.Gradients(
            tensor(kernels, rows, HEADS * value, cotangent(rows * HEADS * value)),
            kernels.allocate(rows, HEADS * key),
            kernels.allocate(keys.rows(), HEADS * key),
            kernels.allocate(keys.rows(), HEADS * value));
    kernels.causalAttentionBackward(attention, g);
    return List.of(
        kernels.toDoubles(attention.o()),
        kernels.toDoubles(g.dq()),
        kernels.toDoubles(g.dk()),
        kernels.toDoubles(g.dv()));
  }

  private static double[][] inputs(
      Segments queries, Segments keys, int key, int value, double scale) {
    UniformRandomProvider random = SeededRandom.create(3);
    return new double[][] {
      uniform(random, queries.rows() * HEADS * key, scale),
      uniform(random, keys.rows() * HEADS * key, 1),
      uniform(random, keys.rows() * HEADS * value, 1)
    };
  }

  private static double[] uniform(UniformRandomProvider random, int count, double scale) {
    double[] values = new double[count];
    Arrays.setAll(values, i -> (float) (scale * (2 * random.nextDouble() - 1)));
    return values;
  }

  private static double[] cotangent(int count) {
    double[] values = new double[count];
    Arrays.setAll(values, i -> (float) Math.cos(1.7 * i));
    return values;
  }

  private static Tensor tensor(Kernels kernels, int rows, int columns, double[] values) {
    Tensor tensor = kernels.allocate(rows, columns);
    kernels.write(tensor, values);
    return tensor;
  }
}
