package org.sparkssm.signature;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.sparkssm.signature.Agreement.assertAgrees;
import static org.sparkssm.signature.Agreement.toDouble;
import static org.sparkssm.signature.Agreement.toFloat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.testing.OracleFile;

class SignatureKernelTest {
  @Test
  void valuesAgreeWithTheOracleForBothStaticKernelsAndEveryDyadicOrder() {
    for (SignatureKernelBackend backend : backends()) {
      for (OracleFile.Case c : finiteDifferences()) {
        SignatureKernel kernel = kernel(c);
        boolean isGram = c.kind().equals("gram");
        KernelPairs pairs = isGram ? KernelPairs.ALL : KernelPairs.MATCHED;
        double[] expected = c.output(isGram ? "gram" : "kernel");
        double[] x = c.input("x");
        double[] y = c.input("y");
        long[] xOffsets = offsets(c, "x");
        long[] yOffsets = offsets(c, "y");
        double[] out = new double[expected.length];
        backend.forward(kernel, pairs, x, xOffsets, y, yOffsets, out);
        assertAgrees(expected, out, kernel.dyadicOrder() == 3 ? 1e-11 : 1e-12, c.toString());
        float[] inFloat = new float[expected.length];
        backend.forward(kernel, pairs, toFloat(x), xOffsets, toFloat(y), yOffsets, inFloat);
        assertAgrees(expected, toDouble(inFloat), 2e-5, c.toString());
      }
    }
  }

  @Test
  void gradientsAgreeWithTheOracle() {
    for (SignatureKernelBackend backend : backends()) {
      for (OracleFile.Case c : finiteDifferences()) {
        boolean isGram = c.kind().equals("gram");
        KernelPairs pairs = isGram ? KernelPairs.ALL : KernelPairs.MATCHED;
        double[] cotangent = c.cotangent(isGram ? "gram" : "kernel");
        double[] x = c.input("x");
        double[] y = c.input("y");
        long[] xOffsets = offsets(c, "x");
        long[] yOffsets = offsets(c, "y");
        double[] ofX = new double[x.length];
        double[] ofY = new double[y.length];
        SignatureKernel kernel = kernel(c);
        backend.backward(kernel, pairs, x, xOffsets, y, yOffsets, cotangent, ofX, ofY);
        assertAgrees(c.gradient("x"), ofX, 1e-11, c.toString());
        assertAgrees(c.gradient("y"), ofY, 1e-11, c.toString());
        float[] ofXInFloat = new float[x.length];
        float[] ofYInFloat = new float[y.length];
        backend.backward(
            kernel,
            pairs,
            toFloat(x),
            xOffsets,
            toFloat(y),
            yOffsets,
            toFloat(cotangent),
            ofXInFloat,
            ofYInFloat);
        assertAgrees(c.gradient("x"), toDouble(ofXInFloat), 2e-4, c.toString());
        assertAgrees(c.gradient("y"), toDouble(ofYInFloat), 2e-4, c.toString());
      }
    }
  }

  @Property(tries = 30)
  void gradientsAreFiniteDifferences(
      @ForAll @IntRange(min = 1, max = 4) int channels,
      @ForAll @IntRange(min = 0, max = 2) int order,
      @ForAll boolean isRbf,
      @ForAll long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    SignatureKernel kernel = kernel(channels, order, isRbf);
    long[] xOffsets = offsets(random, 3, 9);
    long[] yOffsets = offsets(random, 2, 9);
    double[] x = walks(random, xOffsets, channels);
    double[] y = walks(random, yOffsets, channels);
    double[] gradient = random.doubles(6, -1, 1).toArray();
    double[] ofX = new double[x.length];
    double[] ofY = new double[y.length];
    kernel.gramBackward(x, xOffsets, y, yOffsets, gradient, ofX, ofY);
    for (double[][] side : new double[][][] {{x, ofX}, {y, ofY}}) {
      for (int i = 0; i < side[0].length; i++) {
        double value = side[0][i];
        side[0][i] = value + 1e-5;
        double above = dot(gradient, kernel.gram(x, xOffsets, y, yOffsets));
        side[0][i] = value - 1e-5;
        double below = dot(gradient, kernel.gram(x, xOffsets, y, yOffsets));
        side[0][i] = value;
        assertEquals((above - below) / 2e-5, side[1][i], 1e-7 * (1 + Math.abs(side[1][i])));
      }
    }
  }

