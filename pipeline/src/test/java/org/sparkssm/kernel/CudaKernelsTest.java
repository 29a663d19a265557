package org.sparkssm.kernel;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.testing.BaselineOracle;
import org.sparkssm.testing.KernelsOracle;
import org.sparkssm.testing.RecurrenceOracle;
import org.sparkssm.testing.StructuredCdeOracle;

/** The sources of the GPU kernels, on the processor. */
class CudaKernelsTest {
  private static final int CASES = 10;

  @TestFactory
  Stream<DynamicTest> everyOperationEqualsTheReference() {
    return OperationCases.OPERATIONS.entrySet().stream()
        .map(
            entry ->
                DynamicTest.dynamicTest(
                    entry.getKey(), () -> compare(entry.getKey(), entry.getValue())));
  }

  private static void compare(String name, OperationCases.Operation operation) {
    try (CudaKernels cuda = EmulatedCuda.open();
        ReferenceKernels reference = new ReferenceKernels(Precision.DOUBLE)) {
      for (long seed = 0; seed < CASES; seed++) {
        long number = seed;
        OperationCases.Case expected = new OperationCases.Case(reference, seed);
        operation.run(expected);
        cuda.scope(
            () -> {
              OperationCases.Case actual = new OperationCases.Case(cuda, number);
              operation.run(actual);
              double distance = actual.distance(expected);
              assertTrue(
                  distance <= 1,
                  name + " with seed " + number + " is off by " + distance + " times");
              return null;
            });
      }
    }
  }

  @Test
  void agreesWithTheOracle() {
    try (CudaKernels cuda = EmulatedCuda.open()) {
      new KernelsOracle(cuda, 1e-5, 1e-3).checkSelectiveScan();
      new KernelsOracle(cuda, 1e-5, 1e-5).checkLinearCde();
      new KernelsOracle(cuda, 1e-5, 1e-4).checkLayers();
      RecurrenceOracle recurrences = new RecurrenceOracle(cuda, 2e-5, 2e-4);
      recurrences.checkDiagonalScan();
      recurrences.checkS4d();
      recurrences.checkS5();
      recurrences.checkGatedLinearAttention();
      recurrences.checkDeltaRule();
      new StructuredCdeOracle(cuda, 2e-5, 2e-4).checkAll();
      BaselineOracle baselines = new BaselineOracle(cuda, 2e-5, 2e-4);
      baselines.checkRecurrentScans();
      baselines.checkAttention();
    }
  }

  @Test
  void viewsAreReadAndWrittenWhereTheyLie() {
    try (CudaKernels kernels = EmulatedCuda.open()) {
      Tensor matrix = kernels.zeros(3, 4);
      Tensor inner = matrix.rowRange(1, 3).columnRange(1, 3);
      kernels.write(inner, new float[] {-1, 1, 2, 3, 4}, 1);
      assertArrayEquals(
          new double[] {0, 0, 0, 0, 0, 1, 2, 0, 0, 3, 4, 0}, kernels.toDoubles(matrix));
      float[] numbers = new float[6];
      kernels.read(inner, numbers, 2);
      assertArrayEquals(new float[] {0, 0, 1, 2, 3, 4}, numbers);
      kernels.write(inner, new double[] {5, 6, 7, 8});
      assertArrayEquals(new double[] {5, 6, 7, 8}, kernels.toDoubles(inner));
    }
  }

  @Test
  void scopesReuseMemory() {
    try (CudaKernels kernels = EmulatedCuda.open()) {
      for (int i = 0; i < 20; i++) {
        kernels.scope(() -> kernels.zeros(1000, 1000));
      }
      assertEquals(16L << 20, kernels.bytes());
    }
  }

  @Test
  void tooMuchMemoryIsRefusedWithTheSizesAndTheSetting() {
    try (CudaKernels kernels = EmulatedCuda.open(20L << 20)) {
      kernels.zeros(1000, 1000);
      String message =
          assertThrows(InvalidInputException.class, () -> kernels.allocate(1000, 4000))
              .getMessage();
      assertTrue(
          message.startsWith(
              "the GPU's memory does not suffice: 15.3 MiB more are needed, this task holds 16.0"
                  + " MiB of the allowed MiB 20,"),
          message);
      assertTrue(message.contains("spark.ssm.gpu.memory"), message);
      kernels.zeros(10, 10); // what is there goes on working
    }
  }

  @Test
  void foreignClosedAndMisshapenTensorsAreRefused() {
    CudaKernels kernels = EmulatedCuda.open();
    try (CudaKernels other = EmulatedCuda.open()) {
      Tensor foreign = other.zeros(1, 2);
      assertThrows(IllegalArgumentException.class, () -> kernels.fill(foreign, 1));
    }
    Tensor x = kernels.zeros(4, 3);
    String message =
        assertThrows(IllegalArgumentException.class, () -> kernels.addRow(kernels.zeros(1, 2), x))
            .getMessage();
    assertEquals("add_row: bias is 1 x 2, expected 1 x 3", message);
    kernels.close();
    assertThrows(IllegalStateException.class, () -> kernels.fill(x, 1));
  }
}
