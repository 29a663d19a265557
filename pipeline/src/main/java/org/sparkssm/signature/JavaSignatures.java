package org.sparkssm.signature;

import java.util.Arrays;

/**
 * Signatures in plain Java: the oracle of the native kernels and what runs where there are none.
 * Everything is computed in double, float results are rounded once.
 *
 * <p>An increment x multiplies the signature by {@code exp(x)}; level n becomes, by Horner's rule,
 * {@code (...((x / n + S_1) x / (n - 1) + S_2) x / (n - 2) + ... + S_(n-1)) x + S_n}.
 */
final class JavaSignatures implements SignatureBackend {
  @Override
  public void forward(
      float[] values, long[] begin, long[] end, int channels, int depth, float[] out) {
    Horner horner = new Horner(channels, depth);
    for (int b = 0; b < begin.length; b++) {
      horner.reset();
      for (long row = begin[b] + 1; row < end[b]; row++) {
        int at = Math.toIntExact(row * channels);
        for (int c = 0; c < channels; c++) {
          horner.increment[c] = (double) values[at + c] - values[at - channels + c];
        }
        horner.step();
      }
      int to = b * horner.width();
      for (int w = 0; w < horner.width(); w++) {
        out[to + w] = (float) horner.signature[w];
      }
    }
  }

  @Override
  public void forward(
      double[] values, long[] begin, long[] end, int channels, int depth, double[] out) {
    Horner horner = new Horner(channels, depth);
    for (int b = 0; b < begin.length; b++) {
      horner.reset();
      for (long row = begin[b] + 1; row < end[b]; row++) {
        horner.load(values, Math.toIntExact(row * channels));
        horner.step();
      }
      System.arraycopy(horner.signature, 0, out, b * horner.width(), horner.width());
    }
  }

  @Override
  public void backward(
      float[] values,
      long[] begin,
      long[] end,
      int channels,
      int depth,
      float[] signatures,
      float[] gradients,
      float[] out) {
    double[] wide = new double[out.length];
    // The float signatures are not exact enough to be run back in double.
    double[] exact = new double[signatures.length];
    forward(toDouble(values), begin, end, channels, depth, exact);
    backward(toDouble(values), begin, end, channels, depth, exact, toDouble(gradients), wide);
    add(wide, out);
  }

  @Override
  public void backward(
      double[] values,
      long[] begin,
      long[] end,
      int channels,
      int depth,
      double[] signatures,
      double[] gradients,
      double[] out) {
    Horner horner = new Horner(channels, depth);
    double[] increment = new double[channels];
    int width = horner.width();
    for (int b = 0; b < begin.length; b++) {
      System.arraycopy(signatures, b * width, horner.signature, 0, width);
      double[] gradient = Arrays.copyOfRange(gradients, b * width, (b + 1) * width);
      for (long row = end[b] - 1; row > begin[b]; row--) {
        int at = Math.toIntExact(row * channels);
        horner.load(values, at);
        horner.stepBack();
        horner.stepBackward(gradient, increment);
        for (int c = 0; c < channels; c++) {
          out[at + c] += increment[c];
          out[at - channels + c] -= increment[c];
        }
      }
    }
  }

  @Override
  public void logForward(
      float[] values,
      long[] begin,
      long[] end,
      int channels,
      int depth,
      boolean lyndonWords,
      float[] out) {
    double[] wide = new double[out.length];
    logForward(toDouble(values), begin, end, channels, depth, lyndonWords, wide);
    for (int i = 0; i < out.length; i++) {
      out[i] = (float) wide[i];
    }
  }

  @Override
  public void logForward(
      double[] values,
      long[] begin,
      long[] end,
      int channels,
      int depth,
      boolean lyndonWords,
      double[] out) {
    LogSignature log = logSignature(channels, depth, lyndonWords);
    double[] signatures = signatures(values, begin, end, channels, depth);
    int width = signatures.length / Math.max(1, begin.length);
    for (int b = 0; b < begin.length; b++) {
      double[] one = Arrays.copyOfRange(signatures, b * width, (b + 1) * width);
      System.arraycopy(log.ofSignature(one), 0, out, b * log.width(), log.width());
    }
  }

  @Override
  public void logBackward(
      float[] values,
      long[] begin,
      long[] end,
      int channels,
      int depth,
      boolean lyndonWords,
      float[] gradients,
      float[] out) {
    double[] wide = new double[out.length];
    logBackward(
        toDouble(values), begin, end, channels, depth, lyndonWords, toDouble(gradients), wide);
    add(wide, out);
  }

  @Override
  public void logBackward(
      double[] values,
      long[] begin,
      long[] end,
      int channels,
      int depth,
      boolean lyndonWords,
      double[] gradients,
      double[] out) {
    LogSignature log = logSignature(channels, depth, lyndonWords);
    double[] signatures = signatures(values, begin, end, channels, depth);
    double[] through = new double[signatures.length];
    int width = signatures.length / Math.max(1, begin.length);
    for (int b = 0; b < begin.length; b++) {
      double[] one = Arrays.copyOfRange(signatures, b * width, (b + 1) * width);
      double[] gradient = Arrays.copyOfRange(gradients, b * log.width(), (b + 1) * log.width());
      System.arraycopy(log.ofSignatureBackward(one, gradient), 0, through, b * width, width);
    }
    backward(values, begin, end, channels, depth, signatures, through, out);
  }

