package org.sparkssm.signature;

import org.sparkssm.data.InvalidInputException;

/**
 * The truncated tensor algebra that signatures live in, in double.
 *
 * <p>Arguments and results are {@code [d + d^2 + ... + d^depth]} without the entry of the empty
 * word ({@link Words}); that entry is 1 for signatures and 0 for logarithms. Results are new
 * arrays, and arguments are left alone. Tested to 1e-12 relative to the largest entry.
 */
public final class TensorAlgebra {
  private TensorAlgebra() {}

  /**
   * Chen's product {@code a (x) b}: the signature of a path followed by another that starts where
   * it ends (Chen 1957). Level n is {@code sum_(i=0..n) a_i (x) b_(n-i)}, a_0 = b_0 = 1.
   */
  public static double[] combine(double[] a, double[] b, int channels, int depth) {
    int[] offsets = requireTensors(channels, depth, a, b);
    double[] out = new double[a.length];
    for (int i = 0; i < out.length; i++) {
      out[i] = a[i] + b[i];
    }
    addProducts(a, b, offsets, depth, out);
    return out;
  }

  /**
   * The gradients of {@link #combine}.
   *
   * @param gradient of a scalar with respect to the product
   * @return the gradients with respect to a and b
   */
  public static double[][] combineBackward(
      double[] a, double[] b, int channels, int depth, double[] gradient) {
    int[] offsets = requireTensors(channels, depth, a, b, gradient);
    double[] gradientA = gradient.clone();
    double[] gradientB = gradient.clone();
    addProductGradients(a, b, offsets, depth, gradient, gradientA, gradientB);
    return new double[][] {gradientA, gradientB};
  }

  /**
   * The inverse of a signature by the antipode: the entry of {@code (i_1, ..., i_n)} is {@code
   * (-1)^n} times that of {@code (i_n, ..., i_1)}. It is the signature of the path run backwards,
   * and is its own gradient map.
   */
  public static double[] inverse(double[] a, int channels, int depth) {
    int[] offsets = requireTensors(channels, depth, a);
    double[] out = new double[a.length];
    for (int k = 1; k <= depth; k++) {
      int start = offsets[k - 1];
      int size = offsets[k] - start;
      int sign = k % 2 == 0 ? 1 : -1;
      for (int w = 0; w < size; w++) {
        int reversed = 0;
        for (int letter = 0, rest = w; letter < k; letter++, rest /= channels) {
          reversed = reversed * channels + rest % channels;
        }
        out[start + w] = sign * a[start + reversed];
      }
    }
    return out;
  }

  /** {@code exp(a) - 1 = sum_(k>=1) a^(x)k / k!} of a tensor without an entry of the empty word. */
  public static double[] exp(double[] a, int channels, int depth) {
    return series(a, channels, depth, expCoefficients(depth));
  }

  /** The gradient of {@link #exp} with respect to a. */
  public static double[] expBackward(double[] a, int channels, int depth, double[] gradient) {
    return seriesBackward(a, channels, depth, expCoefficients(depth), gradient);
  }

  /** {@code log(1 + a) = sum_(k>=1) (-1)^(k+1) a^(x)k / k}: the expanded log-signature. */
  public static double[] log(double[] a, int channels, int depth) {
    return series(a, channels, depth, logCoefficients(depth));
  }

  /** The gradient of {@link #log} with respect to a. */
  public static double[] logBackward(double[] a, int channels, int depth, double[] gradient) {
    return seriesBackward(a, channels, depth, logCoefficients(depth), gradient);
  }

  private static double[] expCoefficients(int depth) {
    double[] coefficients = new double[depth + 1];
    coefficients[1] = 1;
    for (int k = 2; k <= depth; k++) {
      coefficients[k] = coefficients[k - 1] / k;
    }
    return coefficients;
  }

  private static double[] logCoefficients(int depth) {
    double[] coefficients = new double[depth + 1];
    for (int k = 1; k <= depth; k++) {
      coefficients[k] = (k % 2 == 0 ? -1.0 : 1.0) / k;
    }
    return coefficients;
  }

