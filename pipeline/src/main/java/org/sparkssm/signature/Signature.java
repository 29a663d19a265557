package org.sparkssm.signature;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.kernel.NativeLibrary;

/**
 * Truncated signatures of piecewise linear paths.
 *
 * <p>With the increments {@code dx_l} of a path, {@code S = exp(dx_1) (x) ... (x) exp(dx_(L-1))},
 * where {@code exp(v) = sum_k v^(x)k / k!}, truncated at level {@code depth}. The result leaves out
 * the leading 1: levels ascending, words of a level in lexicographic order ({@link Words}). A path
 * of no or one point has signature zero. Computed by Horner's rule in the precision of the
 * arguments; tested to 1e-12 in double and 2e-5 in float relative to the largest entry of a result.
 *
 * <p>The native kernels do the work; where they are not available, plain Java does, announced once
 * by a warning.
 */
public final class Signature {
  private Signature() {}

  /**
   * The signature of one path.
   *
   * @param values the path, {@code [length, channels]} row-major
   * @return a new array of {@link SignatureSize#width} entries
   * @throws InvalidInputException if the length of {@code values} is not a multiple of {@code
   *     channels}, or the result does not fit an array
   */
  public static float[] of(float[] values, int channels, int depth) {
    float[] out = new float[SignatureSize.arrayWidth(channels, depth)];
    long[] end = {length(values.length, channels)};
    backend().forward(values, new long[1], end, channels, depth, out);
    return out;
  }

  /** {@link #of(float[], int, int)} in double. */
  public static double[] of(double[] values, int channels, int depth) {
    double[] out = new double[SignatureSize.arrayWidth(channels, depth)];
    long[] end = {length(values.length, channels)};
    backend().forward(values, new long[1], end, channels, depth, out);
    return out;
  }

  /**
   * The signatures of a batch of sequences.
   *
   * <p>Where the shape allows it (see {@code ssm.h}), sequences of a batch are followed by the
   * entries of their Lyndon words, and the other entries come from shuffle relations at the end. A
   * sequence has the same bits whatever else is in its batch, and may differ by rounding from
   * {@link #of}, which computes it directly.
   *
   * @param values rows of {@code channels} numbers
   * @param begin first row of each sequence
   * @param end one past the last row of each sequence; ranges may overlap, as windows do
   * @param out {@code [batch, width]}, overwritten; must not be {@code values}
   * @throws InvalidInputException if a range lies outside {@code values} or {@code out} is too
   *     short
   */
  public static void batch(
      float[] values, long[] begin, long[] end, int channels, int depth, float[] out) {
    requireBatch(values.length, begin, end, channels, depth, out.length);
    if (begin.length == 1) { // the kernels would compute it as a path alone
      float[] twice = new float[2 * SignatureSize.arrayWidth(channels, depth)];
      backend().forward(values, repeated(begin), repeated(end), channels, depth, twice);
      System.arraycopy(twice, 0, out, 0, twice.length / 2);
      return;
    }
    backend().forward(values, begin, end, channels, depth, out);
  }

  /** {@link #batch(float[], long[], long[], int, int, float[])} in double. */
  public static void batch(
      double[] values, long[] begin, long[] end, int channels, int depth, double[] out) {
    requireBatch(values.length, begin, end, channels, depth, out.length);
    if (begin.length == 1) { // the kernels would compute it as a path alone
      double[] twice = new double[2 * SignatureSize.arrayWidth(channels, depth)];
      backend().forward(values, repeated(begin), repeated(end), channels, depth, twice);
      System.arraycopy(twice, 0, out, 0, twice.length / 2);
      return;
    }
    backend().forward(values, begin, end, channels, depth, out);
  }

  private static long[] repeated(long[] one) {
    return new long[] {one[0], one[0]};
  }

  /**
   * The signatures of all beginnings of one path.
   *
   * @param values the path, {@code [length, channels]} row-major
   * @return {@code [length - 1, width]}: row l is the signature of the points 0 .. l + 1; empty for
   *     a path of fewer than two points
   */
  public static double[] prefixes(double[] values, int channels, int depth) {
    JavaSignatures.Horner horner = new JavaSignatures.Horner(channels, depth);
    int steps = Math.max(0, length(values.length, channels) - 1);
    long size = (long) steps * horner.width();
    double[] out =
        new double
            [SignatureSize.requireWithin(
                "the prefix signatures of " + (steps + 1) + " points",
                size,
                Double.BYTES,
                Long.MAX_VALUE - 1)];
    for (int l = 0; l < steps; l++) {
      horner.load(values, (l + 1) * channels);
      horner.step();
      System.arraycopy(horner.signature, 0, out, l * horner.width(), horner.width());
    }
    return out;
  }

  /**
   * The gradient of {@link #of(double[], int, int)} with respect to the path.
   *
   * <p>The signatures of the beginnings of the path are not kept: each is got back from the next by
   * {@code exp(-dx)}, so memory does not depend on the length. Tested to 1e-11.
   *
   * @param gradient of a scalar with respect to the signature
   * @return {@code [length, channels]}
   */
  public static double[] backward(double[] values, int channels, int depth, double[] gradient) {
    requireGradient(gradient, 1, SignatureSize.arrayWidth(channels, depth));
    double[] out = new double[values.length];
    long[] end = {length(values.length, channels)};
    double[] signature = of(values, channels, depth);
    backend().backward(values, new long[1], end, channels, depth, signature, gradient, out);
    return out;
  }

