package org.sparkssm.signature;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.sparkssm.data.InvalidInputException;

/**
 * Transforms of a path before its signature is taken. A path is {@code [length, channels]}
 * row-major; every method returns a new array and leaves its arguments alone.
 *
 * <p>As a list of names ({@code time,basepoint}) the transforms are applied from left to right.
 */
public enum PathTransform {
  /** Time as first channel: {@code (t_l, x_l)}. */
  TIME("time"),
  /** A zero row before the path, so that the signature sees where it starts. */
  BASEPOINT("basepoint"),
  /** Each point with its successor and itself in turn: {@code (x_ceil(i/2), x_floor(i/2))}. */
  LEAD_LAG("lead-lag"),
  /** A visibility flag as last channel, which goes to zero before the point does. */
  INVISIBILITY_RESET("invisibility-reset"),
  /** Running sums of the points. */
  CUMSUM("cumsum");

  private final String label;

  PathTransform(String label) {
    this.label = label;
  }

  /** The name used in options: {@code time}, {@code lead-lag}, ... */
  public String label() {
    return label;
  }

  /**
   * The transform of that name; case and {@code _} for {@code -} do not matter.
   *
   * @throws InvalidInputException naming what was found and what is known
   */
  public static PathTransform of(String name) {
    String plain = name.strip().toLowerCase(Locale.ROOT).replace('_', '-');
    for (PathTransform transform : values()) {
      if (transform.label.equals(plain)) {
        return transform;
      }
    }
    throw new InvalidInputException(
        "the path transform is '"
            + name.strip()
            + "', expected one of "
            + String.join(", ", Arrays.stream(values()).map(PathTransform::label).toList()));
  }

  /**
   * The transforms of a comma-separated list, which may be empty.
   *
   * @throws InvalidInputException for an unknown name, or time after a transform that adds points
   */
  public static List<PathTransform> list(String names) {
    List<PathTransform> transforms = new ArrayList<>();
    for (String name : names.split(",", -1)) {
      if (!name.isBlank()) {
        transforms.add(of(name));
      }
    }
    requireOrder(transforms);
    return List.copyOf(transforms);
  }

  /**
   * Times belong to the points of the data, so time comes once and before transforms that add
   * points.
   *
   * @throws InvalidInputException naming the transform that came too early
   */
  public static void requireOrder(List<PathTransform> transforms) {
    for (int i = 0; i < transforms.size(); i++) {
      if (transforms.get(i) != TIME) {
        continue;
      }
      for (PathTransform earlier : transforms.subList(0, i)) {
        if (earlier != CUMSUM) {
          throw new InvalidInputException(
              "the path transform time comes after "
                  + earlier.label
                  + ", expected it before, because times belong to the points of the data");
        }
      }
    }
  }

  /** The number of channels after this transform. */
  public int channelsAfter(int channels) {
    return switch (this) {
      case TIME, INVISIBILITY_RESET -> Math.addExact(channels, 1);
      case LEAD_LAG -> Math.multiplyExact(channels, 2);
      case BASEPOINT, CUMSUM -> channels;
    };
  }

  /** The number of channels after all {@code transforms}. */
  public static int channelsAfter(List<PathTransform> transforms, int channels) {
    int after = channels;
    for (PathTransform transform : transforms) {
      after = transform.channelsAfter(after);
    }
    return after;
  }

  /**
   * Applies this transform.
   *
   * @param times the times of the points, used by {@link #TIME} alone
   */
  public float[] apply(float[] path, int channels, double[] times) {
    return switch (this) {
      case TIME -> timeAugment(path, channels, times);
      case BASEPOINT -> basepoint(path, channels);
      case LEAD_LAG -> leadLag(path, channels);
      case INVISIBILITY_RESET -> invisibilityReset(path, channels);
      case CUMSUM -> cumsum(path, channels);
    };
  }

  /** {@link #apply(float[], int, double[])} in double. */
  public double[] apply(double[] path, int channels, double[] times) {
    return switch (this) {
      case TIME -> timeAugment(path, channels, times);
      case BASEPOINT -> basepoint(path, channels);
      case LEAD_LAG -> leadLag(path, channels);
      case INVISIBILITY_RESET -> invisibilityReset(path, channels);
      case CUMSUM -> cumsum(path, channels);
    };
  }

  /** Uniform times from 0 to 1: {@code l / (length - 1)}; a single point is at 0. */
  public static double[] uniformTimes(int length) {
    double[] times = new double[length];
    for (int l = 1; l < length; l++) {
      times[l] = (double) l / (length - 1);
    }
    return times;
  }