  @Property(tries = 40)
  void theNativeKernelsGiveWhatJavaGives(
      @ForAll @IntRange(min = 1, max = 11) int channels,
      @ForAll @IntRange(min = 0, max = 3) int order,
      @ForAll @IntRange(min = 0, max = 19) int count,
      @ForAll boolean isRbf,
      @ForAll long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    SignatureKernel kernel = kernel(channels, order, isRbf);
    long[] xOffsets = offsets(random, count, 50);
    long[] yOffsets = offsets(random, count, 50);
    double[] x = walks(random, xOffsets, channels);
    double[] y = walks(random, yOffsets, channels);
    JavaSignatureKernel plain = new JavaSignatureKernel();
    double[] matched = new double[count];
    plain.forward(kernel, KernelPairs.MATCHED, x, xOffsets, y, yOffsets, matched);
    assertAgrees(matched, kernel.matched(x, xOffsets, y, yOffsets), 1e-11, "matched pairs");
    double[] gradient = random.doubles(count, -1, 1).toArray();
    double[][] expected = {new double[x.length], new double[y.length]};
    double[][] actual = {new double[x.length], new double[y.length]};
    plain.backward(
        kernel, KernelPairs.MATCHED, x, xOffsets, y, yOffsets, gradient, expected[0], expected[1]);
    kernel.matchedBackward(x, xOffsets, y, yOffsets, gradient, actual[0], actual[1]);
    assertAgrees(expected[0], actual[0], 1e-10, "gradient of x");
    assertAgrees(expected[1], actual[1], 1e-10, "gradient of y");
  }

  @Property(tries = 25)
  void aGramMatrixIsSymmetricToTheBitAndPositiveSemidefinite(
      @ForAll @IntRange(min = 1, max = 4) int channels,
      @ForAll @IntRange(min = 1, max = 24) int count,
      @ForAll boolean isRbf,
      @ForAll long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    SignatureKernel kernel = kernel(channels, 3, isRbf);
    long[] offsets = offsets(random, count, 30);
    double[] x = walks(random, offsets, channels);
    double[] gram = kernel.gram(x, offsets);
    assertArrayEquals(kernel.gram(x, offsets, x, offsets), gram);
    double trace = 0;
    for (int i = 0; i < count; i++) {
      trace += gram[i * count + i];
      for (int j = 0; j < count; j++) {
        assertEquals(gram[i * count + j], gram[j * count + i]);
      }
    }
    // The discrete solution is semidefinite up to its error; ever finer cells make it exact.
    for (int i = 0; i < count; i++) {
      gram[i * count + i] += 1e-4 * trace;
    }
    assertTrue(isPositiveDefinite(gram, count), () -> Arrays.toString(gram));
  }

  @Property(tries = 25)
  void theLinearKernelIsTheInnerProductOfSignatures(
      @ForAll @IntRange(min = 1, max = 3) int channels,
      @ForAll @IntRange(min = 0, max = 7) int lengthX,
      @ForAll @IntRange(min = 0, max = 7) int lengthY,
      @ForAll long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    double[] x = walks(random, new long[] {0, lengthX}, channels);
    double[] y = walks(random, new long[] {0, lengthY}, channels);
    int depth = 11;
    double product = 1 + dot(Signature.of(x, channels, depth), Signature.of(y, channels, depth));
    // The product may be far smaller than the errors of either side, which go with the norms of the
    // signatures: the leading one, a fourth with each order, is taken out by extrapolation.
    double coarse = SignatureKernel.linear(channels, 8).of(x, y);
    double fine = SignatureKernel.linear(channels, 9).of(x, y);
    assertEquals(product, (4 * fine - coarse) / 3, 1e-4 * Math.abs(product));
  }

  @Test
  void kernelsDoNotDependOnWhatElseIsComputed() {
    SplittableRandom random = new SplittableRandom(5);
    SignatureKernel kernel = SignatureKernel.rbf(2, 1, 0.7);
    long[] offsets = offsets(random, 21, 70);
    double[] x = walks(random, offsets, 2);
    double[] gram = kernel.gram(x, offsets);
    for (int i = 0; i < 21; i += 4) {
      for (int j = 0; j < 21; j++) {
        double alone = kernel.of(path(x, offsets, i), path(x, offsets, j));
        assertEquals(gram[i * 21 + j], alone);
      }
    }
  }

