package org.sparkssm.data;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.commons.rng.UniformRandomProvider;
import org.apache.commons.rng.sampling.distribution.ZigguratSampler;

/**
 * Regression on one coefficient of the signature: an integer random walk, labelled by the iterated
 * integral S^w of its piecewise linear interpolation over a word w of channels.
 *
 * <p>Increments are N(0,1) rounded to the nearest integer, a path is their cumulative sum (the
 * first point is the first increment), all paths are divided by the largest absolute value in the
 * data set, and labels are divided by their own largest absolute value. With word (1,2) this is the
 * area task and with (1,2,3) the volume task of arXiv 2402.19047. A label is exact up to double
 * rounding: it is computed from the integer path.
 */
public final class SignatureWordTask implements SequenceGenerator {
  private static final long serialVersionUID = 1L;

  private final String name;
  private final int[] word;
  private final int channels;
  private final LengthRange lengths;
  private final long seed;
  private final PathScale scale;

  /**
   * A task without a scale yet.
   *
   * @param name of the task, for the manifest
   * @param word channels, counted from 1
   * @param channels C, at least the largest letter of the word
   */
  public SignatureWordTask(String name, int[] word, int channels, LengthRange lengths, long seed) {
    this(name, word.clone(), channels, lengths, seed, null);
    if (word.length == 0) {
      throw new InvalidInputException(
          "the word of a signature coefficient must have at least one letter");
    }
    for (int letter : word) {
      if (letter < 1 || letter > channels) {
        throw new InvalidInputException(
            "the word "
                + text(word)
                + " has the letter "
                + letter
                + ", expected letters from 1 to the number of channels, "
                + channels);
      }
    }
    if (lengths.shortest() < 2) {
      throw new InvalidInputException(
          "the task " + name + " needs a length of at least 2, found " + lengths.shortest());
    }
  }

  private SignatureWordTask(
      String name, int[] word, int channels, LengthRange lengths, long seed, PathScale scale) {
    this.name = name;
    this.word = word;
    this.channels = channels;
    this.lengths = lengths;
    this.seed = seed;
    this.scale = scale;
  }

  @Override
  public Sequence sequence(long id) {
    if (scale == null) {
      throw new IllegalStateException("the task " + name + " has no scale yet");
    }
    int[] path = rawPath(id);
    float[] values = new float[path.length];
    for (int i = 0; i < path.length; i++) {
      values[i] = (float) (path[i] / scale.value());
    }
    double label = coefficient(path, channels, word) / labelDivisor(scale);
    return Sequence.ofPath(id, path.length / channels, values, label);
  }

  @Override
  public boolean needsScale() {
    return scale == null;
  }

  @Override
  public RawMaxima rawMaxima(long id) {
    int[] path = rawPath(id);
    int largest = 0;
    for (int value : path) {
      largest = Math.max(largest, Math.abs(value));
    }
    return new RawMaxima(largest, Math.abs(coefficient(path, channels, word)));
  }

  @Override
  public PathScale scaleOf(RawMaxima maxima) {
    if (maxima.value() == 0 || maxima.label() == 0) {
      throw new InvalidInputException(
          "all labels of this data set are zero, so they cannot be scaled; generate more or longer"
              + " sequences");
    }
    return new PathScale(maxima.value(), maxima.label() / Math.pow(maxima.value(), word.length));
  }

  @Override
  public SequenceGenerator scaledBy(PathScale newScale) {
    return new SignatureWordTask(name, word, channels, lengths, seed, newScale);
  }

  @Override
  public Optional<PathScale> scale() {
    return Optional.ofNullable(scale);
  }

  @Override
  public void describe(DataSetManifest.Builder manifest) {
    manifest
        .generator(name, seed)
        .parameter("word", text(word))
        .parameter("channels", channels)
        .parameter("length", lengths.longest())
        .parameter("minLength", lengths.shortest())
        .channels(IntStream.rangeClosed(1, channels).mapToObj(c -> "x" + c).toList())
        .label(LabelDescription.number(scale == null ? 1 : scale.label()))
        .valueScale(scale == null ? 1 : scale.value());
  }

  /** The divisor of a raw label: a word of n letters scales with the n-th power of the path. */
  private double labelDivisor(PathScale divisor) {
    return Math.pow(divisor.value(), word.length) * divisor.label();
  }

  private int[] rawPath(long id) {
    UniformRandomProvider random = SeededRandom.create(seed, id);
    ZigguratSampler.NormalizedGaussian normal = ZigguratSampler.NormalizedGaussian.of(random);
    int length = lengths.draw(random);
    int[] path = new int[length * channels];
    for (int i = 0; i < path.length; i++) {
      int increment = (int) Math.rint(normal.sample());
      path[i] = i < channels ? increment : path[i - channels] + increment;
    }
    return path;
  }

  /**
   * The signature coefficient of a piecewise linear path at a word, by Chen's identity: appending a
   * straight piece v changes S^{(i_1..i_n)} to sum_k S^{(i_1..i_k)} v_{i_{k+1}} ... v_{i_n} /
   * (n-k)!.
   *
   * @param path [length x channels] row-major
   * @param word channels, counted from 1
   */
  static double coefficient(int[] path, int channels, int[] word) {
    int depth = word.length;
    double[] prefix = new double[depth + 1];
    prefix[0] = 1;
    for (int l = channels; l < path.length; l += channels) {
      for (int n = depth; n >= 1; n--) {
        double piece = 1;
        double sum = prefix[n];
        for (int k = n - 1; k >= 0; k--) {
          int channel = word[k] - 1;
          piece *= (path[l + channel] - path[l - channels + channel]) / (double) (n - k);
          sum += prefix[k] * piece;
        }
        prefix[n] = sum;
      }
    }
    return prefix[depth];
  }

  private static String text(int[] word) {
    List<Integer> letters = Arrays.stream(word).boxed().toList();
    return letters.stream().map(String::valueOf).collect(Collectors.joining(","));
  }
}