  /** {@code [length, channels + 1]}: row l is {@code (times_l, x_l)}. */
  public static float[] timeAugment(float[] path, int channels, double[] times) {
    int length = requireTimes(path.length, channels, times);
    float[] out = new float[size(length, channels + 1)];
    for (int l = 0; l < length; l++) {
      out[l * (channels + 1)] = (float) times[l];
      System.arraycopy(path, l * channels, out, l * (channels + 1) + 1, channels);
    }
    return out;
  }

  /** {@link #timeAugment(float[], int, double[])} in double. */
  public static double[] timeAugment(double[] path, int channels, double[] times) {
    int length = requireTimes(path.length, channels, times);
    double[] out = new double[size(length, channels + 1)];
    for (int l = 0; l < length; l++) {
      out[l * (channels + 1)] = times[l];
      System.arraycopy(path, l * channels, out, l * (channels + 1) + 1, channels);
    }
    return out;
  }

  /** {@code [length + 1, channels]}: a zero row, then the path. */
  public static float[] basepoint(float[] path, int channels) {
    float[] out = new float[size(Signature.length(path.length, channels) + 1L, channels)];
    System.arraycopy(path, 0, out, channels, path.length);
    return out;
  }

  /** {@link #basepoint(float[], int)} in double. */
  public static double[] basepoint(double[] path, int channels) {
    double[] out = new double[size(Signature.length(path.length, channels) + 1L, channels)];
    System.arraycopy(path, 0, out, channels, path.length);
    return out;
  }

  /**
   * {@code [2 length - 1, 2 channels]}: row i is {@code (x_ceil(i/2), x_floor(i/2))}; the leading
   * channels come first. No point gives no row.
   */
  public static float[] leadLag(float[] path, int channels) {
    int rows = Math.max(0, 2 * Signature.length(path.length, channels) - 1);
    float[] out = new float[size(rows, 2L * channels)];
    for (int i = 0; i < rows; i++) {
      System.arraycopy(path, (i + 1) / 2 * channels, out, 2 * i * channels, channels);
      System.arraycopy(path, i / 2 * channels, out, (2 * i + 1) * channels, channels);
    }
    return out;
  }

  /** {@link #leadLag(float[], int)} in double. */
  public static double[] leadLag(double[] path, int channels) {
    int rows = Math.max(0, 2 * Signature.length(path.length, channels) - 1);
    double[] out = new double[size(rows, 2L * channels)];
    for (int i = 0; i < rows; i++) {
      System.arraycopy(path, (i + 1) / 2 * channels, out, 2 * i * channels, channels);
      System.arraycopy(path, i / 2 * channels, out, (2 * i + 1) * channels, channels);
    }
    return out;
  }

  /**
   * {@code [length + 2, channels + 1]}: rows {@code (x_l, 1)}, then the last point with 0, then
   * zeros. No point gives no row.
   */
  public static float[] invisibilityReset(float[] path, int channels) {
    int length = Signature.length(path.length, channels);
    if (length == 0) {
      return new float[0];
    }
    int width = channels + 1;
    float[] out = new float[size(length + 2L, width)];
    for (int l = 0; l < length; l++) {
      System.arraycopy(path, l * channels, out, l * width, channels);
      out[l * width + channels] = 1;
    }
    System.arraycopy(path, path.length - channels, out, length * width, channels);
    return out;
  }

  /** {@link #invisibilityReset(float[], int)} in double. */
  public static double[] invisibilityReset(double[] path, int channels) {
    int length = Signature.length(path.length, channels);
    if (length == 0) {
      return new double[0];
    }
    int width = channels + 1;
    double[] out = new double[size(length + 2L, width)];
    for (int l = 0; l < length; l++) {
      System.arraycopy(path, l * channels, out, l * width, channels);
      out[l * width + channels] = 1;
    }
    System.arraycopy(path, path.length - channels, out, length * width, channels);
    return out;
  }

  /** {@code [length, channels]}: row l is {@code x_0 + ... + x_l}, summed in float. */
  public static float[] cumsum(float[] path, int channels) {
    Signature.length(path.length, channels);
    float[] out = path.clone();
    for (int i = channels; i < out.length; i++) {
      out[i] += out[i - channels];
    }
    return out;
  }

  /** {@link #cumsum(float[], int)} in double. */
  public static double[] cumsum(double[] path, int channels) {
    Signature.length(path.length, channels);
    double[] out = path.clone();
    for (int i = channels; i < out.length; i++) {
      out[i] += out[i - channels];
    }
    return out;
  }

  private static int requireTimes(int size, int channels, double[] times) {
    int length = Signature.length(size, channels);
    if (times.length != length) {
      throw new InvalidInputException(
          "a path of " + length + " points has " + times.length + " times, expected as many");
    }
    return length;
  }

  private static int size(long rows, long channels) {
    return SignatureSize.requireWithin(
        "a transformed path of " + rows + " points and " + channels + " channels",
        rows * channels,
        Byte.BYTES,
        Long.MAX_VALUE - 1);
  }
}
