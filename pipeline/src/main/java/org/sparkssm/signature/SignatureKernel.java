package org.sparkssm.signature;

import java.util.Arrays;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.kernel.NativeLibrary;

/**
 * The signature kernel of two paths, {@code k = 1 + <S(x), S(y)>} over all levels, as the solution
 * of a Goursat problem (Salvi, Cass, Foster, Lyons, Yang 2021, "The Signature Kernel is the
 * solution of a Goursat PDE").
 *
 * <p>With the increments {@code p_ij} of a static kernel over the grid of both paths, every cell
 * divided into {@code 2^q x 2^q} with {@code p / 4^q} each, and {@code k_0j = k_i0 = 1},
 *
 * <pre>k_(i+1,j+1) = (k_(i+1,j) + k_(i,j+1)) (1 + p/2 + p^2/12) - k_ij (1 - p^2/12)</pre>
 *
 * <p>Values are tested to 1e-12 in double (1e-11 for q = 3) and in float to 2e-5, or 1e-7 a row and
 * column of the refined grid if that is more, for q up to 3, relative to the largest; gradients to
 * ten times as much. With finer cells float loses digits: at q = 6 three of seven are left.
 * Gradients are those of the discrete solution. Time {@code O(Lx Ly 4^q)}, memory {@code O(Ly
 * 2^q)}, for gradients {@code O(Ly 2^q sqrt(Lx 2^q))}; y may have {@code 2^24} steps of {@code
 * 2^-q}, and a gradient is refused that would take over 4 GiB.
 *
 * <p>Batches are packed: path b of x is the rows {@code xOffsets[b] .. xOffsets[b + 1]}, each of
 * {@code channels} numbers; {@code xOffsets[0]} is 0. A kernel has the same bits whatever else is
 * computed with it, and k(x, y) those of k(y, x).
 *
 * <p>The native kernels do the work; where they are not available, plain Java does, announced once
 * by a warning.
 */
public final class SignatureKernel {
  /** The largest dyadic order: cells are divided into at most 1024 x 1024. */
  public static final int MAX_DYADIC_ORDER = 10;

  /** The most refined steps of y; a line of the grid takes 64 bytes for each. */
  private static final long MAX_GRID_LINE = 1L << 24;

  /** The most bytes of working memory of a gradient. */
  private static final double MAX_GRADIENT_BYTES = 4.0 * (1L << 30);

  private static final int BYTES_PER_CELL = 64;

  private final int channels;
  private final int dyadicOrder;
  private final double sigma;

  private SignatureKernel(int channels, int dyadicOrder, double sigma) {
    SignatureSize.requireShape(channels, 1);
    if (dyadicOrder < 0 || dyadicOrder > MAX_DYADIC_ORDER) {
      throw new InvalidInputException(
          "the dyadic order is " + dyadicOrder + ", expected 0 to " + MAX_DYADIC_ORDER);
    }
    this.channels = channels;
    this.dyadicOrder = dyadicOrder;
    this.sigma = sigma;
  }

  /** With the linear static kernel {@code <a, b>}. */
  public static SignatureKernel linear(int channels, int dyadicOrder) {
    return new SignatureKernel(channels, dyadicOrder, Double.NaN);
  }

  /**
   * With the static kernel {@code exp(-|a - b|^2 / sigma)}.
   *
   * @throws InvalidInputException if sigma is not positive
   */
  public static SignatureKernel rbf(int channels, int dyadicOrder, double sigma) {
    if (!(sigma > 0)) {
      throw new InvalidInputException("sigma is " + sigma + ", expected more than 0");
    }
    return new SignatureKernel(channels, dyadicOrder, sigma);
  }

  /** The number of channels of the paths. */
  public int channels() {
    return channels;
  }

  int dyadicOrder() {
    return dyadicOrder;
  }

  boolean isRbf() {
    return !Double.isNaN(sigma);
  }

  /** Of the RBF static kernel; NaN for the linear one. */
  double sigma() {
    return sigma;
  }

  /**
   * The kernel of two paths.
   *
   * @param x {@code [length of x, channels]} row-major
   * @param y {@code [length of y, channels]} row-major
   * @return the kernel; 1 if a path has fewer than two points
   */
  public double of(double[] x, double[] y) {
    // Either way round it is the same to the bit; memory goes with the second.
    return x.length < y.length
        ? matched(y, whole(y.length), x, whole(x.length))[0]
        : matched(x, whole(x.length), y, whole(y.length))[0];
  }

  /**
   * The kernels of the paths x with those of y that have their numbers.
   *
   * @return {@code [batch]}
   * @throws InvalidInputException if offsets do not rise from 0 to the rows of the values, or there
   *     are not as many x as y
   */
  public double[] matched(double[] x, long[] xOffsets, double[] y, long[] yOffsets) {
    requireOffsets(x.length, xOffsets);
    requireOffsets(y.length, yOffsets);
    requireMatched(xOffsets, yOffsets);
    requireLine(yOffsets);
    double[] out = new double[xOffsets.length - 1];
    backend().forward(this, KernelPairs.MATCHED, x, xOffsets, y, yOffsets, out);
    return out;
  }

