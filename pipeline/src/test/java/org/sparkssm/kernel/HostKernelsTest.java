package org.sparkssm.kernel;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.openblas.global.openblas_nolapack;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.sparkssm.testing.KernelsOracle;

class HostKernelsTest {
  /** The instruction sets this machine has. */
  static List<String> targets() {
    List<String> targets =
        Stream.of("x86-64-v2", "x86-64-v3", "x86-64-v4", "generic")
            .filter(HostKernelsTest::select)
            .toList();
    select("auto");
    return targets;
  }

  static boolean select(String target) {
    NativeLibrary.requireLoaded();
    try (BytePointer name = new BytePointer(target)) {
      return Native.ssm_target_select(name) == 0;
    }
  }

  @AfterEach
  void selectBestTarget() {
    select("auto");
  }

  @ParameterizedTest
  @MethodSource("targets")
  void selectiveScanAgreesWithOracle(String target) {
    select(target);
    try (HostKernels kernels = new HostKernels()) {
      new KernelsOracle(kernels, 1e-5, 1e-3).checkSelectiveScan();
    }
  }

  @ParameterizedTest
  @MethodSource("targets")
  void linearCdeAgreesWithOracle(String target) {
    select(target);
    try (HostKernels kernels = new HostKernels()) {
      new KernelsOracle(kernels, 1e-5, 1e-5).checkLinearCde();
    }
  }

  @ParameterizedTest
  @MethodSource("targets")
  void layersAgreeWithOracle(String target) {
    select(target);
    try (HostKernels kernels = new HostKernels()) {
      new KernelsOracle(kernels, 1e-5, 1e-4).checkLayers();
    }
  }

  @Test
  void viewsAreReadAndWrittenWhereTheyLie() {
    try (HostKernels kernels = new HostKernels()) {
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
      assertArrayEquals(new double[] {0, 5}, kernels.toDoubles(matrix.slice(4, 1, 2)));
    }
  }

  @Test
  void scopesReuseMemoryAndZerosAreZeroInIt() {
    try (HostKernels kernels = new HostKernels()) {
      Tensor kept = kernels.zeros(1, 3);
      for (int i = 0; i < 3; i++) {
        double[] fresh =
            kernels.scope(
                () -> {
                  Tensor large = kernels.allocate(1000, 1000);
                  kernels.fill(large, Double.NaN);
                  kernels.scope(() -> kernels.zeros(10, 10));
                  return kernels.toDoubles(kernels.zeros(1, 2));
                });
        assertArrayEquals(new double[] {0, 0}, fresh);
      }
      assertArrayEquals(new double[] {0, 0, 0}, kernels.toDoubles(kept));
    }
  }

  @Test
  void theBlasLibraryRunsOneThreadAndAProductHasTheSameBitsFromAnyThread() {
    try (HostKernels kernels = new HostKernels()) {
      assertEquals(1, openblas_nolapack.blas_get_num_threads());
      double[] product = product(kernels);
      List<double[]> products =
          IntStream.range(0, 8)
              .parallel()
              .mapToObj(
                  i -> {
                    try (HostKernels own = new HostKernels()) {
                      return product(own);
                    }
                  })
              .toList();
      products.forEach(other -> assertArrayEquals(product, other));
    }
  }

  private static double[] product(HostKernels kernels) {
    Random random = new Random(3);
    Tensor a = kernels.allocate(333, 257);
    Tensor b = kernels.allocate(257, 129);
    for (Tensor tensor : List.of(a, b)) {
      kernels.write(tensor, random.doubles(tensor.size()).toArray());
    }
    Tensor c = kernels.allocate(333, 129);
    kernels.gemm(false, false, 1, a, b, 0, c);
    return kernels.toDoubles(c);
  }

  @Test
  void foreignClosedAndMisshapenTensorsAreRefused() {
    HostKernels kernels = new HostKernels();
    try (HostKernels other = new HostKernels()) {
      Tensor foreign = other.zeros(1, 2);
      assertThrows(IllegalArgumentException.class, () -> kernels.fill(foreign, 1));
    }
    Tensor x = kernels.zeros(4, 3);
    IllegalArgumentException e =
        assertThrows(IllegalArgumentException.class, () -> kernels.addRow(kernels.zeros(1, 2), x));
    assertEquals("addRow: HostTensor[1 x 2] does not fit: expected 1 x 3", e.getMessage());
    kernels.close();
    assertThrows(IllegalStateException.class, () -> kernels.fill(x, 1));
  }

