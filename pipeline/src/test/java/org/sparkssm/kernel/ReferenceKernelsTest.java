package org.sparkssm.kernel;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.sparkssm.testing.KernelsOracle;

class ReferenceKernelsTest {
  private final ReferenceKernels kernels = new ReferenceKernels(Precision.DOUBLE);
  private final KernelsOracle oracle = new KernelsOracle(kernels, 1e-12, 1e-11);

  @Test
  void selectiveScanAgreesWithOracle() {
    oracle.checkSelectiveScan();
  }

  @Test
  void linearCdeAgreesWithOracle() {
    oracle.checkLinearCde();
  }

  @Test
  void layersAgreeWithOracle() {
    oracle.checkLayers();
  }

  @Test
  void singlePrecisionAgreesWithOracleToItsTolerance() {
    try (ReferenceKernels single = new ReferenceKernels(Precision.FLOAT)) {
      KernelsOracle rounded = new KernelsOracle(single, 2e-5, 2e-4);
      rounded.checkLinearCde();
      rounded.checkLayers();
    }
  }

  @Test
  void gemmMultipliesAllFourTranspositionsAndScales() {
    double[] left = {1, 2, 3, 4, 5, 6};
    double[] leftTransposed = {1, 4, 2, 5, 3, 6};
    double[] right = {1, 0, 2, -1, 0, 3};
    double[] rightTransposed = {1, 2, 0, 0, -1, 3};
    double[] expected = {2 * 5 + 1, 2 * 7 + 1, 2 * 14 + 1, 2 * 13 + 1};
    for (boolean ta : new boolean[] {false, true}) {
      for (boolean tb : new boolean[] {false, true}) {
        Tensor a = tensor(ta ? 3 : 2, ta ? 2 : 3, ta ? leftTransposed : left);
        Tensor b = tensor(tb ? 2 : 3, tb ? 3 : 2, tb ? rightTransposed : right);
        Tensor c = tensor(2, 2, 0.5, 0.5, 0.5, 0.5);
        kernels.gemm(ta, tb, 2, a, b, 2, c);
        assertArrayEquals(expected, kernels.toDoubles(c), 0);
      }
    }
  }

  @Test
  void gemmWithBetaZeroIgnoresWhatTheResultHeld() {
    Tensor c = tensor(1, 1, Double.NaN);
    kernels.gemm(false, false, 1, tensor(1, 1, 2), tensor(1, 1, 3), 0, c);
    assertEquals(6, kernels.toDoubles(c)[0]);
  }

  @Test
  void viewsShareNumbersWithTheirOrigin() {
    Tensor matrix = tensor(3, 4, 0, 1, 2, 3, 10, 11, 12, 13, 20, 21, 22, 23);
    Tensor inner = matrix.rowRange(1, 3).columnRange(1, 3);
    assertArrayEquals(new double[] {11, 12, 21, 22}, kernels.toDoubles(inner));
    kernels.fill(inner, 7);
    assertArrayEquals(
        new double[] {0, 1, 2, 3, 10, 7, 7, 13, 20, 7, 7, 23}, kernels.toDoubles(matrix));
    assertArrayEquals(new double[] {3, 10}, kernels.toDoubles(matrix.slice(3, 1, 2)));
  }

  @Test
  void sequenceOperationsSkipEmptySequences() {
    Segments segments = Segments.ofLengths(2, 0, 1);
    Tensor x = tensor(3, 1, 1, 3, 5);
    Tensor y = kernels.allocate(3, 1);
    kernels.lastRowForward(segments, x, y);
    assertArrayEquals(new double[] {3, 0, 5}, kernels.toDoubles(y));
    kernels.meanRowForward(segments, x, y);
    assertArrayEquals(new double[] {2, 0, 5}, kernels.toDoubles(y));
    kernels.differenceForward(segments, x, null, y);
    assertArrayEquals(new double[] {0, 2, 0}, kernels.toDoubles(y));
    kernels.differenceForward(segments, x, tensor(3, 1, 10, 20, 30), y);
    assertArrayEquals(new double[] {-9, 2, -25}, kernels.toDoubles(y));
    kernels.lastRowBackward(segments, tensor(3, 1, 1, 2, 3), y);
    assertArrayEquals(new double[] {0, 1, 3}, kernels.toDoubles(y));
    kernels.meanRowBackward(segments, tensor(3, 1, 1, 2, 3), y);
    assertArrayEquals(new double[] {0.5, 0.5, 3}, kernels.toDoubles(y));
  }

  @Test
  void dropoutKeepsTheExpectedShareAndScalesIt() {
    int columns = 20_000;
    Tensor x = kernels.allocate(1, columns);
    kernels.fill(x, 1);
    kernels.dropout(0.25, new long[] {42}, x);
    double[] values = kernels.toDoubles(x);
    long kept = Arrays.stream(values).filter(v -> v != 0).count();
    assertTrue(Arrays.stream(values).allMatch(v -> v == 0 || v == 1 / 0.75));
    assertEquals(0.75, kept / (double) columns, 0.01);
  }

  @Test
  void singlePrecisionRoundsWhatItStores() {
    try (ReferenceKernels single = new ReferenceKernels(Precision.FLOAT)) {
      Tensor x = single.allocate(1, 1);
      single.write(x, new double[] {0.1});
      assertEquals((double) 0.1f, single.toDoubles(x)[0]);
    }
  }

  @Test
  void wrongShapesAreRefusedByName() {
    IllegalArgumentException e =
        assertThrows(
            IllegalArgumentException.class,
            () -> kernels.addRow(kernels.zeros(1, 2), kernels.zeros(4, 3)));
    assertEquals("addRow: ReferenceTensor[1 x 2] does not fit: expected 1 x 3", e.getMessage());
  }

  private Tensor tensor(int rows, int columns, double... values) {
    Tensor tensor = kernels.allocate(rows, columns);
    kernels.write(tensor, values);
    return tensor;
  }
}