  /**
   * The Gram matrix: the kernels of all paths x with all paths y.
   *
   * @return {@code [number of x, number of y]} row-major
   * @throws InvalidInputException if offsets do not rise from 0 to the rows of the values
   */
  public double[] gram(double[] x, long[] xOffsets, double[] y, long[] yOffsets) {
    requireOffsets(x.length, xOffsets);
    requireOffsets(y.length, yOffsets);
    requireLine(yOffsets);
    double[] out = new double[Math.multiplyExact(xOffsets.length - 1, yOffsets.length - 1)];
    backend().forward(this, KernelPairs.ALL, x, xOffsets, y, yOffsets, out);
    return out;
  }

  /** The Gram matrix of paths with themselves; each pair is computed once. */
  public double[] gram(double[] x, long[] offsets) {
    requireOffsets(x.length, offsets);
    requireLine(offsets);
    double[] out = new double[Math.multiplyExact(offsets.length - 1, offsets.length - 1)];
    backend().forward(this, KernelPairs.SYMMETRIC, x, offsets, x, offsets, out);
    return out;
  }

  /**
   * The gradient of {@link #matched(double[], long[], double[], long[])} with respect to the paths.
   *
   * @param gradient of a scalar with respect to the kernels
   * @param xGradient as x, added to
   * @param yGradient as y, added to
   * @throws InvalidInputException as there, or if a gradient has not the size of what it belongs to
   */
  public void matchedBackward(
      double[] x,
      long[] xOffsets,
      double[] y,
      long[] yOffsets,
      double[] gradient,
      double[] xGradient,
      double[] yGradient) {
    requireOffsets(x.length, xOffsets);
    requireOffsets(y.length, yOffsets);
    requireMatched(xOffsets, yOffsets);
    requireGradientMemory(xOffsets, yOffsets);
    requireSize("the gradient of the kernels", gradient.length, xOffsets.length - 1);
    requireSize("the gradient of x", xGradient.length, x.length);
    requireSize("the gradient of y", yGradient.length, y.length);
    backend()
        .backward(
            this, KernelPairs.MATCHED, x, xOffsets, y, yOffsets, gradient, xGradient, yGradient);
  }

  /**
   * The gradient of {@link #gram(double[], long[], double[], long[])} with respect to the paths.
   *
   * @param gradient of a scalar with respect to the kernels
   * @param xGradient as x, added to
   * @param yGradient as y, added to
   * @throws InvalidInputException as there, or if a gradient has not the size of what it belongs to
   */
  public void gramBackward(
      double[] x,
      long[] xOffsets,
      double[] y,
      long[] yOffsets,
      double[] gradient,
      double[] xGradient,
      double[] yGradient) {
    requireOffsets(x.length, xOffsets);
    requireOffsets(y.length, yOffsets);
    requireSize(
        "the gradient of the kernels",
        gradient.length,
        (xOffsets.length - 1L) * (yOffsets.length - 1L));
    requireSize("the gradient of x", xGradient.length, x.length);
    requireSize("the gradient of y", yGradient.length, y.length);
    backend()
        .backward(this, KernelPairs.ALL, x, xOffsets, y, yOffsets, gradient, xGradient, yGradient);
  }

  /** {@link #matched(double[], long[], double[], long[])} in float. */
  public float[] matched(float[] x, long[] xOffsets, float[] y, long[] yOffsets) {
    requireOffsets(x.length, xOffsets);
    requireOffsets(y.length, yOffsets);
    requireMatched(xOffsets, yOffsets);
    requireLine(yOffsets);
    float[] out = new float[xOffsets.length - 1];
    backend().forward(this, KernelPairs.MATCHED, x, xOffsets, y, yOffsets, out);
    return out;
  }

  /** {@link #gram(double[], long[], double[], long[])} in float. */
  public float[] gram(float[] x, long[] xOffsets, float[] y, long[] yOffsets) {
    requireOffsets(x.length, xOffsets);
    requireOffsets(y.length, yOffsets);
    requireLine(yOffsets);
    float[] out = new float[Math.multiplyExact(xOffsets.length - 1, yOffsets.length - 1)];
    backend().forward(this, KernelPairs.ALL, x, xOffsets, y, yOffsets, out);
    return out;
  }

  /** {@link #gram(double[], long[])} in float. */
  public float[] gram(float[] x, long[] offsets) {
    requireOffsets(x.length, offsets);
    requireLine(offsets);
    float[] out = new float[Math.multiplyExact(offsets.length - 1, offsets.length - 1)];
    backend().forward(this, KernelPairs.SYMMETRIC, x, offsets, x, offsets, out);
    return out;
  }