  @Test
  void impossibleBatchesAreRefused() {
    SignatureKernel kernel = SignatureKernel.linear(2, 0);
    double[] x = new double[8];
    for (long[] offsets : new long[][] {{}, {0}, {0, 3}, {1, 4}, {0, 5, 4}, {0, 3, 2, 4}}) {
      assertThrows(InvalidInputException.class, () -> kernel.gram(x, offsets));
    }
    assertThrows(InvalidInputException.class, () -> kernel.of(new double[3], x));
    assertThrows(
        InvalidInputException.class,
        () -> kernel.matched(x, new long[] {0, 4}, x, new long[] {0, 2, 4}));
    assertThrows(
        InvalidInputException.class,
        () ->
            kernel.gramBackward(
                x, new long[] {0, 4}, x, new long[] {0, 4}, new double[2], x, new double[8]));
  }

  private static List<SignatureKernelBackend> backends() {
    return List.of(new NativeSignatureKernel(), new JavaSignatureKernel());
  }

  private static List<OracleFile.Case> finiteDifferences() {
    List<OracleFile.Case> cases = new ArrayList<>(OracleFile.cases("signature_kernel.json"));
    cases.removeIf(c -> c.kind().equals("exact"));
    assertFalse(cases.isEmpty());
    return cases;
  }

  private static SignatureKernel kernel(OracleFile.Case c) {
    int channels = c.parameter("channels").asInt();
    int order = c.parameter("dyadic_order").asInt();
    return c.parameter("static_kernel").asText().equals("linear")
        ? SignatureKernel.linear(channels, order)
        : SignatureKernel.rbf(channels, order, c.parameter("sigma").asDouble());
  }

  private static SignatureKernel kernel(int channels, int order, boolean isRbf) {
    return isRbf
        ? SignatureKernel.rbf(channels, order, 0.9)
        : SignatureKernel.linear(channels, order);
  }

  /** Of a path, or of a batch of paths of one length. */
  private static long[] offsets(OracleFile.Case c, String name) {
    int[] shape = c.shape(name);
    long[] offsets = new long[shape.length == 3 ? shape[0] + 1 : 2];
    for (int b = 1; b < offsets.length; b++) {
      offsets[b] = offsets[b - 1] + shape[shape.length - 2];
    }
    return offsets;
  }

  private static long[] offsets(SplittableRandom random, int count, int longest) {
    long[] offsets = new long[count + 1];
    for (int b = 0; b < count; b++) {
      offsets[b + 1] = offsets[b] + random.nextInt(longest + 1);
    }
    return offsets;
  }

  /** Paths that start at 0 and end about 1 away from it. */
  private static double[] walks(SplittableRandom random, long[] offsets, int channels) {
    double[] values = new double[(int) offsets[offsets.length - 1] * channels];
    for (int b = 0; b + 1 < offsets.length; b++) {
      double scale = Math.sqrt(3.0 / Math.max(1, (offsets[b + 1] - offsets[b]) * channels));
      for (int i = (int) (offsets[b] + 1) * channels; i < offsets[b + 1] * channels; i++) {
        values[i] = values[i - channels] + scale * random.nextDouble(-1, 1);
      }
    }
    return values;
  }

  private static double[] path(double[] values, long[] offsets, int b) {
    return Arrays.copyOfRange(values, (int) offsets[b] * 2, (int) offsets[b + 1] * 2);
  }

  private static double dot(double[] a, double[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += a[i] * b[i];
    }
    return sum;
  }

  /** By Cholesky's decomposition. */
  private static boolean isPositiveDefinite(double[] matrix, int n) {
    double[] lower = matrix.clone();
    for (int j = 0; j < n; j++) {
      for (int i = j; i < n; i++) {
        double sum = lower[i * n + j];
        for (int k = 0; k < j; k++) {
          sum -= lower[i * n + k] * lower[j * n + k];
        }
        if (i == j && sum <= 0) {
          return false;
        }
        lower[i * n + j] = i == j ? Math.sqrt(sum) : sum / lower[j * n + j];
      }
    }
    return true;
  }
}
