package org.sparkssm.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.apache.commons.math3.linear.Array2DRowRealMatrix;
import org.apache.commons.math3.linear.RealMatrix;
import org.apache.commons.math3.linear.SingularValueDecomposition;
import org.apache.commons.rng.UniformRandomProvider;
import org.apache.commons.rng.sampling.distribution.ZigguratSampler;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.sparkssm.data.SeededRandom;

class LeastSquaresTest {
  private static final double TOLERANCE = 1e-12;

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 5, 63, 64, 65, 200})
  void factorHasTheGramMatrixOfTheRows(int rows) {
    double[][] x = normal(1, rows, 7);
    TriangularFactor factor = factorOf(x, 0, rows);
    RealMatrix matrix = new Array2DRowRealMatrix(x);
    RealMatrix expected = matrix.transpose().multiply(matrix);
    RealMatrix r = matrixOf(factor);
    assertEquals(0, r.transpose().multiply(r).subtract(expected).getNorm(), 1e-11);
    assertEquals(rows, factor.rows());
  }

  @ParameterizedTest
  @CsvSource({"0, 5", "5, 0", "3, 4", "64, 64", "100, 90"})
  void mergedFactorsAreTheFactorOfAllRows(int left, int right) {
    double[][] x = normal(2, left + right, 70);
    TriangularFactor merged = factorOf(x, 0, left);
    merged.merge(factorOf(x, left, left + right));
    RealMatrix whole = matrixOf(factorOf(x, 0, left + right));
    RealMatrix r = matrixOf(merged);
    assertEquals(
        0, r.transpose().multiply(r).subtract(whole.transpose().multiply(whole)).getNorm(), 1e-10);
    assertEquals(left + right, merged.rows());
  }

  @Test
  void moreColumnsThanABlockHasRowsStayFinite() {
    double[][] x = normal(3, 64, 700);
    TriangularFactor factor = factorOf(x, 0, 64);
    for (double value : factor.pack().upper()) {
      assertTrue(Double.isFinite(value));
    }
  }

  @Test
  void packedFormRestoresTheFactor() {
    TriangularFactor factor = factorOf(normal(4, 30, 9), 0, 30);
    TriangularFactor restored = factor.pack().unpack();
    assertArrayEquals(factor.pack().upper(), restored.pack().upper());
    assertEquals(30, restored.rows());
    assertThrows(
        IllegalArgumentException.class, () -> new TriangularFactor.Packed(9, 1, new double[44]));
  }

  @Test
  void recoversAnExactLinearMapWithIntercepts() {
    double[][] x = normal(5, 300, 6);
    double[][] rows = new double[300][];
    for (int i = 0; i < 300; i++) {
      double first = 3 + 2 * x[i][0] - x[i][3];
      double second = -1e3 + 1e-3 * x[i][5];
      rows[i] = join(new double[] {1}, x[i], new double[] {first, second});
    }
    LeastSquares fit = LeastSquares.solve(factorOf(rows, 0, 300), 2, true, true, TOLERANCE);
    assertEquals(6, fit.rank());
    assertArrayEquals(new double[] {3, -1e3}, fit.intercepts(), 1e-10);
    assertArrayEquals(new double[] {2, 0, 0, 0, 0, 0, -1, 0, 0, 0, 0, 1e-3}, fit.weights(), 1e-11);
    assertEquals(0, fit.rootMeanSquaredError(0), 1e-11);
    assertEquals(1, fit.r2(0), 1e-12);
  }

  @Test
  void agreesWithTheNormalEquationsOnNoisyData() {
    double[][] x = normal(6, 500, 5);
    double[][] noise = normal(7, 500, 1);
    double[][] rows = new double[500][];
    double squares = 0;
    for (int i = 0; i < 500; i++) {
      rows[i] = join(x[i], new double[] {x[i][1] + 0.5 * noise[i][0]});
    }
    LeastSquares fit = LeastSquares.solve(factorOf(rows, 0, 500), 1, false, true, TOLERANCE);
    RealMatrix a = new Array2DRowRealMatrix(x);
    double[] expected = pseudoInverse(a).operate(lastColumn(rows));
    assertArrayEquals(expected, fit.weights(), 1e-12);
    for (int i = 0; i < 500; i++) {
      double residual = rows[i][5];
      for (int j = 0; j < 5; j++) {
        residual -= x[i][j] * expected[j];
      }
      squares += residual * residual;
    }
    assertEquals(squares, fit.residualSquares()[0], 1e-10);
  }

  @Test
  void collinearFeaturesGetTheMinimumNormSolutionAndTheRankIsReported() {
    double[][] x = normal(8, 100, 3);
    double[][] features = new double[100][];
    double[][] rows = new double[100][];
    for (int i = 0; i < 100; i++) {
      features[i] = join(x[i], new double[] {x[i][0] + x[i][1], 7, 0});
      rows[i] = join(new double[] {1}, features[i], new double[] {2 * x[i][0] + x[i][2]});
    }
    LeastSquares fit = LeastSquares.solve(factorOf(rows, 0, 100), 1, true, false, TOLERANCE);
    assertEquals(3, fit.rank());
    double[] expected = pseudoInverse(centred(features)).operate(lastColumn(rows));
    assertArrayEquals(expected, fit.weights(), 1e-11);
    assertEquals(0, fit.weights()[4]);
    assertEquals(0, fit.weights()[5]);
    assertTrue(fit.condition() < 10);
  }

  @Test
  void standardizedRankDoesNotDependOnTheUnitsOfAFeature() {
    double[][] x = normal(9, 100, 3);
    double[][] rows = new double[100][];
    for (int i = 0; i < 100; i++) {
      double tiny = 1e-20 * x[i][1];
      rows[i] = join(new double[] {1, x[i][0], tiny, x[i][2]}, new double[] {x[i][1]});
    }
    LeastSquares scaled = LeastSquares.solve(factorOf(rows, 0, 100), 1, true, true, TOLERANCE);
    LeastSquares plain = LeastSquares.solve(factorOf(rows, 0, 100), 1, true, false, TOLERANCE);
    assertEquals(3, scaled.rank());
    assertEquals(1e20, scaled.weights()[1], 1e9);
    assertEquals(2, plain.rank());
  }

  @Test
  void fewerRowsThanFeaturesInterpolate() {
    double[][] x = normal(10, 4, 10);
    double[][] rows = new double[4][];
    for (int i = 0; i < 4; i++) {
      rows[i] = join(x[i], new double[] {i});
    }
    LeastSquares fit = LeastSquares.solve(factorOf(rows, 0, 4), 1, false, true, TOLERANCE);
    assertEquals(4, fit.rank());
    assertEquals(0, fit.rootMeanSquaredError(0), 1e-12);
  }

  @Test
  void nonFiniteFeatureIsRefused() {
    double[][] x = normal(11, 10, 3);
    x[4][1] = Double.NaN;
    TriangularFactor factor = factorOf(x, 0, 10);
    assertThrows(
        ArithmeticException.class, () -> LeastSquares.solve(factor, 1, false, true, TOLERANCE));
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 33})
  void bothSingularValueDecompositionsAgree(int n) {
    double[] a = new double[n * n];
    double[][] x = normal(12, n, n);
    for (int i = 0; i < n; i++) {
      System.arraycopy(x[i], 0, a, i * n, n);
    }
    double[] copy = a.clone();
    SingularValues lapack = SingularValues.byLapack(n, a);
    SingularValues math = SingularValues.byCommonsMath(n, a);
    assertArrayEquals(copy, a);
    assertArrayEquals(math.s(), lapack.s(), 1e-12);
    for (SingularValues svd : new SingularValues[] {lapack, math}) {
      for (int i = 0; i < n; i++) {
        for (int j = 0; j < n; j++) {
          double sum = 0;
          for (int k = 0; k < n; k++) {
            sum += svd.u()[i * n + k] * svd.s()[k] * svd.vt()[k * n + j];
          }
          assertEquals(a[i * n + j], sum, 1e-12);
        }
      }
    }
  }

  private static double[][] normal(long seed, int rows, int columns) {
    UniformRandomProvider random = SeededRandom.create(seed);
    ZigguratSampler.NormalizedGaussian gaussian = ZigguratSampler.NormalizedGaussian.of(random);
    double[][] x = new double[rows][columns];
    for (double[] row : x) {
      for (int j = 0; j < columns; j++) {
        row[j] = gaussian.sample();
      }
    }
    return x;
  }

  private static TriangularFactor factorOf(double[][] x, int from, int to) {
    TriangularFactor factor = new TriangularFactor(x[0].length);
    for (int i = from; i < to; i++) {
      factor.add(x[i].clone());
    }
    return factor;
  }

  private static RealMatrix matrixOf(TriangularFactor factor) {
    int n = factor.columns();
    double[][] r = new double[n][n];
    for (int i = 0; i < n; i++) {
      for (int j = 0; j < n; j++) {
        r[i][j] = factor.get(i, j);
      }
    }
    return new Array2DRowRealMatrix(r);
  }

  private static RealMatrix pseudoInverse(RealMatrix a) {
    return new SingularValueDecomposition(a).getSolver().getInverse();
  }

  private static RealMatrix centred(double[][] x) {
    RealMatrix matrix = new Array2DRowRealMatrix(x);
    for (int j = 0; j < x[0].length; j++) {
      double mean = 0;
      for (double[] row : x) {
        mean += row[j] / x.length;
      }
      for (int i = 0; i < x.length; i++) {
        matrix.addToEntry(i, j, -mean);
      }
    }
    return matrix;
  }

  private static double[] lastColumn(double[][] rows) {
    double[] column = new double[rows.length];
    for (int i = 0; i < rows.length; i++) {
      column[i] = rows[i][rows[i].length - 1];
    }
    return column;
  }

  private static double[] join(double[]... parts) {
    return java.util.Arrays.stream(parts).flatMapToDouble(java.util.Arrays::stream).toArray();
  }
}