  /**
   * {@link #matchedBackward(double[], long[], double[], long[], double[], double[], double[])} in
   * float.
   */
  public void matchedBackward(
      float[] x,
      long[] xOffsets,
      float[] y,
      long[] yOffsets,
      float[] gradient,
      float[] xGradient,
      float[] yGradient) {
    requireOffsets(x.length, xOffsets);
    requireOffsets(y.length, yOffsets);
    requireMatched(xOffsets, yOffsets);
    requireGradientMemory(xOffsets, yOffsets);
    requireSize("the gradient of the kernels", gradient.length, xOffsets.length - 1);
    requireSize("the gradient of x", xGradient.length, x.length);
    requireSize("the gradient of y", yGradient.length, y.length);
    backend()
        .backward(
            this, KernelPairs.MATCHED, x, xOffsets, y, yOffsets, gradient, xGradient, yGradient);
  }

  /**
   * {@link #gramBackward(double[], long[], double[], long[], double[], double[], double[])} in
   * float.
   */
  public void gramBackward(
      float[] x,
      long[] xOffsets,
      float[] y,
      long[] yOffsets,
      float[] gradient,
      float[] xGradient,
      float[] yGradient) {
    requireOffsets(x.length, xOffsets);
    requireOffsets(y.length, yOffsets);
    requireSize(
        "the gradient of the kernels",
        gradient.length,
        (xOffsets.length - 1L) * (yOffsets.length - 1L));
    requireSize("the gradient of x", xGradient.length, x.length);
    requireSize("the gradient of y", yGradient.length, y.length);
    backend()
        .backward(this, KernelPairs.ALL, x, xOffsets, y, yOffsets, gradient, xGradient, yGradient);
  }

  private long[] whole(int size) {
    return new long[] {0, Signature.length(size, channels)};
  }

  private void requireOffsets(int size, long[] offsets) {
    int rows = Signature.length(size, channels);
    if (offsets.length < 1 || offsets[0] != 0 || offsets[offsets.length - 1] != rows) {
      throw new InvalidInputException(
          "offsets are " + Arrays.toString(offsets) + ", expected numbers from 0 to " + rows);
    }
    for (int b = 1; b < offsets.length; b++) {
      if (offsets[b] < offsets[b - 1]) {
        throw new InvalidInputException(
            "offset " + b + " is " + offsets[b] + ", less than the one before, " + offsets[b - 1]);
      }
    }
  }

  private void requireLine(long[] yOffsets) {
    long line = refinedSteps(yOffsets);
    if (line > MAX_GRID_LINE) {
      throw new InvalidInputException(
          "a path y has "
              + line
              + " steps on the refined grid, expected at most "
              + MAX_GRID_LINE
              + ": shorter paths or a lower dyadic order");
    }
  }

  private void requireGradientMemory(long[] xOffsets, long[] yOffsets) {
    double rows = refinedSteps(xOffsets);
    double columns = refinedSteps(yOffsets);
    double bytes = 2 * BYTES_PER_CELL * Math.sqrt(rows) * columns;
    if (bytes > MAX_GRADIENT_BYTES) {
      throw new InvalidInputException(
          "the gradient over a grid of "
              + (long) rows
              + " x "
              + (long) columns
              + " cells takes "
              + (long) bytes
              + " bytes, more than "
              + (long) MAX_GRADIENT_BYTES
              + ": shorter paths or a lower dyadic order");
    }
  }

  /** Of the longest path. */
  private long refinedSteps(long[] offsets) {
    long longest = 0;
    for (int b = 1; b < offsets.length; b++) {
      longest = Math.max(longest, offsets[b] - offsets[b - 1] - 1);
    }
    return longest << dyadicOrder;
  }

  private static void requireMatched(long[] xOffsets, long[] yOffsets) {
    if (xOffsets.length != yOffsets.length) {
      throw new InvalidInputException(
          "there are "
              + (xOffsets.length - 1)
              + " paths x and "
              + (yOffsets.length - 1)
              + " paths y, expected as many");
    }
  }

  private static void requireSize(String what, int size, long expected) {
    if (size != expected) {
      throw new InvalidInputException(what + " has " + size + " entries, expected " + expected);
    }
  }

  private static SignatureKernelBackend backend() {
    return Selected.BACKEND;
  }

  private static final class Selected {
    static final SignatureKernelBackend BACKEND = select();

    private Selected() {}

    private static SignatureKernelBackend select() {
      if (NativeLibrary.isAvailable()) {
        return new NativeSignatureKernel();
      }
      Logger log = LoggerFactory.getLogger(SignatureKernel.class);
      log.warn(
          "Signature kernels are computed in plain Java, which is slower: {}",
          NativeLibrary.unavailableReason().orElse("no reason given"));
      return new JavaSignatureKernel();
    }
  }
}