  @ParameterizedTest
  @MethodSource("targets")
  void aSequenceHasTheSameBitsAloneInABatchAndSplitInTwo(String target) {
    select(target);
    int[] lengths = {37, 1, 0, 100, 16, 5, 64, 33, 2, 40, 7, 19, 90, 3};
    Segments together = Segments.ofLengths(lengths);
    try (HostKernels kernels = new HostKernels()) {
      Recurrences r = new Recurrences(kernels, together.rows());
      double[][] all = r.run(together, 0, null, null);
      for (int b = 0; b < lengths.length; b++) {
        int first = together.offset(b);
        int middle = lengths[b] / 3;
        double[][] head = r.run(Segments.ofLengths(middle), first, null, null);
        double[][] tail =
            r.run(Segments.ofLengths(lengths[b] - middle), first + middle, head[1], head[3]);
        double[][] alone = r.run(Segments.ofLengths(lengths[b]), first, null, null);
        for (int k = 0; k < all.length; k++) {
          boolean perStep = k % 2 == 0;
          int width = all[k].length / (perStep ? together.rows() : together.batch());
          int from = (perStep ? first : b) * width;
          int to = (perStep ? first + lengths[b] : b + 1) * width;
          double[] part = Arrays.copyOfRange(all[k], from, to);
          assertArrayEquals(part, alone[k]);
          assertArrayEquals(
              part,
              perStep
                  ? DoubleStream.concat(Arrays.stream(head[k]), Arrays.stream(tail[k])).toArray()
                  : tail[k]);
        }
      }
    }
  }

  /** A selective scan and a linear CDE over windows of the same random rows. */
  private static final class Recurrences {
    private static final int D = 19;
    private static final int N = 21;
    private static final int W = 3;

    private final HostKernels kernels;
    private final Random random = new Random(7);
    private final Tensor u;
    private final Tensor delta;
    private final Tensor b;
    private final Tensor c;
    private final Tensor transition;
    private final Tensor dOmega;
    private final Tensor a;

    Recurrences(HostKernels kernels, int rows) {
      this.kernels = kernels;
      u = normal(rows, D, 1);
      delta = normal(rows, D, 1);
      b = normal(rows, N, 1);
      c = normal(rows, N, 1);
      transition = normal(D, N, 1);
      kernels.negativeExpForward(transition, transition);
      dOmega = normal(rows, W, 0.2);
      kernels.activationForward(Activation.RELU, dOmega, dOmega);
      a = normal(W * N, N, 0.3);
    }

    private Tensor normal(int rows, int columns, double scale) {
      double[] values = new double[rows * columns];
      Arrays.setAll(values, i -> scale * random.nextGaussian());
      Tensor tensor = kernels.allocate(rows, columns);
      kernels.write(tensor, values);
      return tensor;
    }

    /** Scan outputs and last states, CDE states and last states. */
    double[][] run(Segments segments, int first, double[] scanState, double[] cdeState) {
      int end = first + segments.rows();
      int batch = segments.batch();
      Tensor y = kernels.allocate(segments.rows(), D);
      Tensor last = kernels.allocate(batch, D * N);
      kernels.selectiveScanForward(
          new SelectiveScan(
              segments,
              u.rowRange(first, end),
              delta.rowRange(first, end),
              null,
              transition,
              b.rowRange(first, end),
              c.rowRange(first, end),
              null,
              null,
              state(scanState, batch, D * N),
              y,
              last));
      Tensor z = kernels.allocate(segments.rows(), N);
      Tensor zLast = kernels.allocate(batch, N);
      Tensor start = cdeState == null ? kernels.allocate(batch, N) : state(cdeState, batch, N);
      if (cdeState == null) {
        kernels.fill(start, 1);
      }
      kernels.linearCdeForward(
          new LinearCdeSolve(
              CdeSolver.RK4,
              segments,
              dOmega.rowRange(first, end),
              a,
              null,
              null,
              start,
              z,
              zLast));
      return new double[][] {
        kernels.toDoubles(y),
        kernels.toDoubles(last),
        kernels.toDoubles(z),
        kernels.toDoubles(zLast)
      };
    }

    private Tensor state(double[] values, int rows, int columns) {
      if (values == null) {
        return null;
      }
      Tensor tensor = kernels.allocate(rows, columns);
      kernels.write(tensor, values);
      return tensor;
    }
  }
}