  private double[] signatures(double[] values, long[] begin, long[] end, int channels, int depth) {
    double[] signatures =
        new double[Math.multiplyExact(begin.length, SignatureSize.arrayWidth(channels, depth))];
    forward(values, begin, end, channels, depth, signatures);
    return signatures;
  }

  private static LogSignature logSignature(int channels, int depth, boolean lyndonWords) {
    return LogSignature.of(
        channels, depth, lyndonWords ? LogSignatureBasis.WORDS : LogSignatureBasis.EXPANDED);
  }

  private static double[] toDouble(float[] values) {
    double[] wide = new double[values.length];
    for (int i = 0; i < wide.length; i++) {
      wide[i] = values[i];
    }
    return wide;
  }

  private static void add(double[] from, float[] to) {
    for (int i = 0; i < to.length; i++) {
      to[i] += (float) from[i];
    }
  }

  /** One signature that takes increments. */
  static final class Horner {
    final double[] signature;
    final double[] increment;
    private final int channels;
    private final int depth;
    private final int[] offsets;
    // brackets[k] is Horner's bracket at level k of the target level in work.
    private final double[][] brackets;
    private final double[][] bracketGradients;

    Horner(int channels, int depth) {
      this.channels = channels;
      this.depth = depth;
      offsets = Words.levelOffsets(channels, depth);
      signature = new double[offsets[depth]];
      increment = new double[channels];
      brackets = new double[depth][];
      bracketGradients = new double[depth][];
      for (int k = 1; k < depth; k++) {
        brackets[k] = new double[offsets[k] - offsets[k - 1]];
        bracketGradients[k] = new double[offsets[k] - offsets[k - 1]];
      }
    }

    int width() {
      return signature.length;
    }

    void reset() {
      Arrays.fill(signature, 0);
    }

    /** Takes the increment from the row before {@code at} to the row at {@code at}. */
    void load(double[] values, int at) {
      for (int c = 0; c < channels; c++) {
        increment[c] = values[at + c] - values[at - channels + c];
      }
    }

    /** Multiplies the signature by {@code exp(increment)}. */
    void step() {
      for (int n = depth; n >= 2; n--) {
        for (int k = 1; k < n; k++) {
          bracket(n, k);
        }
        raise(brackets[n - 1], n, 1.0, signature, offsets[n - 1]);
      }
      for (int i = 0; i < channels; i++) {
        signature[i] += increment[i];
      }
    }

    /** Takes back the last {@link #step} with the same increment: {@code exp(-increment)}. */
    void stepBack() {
      negate();
      step();
      negate();
    }

    /**
     * The adjoint of {@link #step}, called with the signature before that step.
     *
     * @param gradient with respect to the signature after the step; replaced by that with respect
     *     to the signature before it
     * @param incrementGradient overwritten by the gradient with respect to the increment
     */
    void stepBackward(double[] gradient, double[] incrementGradient) {
      Arrays.fill(incrementGradient, 0);
      // Target level n adds to the gradients of lower levels only, which have had their turn.
      for (int n = 1; n <= depth; n++) {
        for (int k = 1; k < n; k++) {
          bracket(n, k);
        }
        double[] above = gradient;
        int aboveStart = offsets[n - 1];
        for (int k = n; k >= 2; k--) {
          double[] below = bracketGradients[k - 1];
          double[] lower = brackets[k - 1];
          double scale = 1.0 / (n - k + 1);
          int start = offsets[k - 2];
          for (int w = 0, at = aboveStart; w < below.length; w++) {
            double sum = 0;
            double factor = scale * lower[w];
            for (int i = 0; i < channels; i++, at++) {
              sum += above[at] * increment[i];
              incrementGradient[i] += above[at] * factor;
            }
            below[w] = scale * sum;
            gradient[start + w] += below[w];
          }
          above = below;
          aboveStart = 0;
        }
        for (int i = 0; i < channels; i++) {
          incrementGradient[i] += above[aboveStart + i] / n;
        }
      }
    }

    private void negate() {
      for (int c = 0; c < channels; c++) {
        increment[c] = -increment[c];
      }
    }

    /** Horner's bracket at level k for target level n, from that at level k - 1. */
    private void bracket(int n, int k) {
      if (k == 1) {
        for (int i = 0; i < channels; i++) {
          brackets[1][i] = signature[i] + increment[i] / n;
        }
      } else {
        raise(brackets[k - 1], k, 1.0 / (n - k + 1), brackets[k], 0);
      }
    }

    /** {@code to = S_level + lower (x) scale * increment}. */
    private void raise(double[] lower, int level, double scale, double[] to, int toStart) {
      int size = offsets[level - 1] - offsets[level - 2];
      int from = offsets[level - 1];
      int at = 0;
      for (int w = 0; w < size; w++) {
        double factor = lower[w] * scale;
        for (int i = 0; i < channels; i++, at++) {
          to[toStart + at] = signature[from + at] + factor * increment[i];
        }
      }
    }
  }
}
