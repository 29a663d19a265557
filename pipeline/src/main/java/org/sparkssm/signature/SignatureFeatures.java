package org.sparkssm.signature;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.sparkssm.data.InvalidInputException;

/**
 * The way from a sequence to a row of features: transforms of the path from left to right, windows
 * over the points of the transformed path, and the signature or log-signature of each window.
 *
 * @param kind signature or log-signature
 * @param depth truncation level
 * @param basis coordinates of a log-signature; without meaning for a signature
 * @param transforms applied to the path in this order
 * @param window how the transformed path is divided
 */
public record SignatureFeatures(
    Kind kind, int depth, LogSignatureBasis basis, List<PathTransform> transforms, Window window)
    implements Serializable {
  private static final long serialVersionUID = 1L;

  /** What is computed of each window. */
  public enum Kind {
    /** {@link Signature}. */
    SIGNATURE,
    /** {@link LogSignature}. */
    LOGSIGNATURE;

    /** The name used in options: {@code signature} or {@code logsignature}. */
    public String label() {
      return name().toLowerCase(Locale.ROOT);
    }

    /**
     * The kind of that name, whatever its case.
     *
     * @throws InvalidInputException naming what was found and what is known
     */
    public static Kind of(String name) {
      for (Kind kind : values()) {
        if (kind.label().equalsIgnoreCase(name)) {
          return kind;
        }
      }
      throw new InvalidInputException(
          "the kind of features is '" + name + "', expected signature or logsignature");
    }
  }

  /** Checks depth and the order of the transforms. */
  public SignatureFeatures {
    SignatureSize.requireShape(1, depth);
    transforms = List.copyOf(transforms);
    PathTransform.requireOrder(transforms);
  }

  /** The number of features of one window, saturated. */
  public long windowWidth(int channels) {
    SignatureSize.requireShape(channels, depth);
    int after = PathTransform.channelsAfter(transforms, channels);
    return kind == Kind.SIGNATURE
        ? SignatureSize.width(after, depth)
        : SignatureSize.logWidth(after, depth, basis);
  }

  /**
   * The number of features of a row with that many windows.
   *
   * @param bytesPerEntry of the features as they will be stored
   * @throws InvalidInputException if the row takes more than {@code maxBytes}, with both numbers
   */
  public int requireWidth(int channels, int windows, int bytesPerEntry, long maxBytes) {
    int after = PathTransform.channelsAfter(transforms, channels);
    String what =
        "a "
            + kind.label()
            + " of "
            + after
            + " channels at depth "
            + depth
            + " in "
            + windows
            + (windows == 1 ? " window" : " windows");
    long one = windowWidth(channels);
    long all = windows > 0 && one > Long.MAX_VALUE / windows ? Long.MAX_VALUE : one * windows;
    return SignatureSize.requireWithin(what, all, bytesPerEntry, maxBytes);
  }

  /**
   * The labels of the features of one window: words, or Lyndon brackets. With several windows use
   * {@link #labels}.
   */
  public List<String> windowLabels(int channels) {
    int after = PathTransform.channelsAfter(transforms, channels);
    return kind == Kind.SIGNATURE
        ? Words.labels(after, depth)
        : LogSignature.of(after, depth, basis).labels();
  }

  /**
   * The labels of all features of a row with that many windows; with more than one each begins with
   * the number of its window, counted from 0: {@code "2:1,1"}.
   */
  public List<String> labels(int channels, int windows) {
    List<String> words = windowLabels(channels);
    if (windows == 1) {
      return words;
    }
    List<String> labels = new ArrayList<>(Math.multiplyExact(windows, words.size()));
    for (int w = 0; w < windows; w++) {
      for (String word : words) {
        labels.add(w + ":" + word);
      }
    }
    return labels;
  }

  /** The number of points after the transforms of a path of {@code length} points. */
  public int pointsAfter(int length) {
    int points = length;
    for (PathTransform transform : transforms) {
      points =
          switch (transform) {
            case BASEPOINT -> points + 1;
            case LEAD_LAG -> Math.max(0, 2 * points - 1);
            case INVISIBILITY_RESET -> points == 0 ? 0 : points + 2;
            case TIME, CUMSUM -> points;
          };
    }
    return points;
  }

  /** Whether the transforms use the times of the points. */
  public boolean usesTimes() {
    return transforms.contains(PathTransform.TIME);
  }

  /**
   * The features of a batch of sequences, all in one call of the kernels.
   *
   * @param paths one {@code [length, channels]} a sequence
   * @param times one array of times a sequence; null, or null for a sequence, means uniform from 0
   *     to 1
   * @return for each sequence {@code [windows, window width]}, flat
   */
  public float[][] compute(List<float[]> paths, List<double[]> times, int channels) {
    Plan plan = new Plan(paths.size(), channels);
    float[][] transformed = new float[paths.size()][];
    for (int b = 0; b < transformed.length; b++) {
      float[] path = paths.get(b);
      int after = channels;
      for (PathTransform transform : transforms) {
        double[] own = times(transform, path.length, after, times == null ? null : times.get(b));
        path = transform.apply(path, after, own);
        after = transform.channelsAfter(after);
      }
      transformed[b] = path;
      plan.add(path.length);
    }
    float[] packed = new float[plan.valuesLength()];
    int at = 0;
    for (float[] path : transformed) {
      System.arraycopy(path, 0, packed, at, path.length);
      at += path.length;
    }
    if (kind == Kind.LOGSIGNATURE) {
      double[] wide = new double[packed.length];
      for (int i = 0; i < wide.length; i++) {
        wide[i] = packed[i];
      }
      double[][] logs = logSignatures(plan, wide);
      float[][] rows = new float[logs.length][];
      for (int b = 0; b < rows.length; b++) {
        rows[b] = new float[logs[b].length];
        for (int i = 0; i < rows[b].length; i++) {
          rows[b][i] = (float) logs[b][i];
        }
      }
      return rows;
    }
    float[] out = new float[plan.outLength()];
    plan.signatures(packed, out);
    float[][] rows = new float[transformed.length][];
    for (int b = 0; b < rows.length; b++) {
      rows[b] = Arrays.copyOfRange(out, plan.outStart(b), plan.outStart(b + 1));
    }
    return rows;
  }

  /** {@link #compute(List, List, int)} in double. */
  public double[][] computeDouble(List<double[]> paths, List<double[]> times, int channels) {
    Plan plan = new Plan(paths.size(), channels);
    double[][] transformed = new double[paths.size()][];
    for (int b = 0; b < transformed.length; b++) {
      double[] path = paths.get(b);
      int after = channels;
      for (PathTransform transform : transforms) {
        double[] own = times(transform, path.length, after, times == null ? null : times.get(b));
        path = transform.apply(path, after, own);
        after = transform.channelsAfter(after);
      }
      transformed[b] = path;
      plan.add(path.length);
    }
    double[] packed = new double[plan.valuesLength()];
    int at = 0;
    for (double[] path : transformed) {
      System.arraycopy(path, 0, packed, at, path.length);
      at += path.length;
    }
    if (kind == Kind.LOGSIGNATURE) {
      return logSignatures(plan, packed);
    }
    double[] out = new double[plan.outLength()];
    plan.signatures(packed, out);
    double[][] rows = new double[transformed.length][];
    for (int b = 0; b < rows.length; b++) {
      rows[b] = Arrays.copyOfRange(out, plan.outStart(b), plan.outStart(b + 1));
    }
    return rows;
  }

  private double[][] logSignatures(Plan plan, double[] packed) {
    LogSignature log = LogSignature.of(plan.channels, depth, basis);
    double[] out =
        new double[plan.arrayLength("the log-signatures", (long) plan.windows() * log.width())];
    log.batch(packed, plan.edges(0), plan.edges(1), out);
    double[][] rows = new double[plan.sequences][];
    for (int b = 0; b < rows.length; b++) {
      rows[b] =
          Arrays.copyOfRange(
              out, plan.firstWindow[b] * log.width(), plan.firstWindow[b + 1] * log.width());
    }
    return rows;
  }

  private static double[] times(PathTransform transform, int size, int channels, double[] given) {
    if (transform != PathTransform.TIME) {
      return null;
    }
    return given == null ? PathTransform.uniformTimes(Signature.length(size, channels)) : given;
  }

  /** Where the windows of a batch lie in the packed values, and their signatures in the output. */
  private final class Plan {
    private final int channels;
    private final int width;
    private final int sequences;
    private final int[] firstWindow;
    private final List<int[]> ranges;
    private final long[] firstRow;
    private int filled;

    Plan(int sequences, int channels) {
      this.sequences = sequences;
      this.channels = PathTransform.channelsAfter(transforms, channels);
      width = SignatureSize.arrayWidth(this.channels, depth);
      firstWindow = new int[sequences + 1];
      firstRow = new long[sequences + 1];
      ranges = new ArrayList<>(sequences);
    }

    void add(int size) {
      int length = Signature.length(size, channels);
      int[] own = window.ranges(length);
      ranges.add(own);
      firstWindow[filled + 1] = Math.addExact(firstWindow[filled], own.length / 2);
      firstRow[filled + 1] = firstRow[filled] + length;
      filled++;
    }

    int valuesLength() {
      return arrayLength("the values", firstRow[sequences] * channels);
    }

    int outLength() {
      return arrayLength("the signatures", (long) firstWindow[sequences] * width);
    }

    int windows() {
      return firstWindow[sequences];
    }

    int outStart(int sequence) {
      return firstWindow[sequence] * width;
    }

    void signatures(float[] packed, float[] out) {
      if (!overlap()) {
        Signature.batch(packed, edges(0), edges(1), channels, depth, out);
        return;
      }
      // Which way a sequence goes depends on its own length alone.
      for (int b = 0; b < sequences; b++) {
        if (OverlappingWindows.pay(window, length(b), depth)) {
          double[] own =
              OverlappingWindows.signatures(
                  widened(packed, b), 0, length(b), channels, depth, window);
          for (int i = 0; i < own.length; i++) {
            out[outStart(b) + i] = (float) own[i];
          }
        } else {
          float[] own = new float[outStart(b + 1) - outStart(b)];
          Signature.batch(packed, edges(b, 0), edges(b, 1), channels, depth, own);
          System.arraycopy(own, 0, out, outStart(b), own.length);
        }
      }
    }

    private double[] widened(float[] packed, int sequence) {
      int from = (int) firstRow[sequence] * channels;
      double[] wide = new double[length(sequence) * channels];
      for (int i = 0; i < wide.length; i++) {
        wide[i] = packed[from + i];
      }
      return wide;
    }

    void signatures(double[] packed, double[] out) {
      if (!overlap()) {
        Signature.batch(packed, edges(0), edges(1), channels, depth, out);
        return;
      }
      // Which way a sequence goes depends on its own length alone.
      for (int b = 0; b < sequences; b++) {
        double[] own;
        if (OverlappingWindows.pay(window, length(b), depth)) {
          own =
              OverlappingWindows.signatures(
                  packed, firstRow[b], length(b), channels, depth, window);
        } else {
          own = new double[outStart(b + 1) - outStart(b)];
          Signature.batch(packed, edges(b, 0), edges(b, 1), channels, depth, own);
        }
        System.arraycopy(own, 0, out, outStart(b), own.length);
      }
    }

    /** Whether the windows of a sequence share so many points that products are faster. */
    private boolean overlap() {
      for (int b = 0; b < sequences; b++) {
        if (OverlappingWindows.pay(window, length(b), depth)) {
          return true;
        }
      }
      return false;
    }

    private int length(int sequence) {
      return (int) (firstRow[sequence + 1] - firstRow[sequence]);
    }

    private long[] edges(int side) {
      long[] edges = new long[firstWindow[sequences]];
      for (int b = 0; b < sequences; b++) {
        long[] own = edges(b, side);
        System.arraycopy(own, 0, edges, firstWindow[b], own.length);
      }
      return edges;
    }

    private long[] edges(int sequence, int side) {
      int[] own = ranges.get(sequence);
      long[] edges = new long[own.length / 2];
      for (int w = 0; w < edges.length; w++) {
        edges[w] = firstRow[sequence] + own[2 * w + side];
      }
      return edges;
    }

    private int arrayLength(String what, long length) {
      return SignatureSize.requireWithin(
          what + " of a batch of " + sequences + " sequences",
          length,
          Byte.BYTES,
          Long.MAX_VALUE - 1);
    }
  }
}