  /**
   * The gradients of {@link #batch(float[], long[], long[], int, int, float[])} with respect to the
   * values, by the reversal described at {@link #backward}.
   *
   * @param signatures {@code [batch, width]}, what the forward call gave
   * @param gradients {@code [batch, width]}, of a scalar with respect to them
   * @param out as long as {@code values}: what a sequence gives is added to its rows; must not be
   *     another argument
   * @throws InvalidInputException if a range lies outside {@code values}, or an array is too short.
   *     Tested to 2e-5 of the sum of the magnitudes of a directional derivative's terms
   */
  public static void batchBackward(
      float[] values,
      long[] begin,
      long[] end,
      int channels,
      int depth,
      float[] signatures,
      float[] gradients,
      float[] out) {
    requireBatch(values.length, begin, end, channels, depth, signatures.length);
    requireBatch(values.length, begin, end, channels, depth, gradients.length);
    requireSameLength(values.length, out.length);
    backend().backward(values, begin, end, channels, depth, signatures, gradients, out);
  }

  /**
   * {@link #batchBackward(float[], long[], long[], int, int, float[], float[], float[])} in double,
   * tested to 1e-9.
   */
  public static void batchBackward(
      double[] values,
      long[] begin,
      long[] end,
      int channels,
      int depth,
      double[] signatures,
      double[] gradients,
      double[] out) {
    requireBatch(values.length, begin, end, channels, depth, signatures.length);
    requireBatch(values.length, begin, end, channels, depth, gradients.length);
    requireSameLength(values.length, out.length);
    backend().backward(values, begin, end, channels, depth, signatures, gradients, out);
  }

  /**
   * The gradient of {@link #prefixes} with respect to the path.
   *
   * @param gradient {@code [length - 1, width]}, of a scalar with respect to all prefix signatures
   * @return {@code [length, channels]}
   */
  public static double[] prefixesBackward(
      double[] values, int channels, int depth, double[] gradient) {
    int steps = Math.max(0, length(values.length, channels) - 1);
    requireGradient(gradient, steps, SignatureSize.arrayWidth(channels, depth));
    JavaSignatures.Horner horner = new JavaSignatures.Horner(channels, depth);
    int width = horner.width();
    for (int l = 0; l < steps; l++) {
      horner.load(values, (l + 1) * channels);
      horner.step();
    }
    double[] out = new double[values.length];
    double[] state = new double[width];
    double[] increment = new double[channels];
    for (int l = steps - 1; l >= 0; l--) {
      for (int w = 0; w < width; w++) {
        state[w] += gradient[l * width + w];
      }
      horner.load(values, (l + 1) * channels);
      horner.stepBack();
      horner.stepBackward(state, increment);
      for (int c = 0; c < channels; c++) {
        out[(l + 1) * channels + c] += increment[c];
        out[l * channels + c] -= increment[c];
      }
    }
    return out;
  }

  private static void requireGradient(double[] gradient, int rows, int width) {
    if (gradient.length != (long) rows * width) {
      throw new InvalidInputException(
          "the gradient has " + gradient.length + " entries, expected " + rows + " times " + width);
    }
  }

  static void requireSameLength(int values, int out) {
    if (values != out) {
      throw new InvalidInputException(
          "the gradient of the values has " + out + " entries, expected " + values);
    }
  }

  /** The number of points of a path given as a flat array. */
  static int length(int size, int channels) {
    if (channels < 1 || size % channels != 0) {
      throw new InvalidInputException(
          "a path has " + size + " values, expected a multiple of " + channels + " channels");
    }
    return size / channels;
  }

  private static void requireBatch(
      int size, long[] begin, long[] end, int channels, int depth, int outLength) {
    requireBatch(size, begin, end, channels, SignatureSize.width(channels, depth), outLength);
  }

  /** Checks the ranges of a batch, and that {@code width} entries of each fit the output. */
  static void requireBatch(
      int size, long[] begin, long[] end, int channels, long width, int outLength) {
    long rows = length(size, channels);
    if (begin.length != end.length) {
      throw new InvalidInputException(
          "a batch has " + begin.length + " begins and " + end.length + " ends");
    }
    for (int b = 0; b < begin.length; b++) {
      if (begin[b] < 0 || end[b] < begin[b] || end[b] > rows) {
        throw new InvalidInputException(
            "sequence "
                + b
                + " is the rows "
                + begin[b]
                + " to "
                + end[b]
                + ", expected a range within "
                + rows
                + " rows");
      }
    }
    long needed = SignatureSize.bytes(width, 1);
    if (begin.length > 0 && needed > outLength / begin.length) {
      throw new InvalidInputException(
          "the output has "
              + outLength
              + " entries, expected "
              + begin.length
              + " rows of "
              + needed);
    }
  }

  static SignatureBackend backend() {
    return Selected.BACKEND;
  }

  private static final class Selected {
    static final SignatureBackend BACKEND = select();

    private Selected() {}

    private static SignatureBackend select() {
      if (NativeLibrary.isAvailable()) {
        return new NativeSignatures();
      }
      Logger log = LoggerFactory.getLogger(Signature.class);
      log.warn(
          "Signatures are computed in plain Java, which is slower: {}",
          NativeLibrary.unavailableReason().orElse("no reason given"));
      return new JavaSignatures();
    }
  }
}