  /**
   * {@code sum_k c_k a^(x)k} by Horner's rule: {@code r_depth = c_depth}, {@code r_k = c_k + a (x)
   * r_(k+1)}. The factor a raises the level by at least one, so r_k is needed up to level {@code
   * depth - k} only.
   */
  private static double[] series(double[] a, int channels, int depth, double[] coefficients) {
    int[] offsets = requireTensors(channels, depth, a);
    double[] tail = new double[a.length];
    for (int k = depth - 1; k >= 0; k--) {
      tail = times(a, tail, coefficients[k + 1], offsets, depth - k);
    }
    return tail;
  }

  private static double[] seriesBackward(
      double[] a, int channels, int depth, double[] coefficients, double[] gradient) {
    int[] offsets = requireTensors(channels, depth, a, gradient);
    double[][] tails = new double[depth + 1][];
    tails[depth] = new double[a.length];
    for (int k = depth - 1; k >= 1; k--) {
      tails[k] = times(a, tails[k + 1], coefficients[k + 1], offsets, depth - k);
    }
    double[] out = new double[a.length];
    double[] tailGradient = gradient.clone();
    for (int k = 0; k < depth; k++) {
      int levels = depth - k;
      double[] next = new double[a.length];
      for (int w = 0; w < offsets[levels]; w++) {
        out[w] += coefficients[k + 1] * tailGradient[w];
      }
      addProductGradients(a, tails[k + 1], offsets, levels, tailGradient, out, next);
      tailGradient = next;
    }
    return out;
  }

  /**
   * {@code a (x) (scalar + b)} up to {@code levels}, of tensors without an entry of the empty word.
   */
  private static double[] times(double[] a, double[] b, double scalar, int[] offsets, int levels) {
    double[] out = new double[a.length];
    for (int w = 0; w < offsets[levels]; w++) {
      out[w] = scalar * a[w];
    }
    addProducts(a, b, offsets, levels, out);
    return out;
  }

  /** Adds {@code sum_(i=1..n-1) a_i (x) b_(n-i)} to every level n of {@code out}. */
  private static void addProducts(double[] a, double[] b, int[] offsets, int levels, double[] out) {
    for (int n = 2; n <= levels; n++) {
      for (int i = 1; i < n; i++) {
        int size = offsets[n - i] - offsets[n - i - 1];
        int right = offsets[n - i - 1];
        int to = offsets[n - 1];
        for (int w = offsets[i - 1]; w < offsets[i]; w++, to += size) {
          double factor = a[w];
          for (int v = 0; v < size; v++) {
            out[to + v] += factor * b[right + v];
          }
        }
      }
    }
  }

  /** The adjoint of {@link #addProducts}. */
  private static void addProductGradients(
      double[] a,
      double[] b,
      int[] offsets,
      int levels,
      double[] gradient,
      double[] gradientA,
      double[] gradientB) {
    for (int n = 2; n <= levels; n++) {
      for (int i = 1; i < n; i++) {
        int size = offsets[n - i] - offsets[n - i - 1];
        int right = offsets[n - i - 1];
        int from = offsets[n - 1];
        for (int w = offsets[i - 1]; w < offsets[i]; w++, from += size) {
          double factor = a[w];
          double sum = 0;
          for (int v = 0; v < size; v++) {
            sum += gradient[from + v] * b[right + v];
            gradientB[right + v] += factor * gradient[from + v];
          }
          gradientA[w] += sum;
        }
      }
    }
  }

  private static int[] requireTensors(int channels, int depth, double[]... tensors) {
    int[] offsets = Words.levelOffsets(channels, depth);
    for (double[] tensor : tensors) {
      if (tensor.length != offsets[depth]) {
        throw new InvalidInputException(
            "a signature of "
                + channels
                + " channels at depth "
                + depth
                + " has "
                + tensor.length
                + " entries, expected "
                + offsets[depth]);
      }
    }
    return offsets;
  }
}
