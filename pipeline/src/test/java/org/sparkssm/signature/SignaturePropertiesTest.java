package org.sparkssm.signature;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.sparkssm.signature.Agreement.assertAgrees;

import java.util.Arrays;
import java.util.SplittableRandom;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;

/** The identities that make signatures what they are, on random paths. */
class SignaturePropertiesTest {
  private static final double TOLERANCE = 1e-11;

  @Property(tries = 60)
  void concatenationIsChensProduct(
      @ForAll @IntRange(min = 1, max = 5) int channels,
      @ForAll @IntRange(min = 1, max = 5) int depth,
      @ForAll @IntRange(min = 1, max = 40) int length,
      @ForAll @IntRange(min = 0, max = 39) int cut,
      @ForAll long seed) {
    double[] path = path(length, channels, seed);
    int split = cut % length;
    double[] first = Arrays.copyOf(path, (split + 1) * channels);
    double[] second = Arrays.copyOfRange(path, split * channels, path.length);
    assertAgrees(
        signature(path, channels, depth),
        TensorAlgebra.combine(
            signature(first, channels, depth), signature(second, channels, depth), channels, depth),
        TOLERANCE,
        "concatenation");
  }

  @Property(tries = 60)
  void theReversedPathHasTheInverseSignature(
      @ForAll @IntRange(min = 1, max = 5) int channels,
      @ForAll @IntRange(min = 1, max = 5) int depth,
      @ForAll @IntRange(min = 1, max = 30) int length,
      @ForAll long seed) {
    double[] path = path(length, channels, seed);
    double[] reversed = new double[path.length];
    for (int l = 0; l < length; l++) {
      System.arraycopy(path, l * channels, reversed, (length - 1 - l) * channels, channels);
    }
    double[] signature = signature(path, channels, depth);
    double[] inverse = TensorAlgebra.inverse(signature, channels, depth);
    assertAgrees(signature(reversed, channels, depth), inverse, TOLERANCE, "reversal");
    double[] product = TensorAlgebra.combine(signature, inverse, channels, depth);
    double largest = Arrays.stream(signature).map(Math::abs).max().orElse(0);
    assertArrayEquals(
        new double[product.length], product, TOLERANCE * (1 + largest * largest), "unit");
  }

  @Property(tries = 60)
  void productsOfEntriesAreSumsOverShuffles(
      @ForAll @IntRange(min = 1, max = 4) int channels,
      @ForAll @IntRange(min = 1, max = 25) int length,
      @ForAll @IntRange(min = 1, max = 2) int sizeU,
      @ForAll @IntRange(min = 1, max = 3) int sizeV,
      @ForAll long seed) {
    int depth = sizeU + sizeV;
    double[] signature = signature(path(length, channels, seed), channels, depth);
    SplittableRandom random = new SplittableRandom(seed);
    int[] u = random.ints(sizeU, 0, channels).toArray();
    int[] v = random.ints(sizeV, 0, channels).toArray();
    double product = signature[Words.index(u, channels)] * signature[Words.index(v, channels)];
    double shuffles = sumOfShuffles(u, 0, v, 0, new int[depth], channels, signature);
    assertEquals(product, shuffles, TOLERANCE * (1 + Math.abs(product)));
  }

  @Property(tries = 60)
  void pointsOnTheSegmentsChangeNothing(
      @ForAll @IntRange(min = 1, max = 5) int channels,
      @ForAll @IntRange(min = 1, max = 5) int depth,
      @ForAll @IntRange(min = 2, max = 20) int length,
      @ForAll long seed) {
    double[] path = path(length, channels, seed);
    SplittableRandom random = new SplittableRandom(seed);
    double[] refined = new double[(2 * length - 1) * channels];
    for (int l = 0; l < length; l++) {
      double weight = random.nextInt(4) == 0 ? 0 : random.nextDouble();
      for (int c = 0; c < channels; c++) {
        double here = path[l * channels + c];
        refined[2 * l * channels + c] = here;
        if (l + 1 < length) {
          double next = path[(l + 1) * channels + c];
          refined[(2 * l + 1) * channels + c] = here + weight * (next - here);
        }
      }
    }
    assertAgrees(
        signature(path, channels, depth),
        signature(refined, channels, depth),
        TOLERANCE,
        "reparametrization");
  }

  @Property(tries = 40)
  void exponentialUndoesLogarithm(
      @ForAll @IntRange(min = 1, max = 4) int channels,
      @ForAll @IntRange(min = 1, max = 5) int depth,
      @ForAll @IntRange(min = 1, max = 20) int length,
      @ForAll long seed) {
    double[] signature = signature(path(length, channels, seed), channels, depth);
    double[] log = TensorAlgebra.log(signature, channels, depth);
    assertAgrees(signature, TensorAlgebra.exp(log, channels, depth), TOLERANCE, "exp of log");
  }

  @Property(tries = 60)
  void gradientsAlongThePathAreThoseOfThePlainReversal(
      @ForAll @IntRange(min = 1, max = 5) int channels,
      @ForAll @IntRange(min = 1, max = 5) int depth,
      @ForAll @IntRange(min = 0, max = 60) int length,
      @ForAll long seed) {
    double[] path = path(length, channels, seed);
    int width = (int) SignatureSize.width(channels, depth);
    SplittableRandom random = new SplittableRandom(seed + 1);
    double[] cotangents = random.doubles(2L * width, -1, 1).toArray();
    long[] begin = {0, length / 3};
    long[] end = {length, length};
    double[] signatures = new double[2 * width];
    Signature.batch(path, begin, end, channels, depth, signatures);
    double[] gradient = new double[path.length];
    Signature.batchBackward(path, begin, end, channels, depth, signatures, cotangents, gradient);
    double[] expected = new double[path.length];
    new JavaSignatures()
        .backward(path, begin, end, channels, depth, signatures, cotangents, expected);
    assertAgrees(expected, gradient, TOLERANCE, "gradient of overlapping ranges");
    float[] narrow = new float[path.length];
    Signature.batchBackward(
        Agreement.toFloat(path),
        begin,
        end,
        channels,
        depth,
        Agreement.toFloat(signatures),
        Agreement.toFloat(cotangents),
        narrow);
    assertAgrees(expected, Agreement.toDouble(narrow), 1e-4, "gradient in float");
  }

  private static double sumOfShuffles(
      int[] u, int i, int[] v, int j, int[] word, int channels, double[] signature) {
    if (i == u.length && j == v.length) {
      return signature[Words.index(word, channels)];
    }
    double sum = 0;
    if (i < u.length) {
      word[i + j] = u[i];
      sum += sumOfShuffles(u, i + 1, v, j, word, channels, signature);
    }
    if (j < v.length) {
      word[i + j] = v[j];
      sum += sumOfShuffles(u, i, v, j + 1, word, channels, signature);
    }
    return sum;
  }

  /**
   * The signature as computed within a batch: there only the Lyndon words are followed along the
   * path, and the other entries come from relations.
   */
  private static double[] signature(double[] path, int channels, int depth) {
    int width = (int) SignatureSize.width(channels, depth);
    long length = path.length / channels;
    double[] out = new double[3 * width];
    long[] begin = {0, length / 2, 0};
    Signature.batch(path, begin, new long[] {length, length, length / 2}, channels, depth, out);
    double[] batched = Arrays.copyOf(out, width);
    assertAgrees(Signature.of(path, channels, depth), batched, TOLERANCE, "alone and in a batch");
    return batched;
  }

  private static double[] path(int length, int channels, long seed) {
    return new SplittableRandom(seed).doubles((long) length * channels, -0.5, 0.5).toArray();
  }
}
