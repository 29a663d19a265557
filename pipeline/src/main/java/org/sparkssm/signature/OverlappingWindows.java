package org.sparkssm.signature;

import java.util.Arrays;

/**
 * Signatures of the sliding or expanding windows of a path by Chen's identity, so that the points
 * which windows share are not taken again for each.
 *
 * <p>Steps are divided into blocks as long as a window. A sliding window is the end of one block
 * followed by the beginning of the next; ends grow backwards and beginnings forwards by what one
 * window has more than the one beside it. So a window costs three products whatever its size, and
 * none of them is with an inverse, which would lose digits. Expanding windows are all beginnings.
 */
final class OverlappingWindows {
  /**
   * The cost of the three products of a window, in steps of the native kernels a level: a product
   * takes as many multiplications as one step a level, in plain Java instead of vectors.
   */
  private static final int PRODUCT_STEPS_PER_LEVEL = 60;

  private final double[] values;
  private final int channels;
  private final int depth;
  private final int width;

  private OverlappingWindows(double[] values, int channels, int depth) {
    this.values = values;
    this.channels = channels;
    this.depth = depth;
    width = SignatureSize.arrayWidth(channels, depth);
  }

  /** Whether this is faster than a signature of each window, for a path of so many points. */
  static boolean pay(Window window, int length, int depth) {
    int count = window.count(length);
    double steps =
        switch (window.kind()) {
          case SLIDING -> window.size() - 1.0;
          case EXPANDING -> window.size() + window.step() * (count - 1.0) / 2;
          case GLOBAL, DYADIC -> 0;
        };
    return count > 1 && steps - window.step() > PRODUCT_STEPS_PER_LEVEL * depth;
  }

  /**
   * The signatures of the windows of one path.
   *
   * @param values rows of {@code channels} numbers
   * @param row the first row of the path
   * @param length its points
   * @return {@code [windows, width]}
   */
  static double[] signatures(
      double[] values, long row, int length, int channels, int depth, Window window) {
    OverlappingWindows windows = new OverlappingWindows(values, channels, depth);
    int count = window.count(length);
    return window.kind() == Window.Kind.SLIDING
        ? windows.sliding(row, count, window.size() - 1, window.step())
        : windows.expanding(row, count, window.size(), window.step());
  }

  private double[] sliding(long row, int count, int steps, int stride) {
    // Of each window: what its end of a block has before that of the next window, and what its
    // beginning of the next block has after that of the window before. Ranges of steps.
    long[] end = new long[2 * count];
    long[] begin = new long[2 * count];
    for (int i = 0; i < count; i++) {
      long start = (long) i * stride;
      long boundary = boundary(start, steps);
      long next = start + stride;
      begin[i] = start;
      end[i] = i + 1 < count && next < boundary ? next : boundary;
      long before = start - stride + steps;
      begin[count + i] = i > 0 && before > boundary ? before : boundary;
      end[count + i] = start + steps;
    }
    double[] parts = parts(row, begin, end);
    for (int i = count - 2; i >= 0; i--) {
      if (end[i] < boundary((long) i * stride, steps)) {
        put(parts, i, combine(part(parts, i), part(parts, i + 1)));
      }
    }
    for (int i = 1; i < count; i++) {
      if (begin[count + i] > boundary((long) i * stride, steps)) {
        put(parts, count + i, combine(part(parts, count + i - 1), part(parts, count + i)));
      }
    }
    for (int i = 0; i < count; i++) {
      put(parts, i, combine(part(parts, i), part(parts, count + i)));
    }
    return Arrays.copyOf(parts, count * width);
  }

  /** The end of the block of steps that a window begins in. */
  private static long boundary(long start, int steps) {
    return (start / steps + 1) * steps;
  }

  private double[] expanding(long row, int count, int initial, int stride) {
    long[] begin = new long[count];
    long[] end = new long[count];
    for (int i = 0; i < count; i++) {
      end[i] = Math.max(0, initial + (long) i * stride - 1);
      begin[i] = i == 0 ? 0 : end[i - 1];
    }
    double[] parts = parts(row, begin, end);
    for (int i = 1; i < count; i++) {
      put(parts, i, combine(part(parts, i - 1), part(parts, i)));
    }
    return parts;
  }

  /** The signatures of ranges of steps, in one call. */
  private double[] parts(long row, long[] begin, long[] end) {
    long[] first = new long[begin.length];
    long[] last = new long[begin.length];
    for (int i = 0; i < first.length; i++) {
      first[i] = row + begin[i];
      last[i] = row + end[i] + 1;
    }
    double[] out = new double[Math.multiplyExact(begin.length, width)];
    Signature.batch(values, first, last, channels, depth, out);
    return out;
  }

  private double[] part(double[] parts, int i) {
    return Arrays.copyOfRange(parts, i * width, (i + 1) * width);
  }

  private void put(double[] parts, int i, double[] signature) {
    System.arraycopy(signature, 0, parts, i * width, width);
  }

  private double[] combine(double[] a, double[] b) {
    return TensorAlgebra.combine(a, b, channels, depth);
  }
}
