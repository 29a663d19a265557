package org.sparkssm.sql;

import java.nio.ByteBuffer;
import java.nio.DoubleBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;
import java.util.function.LongFunction;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.signature.Signature;
import org.sparkssm.signature.SignatureSize;
import org.sparkssm.signature.TensorAlgebra;

/**
 * The signature of a path whose points come in pieces: a set of segments, disjoint in time, each
 * with its first and last time and point and its signature.
 *
 * <p>A point after the last one of the segment that grew last extends it; any other point that lies
 * in no segment begins one. By Chen's identity the whole has the signature {@code S_1 (x) exp(d_1)
 * (x) S_2 (x) exp(d_2) ...}, with d_i the increment from the last point of segment i to the first
 * of the next. The product does not commute, so a point or segment inside the time of another is
 * refused.
 *
 * <p>Points are buffered and taken into a segment's signature {@value #BUFFERED_POINTS} at a time.
 */
final class PathSegments {
  private static final int BUFFERED_POINTS = 256;

  private final String owner;
  private final int depth;
  private final long maxBytes;
  private final LongFunction<String> timeText;
  private final NavigableMap<Long, Segment> segments = new TreeMap<>();
  private Segment current;
  private int channels;
  private int width;

  /**
   * No points yet.
   *
   * @param owner what the messages begin with
   * @param maxBytes limit on the bytes of the signature
   * @param timeText how a time is shown in messages
   */
  PathSegments(String owner, int depth, long maxBytes, LongFunction<String> timeText) {
    this.owner = owner;
    this.depth = depth;
    this.maxBytes = maxBytes;
    this.timeText = timeText;
  }

  /** The number of segments; 0 if there is no point. */
  int count() {
    return segments.size();
  }

  /** The time of the last point; there must be one. */
  long lastTime() {
    return segments.lastEntry().getValue().lastTime;
  }

  /**
   * Adds a point, which is copied.
   *
   * @throws InvalidInputException if its time is taken or lies inside a segment, or its size is not
   *     that of the points before
   */
  void add(long time, double[] point) {
    if (channels == 0) {
      setChannels(point.length);
    } else if (point.length != channels) {
      throw invalid(
          "the point at time "
              + timeText.apply(time)
              + " has "
              + point.length
              + " channels, expected "
              + channels
              + " as the points before");
    }
    if (current != null && time > current.lastTime) {
      Map.Entry<Long, Segment> next = segments.higherEntry(current.firstTime);
      if (next == null || time < next.getKey()) {
        current.append(time, point);
        return;
      }
    }
    Segment one = new Segment(time, point);
    insert(one);
    current = one;
  }

  /**
   * Takes over the segments of {@code other}, which must not be used any more.
   *
   * @throws InvalidInputException if segments overlap or the number of channels differs
   */
  void merge(PathSegments other) {
    if (other.segments.isEmpty()) {
      return;
    }
    if (channels == 0) {
      setChannels(other.channels);
    } else if (channels != other.channels) {
      throw invalid(
          "the point at time "
              + timeText.apply(other.segments.firstKey())
              + " has "
              + other.channels
              + " channels, the one at time "
              + timeText.apply(segments.firstKey())
              + " has "
              + channels
              + ", expected as many");
    }
    other.segments.values().forEach(this::insert);
    current = null;
  }

  /** The signature of all points in order of time; null if there is none. */
  double[] signature() {
    double[] whole = null;
    double[] start = null;
    double[] end = null;
    for (Segment segment : segments.values()) {
      double[] own = segment.folded();
      if (whole == null) {
        whole = own.clone();
        start = segment.firstPoint();
      } else {
        double[] next = segment.firstPoint();
        whole = withIncrement(product(whole, line(end, next)), start, next);
        whole = withIncrement(product(whole, own), start, segment.lastPoint());
      }
      end = segment.lastPoint();
    }
    return whole;
  }

  /** A form that {@link #addBytes} reads. */
  byte[] toBytes() {
    int points = 2 * channels;
    int bytes = 2 * Integer.BYTES;
    for (Segment segment : segments.values()) {
      segment.folded();
      bytes = Math.addExact(bytes, 2 * Long.BYTES + Byte.BYTES);
      bytes = Math.addExact(bytes, Double.BYTES * points);
      bytes = Math.addExact(bytes, segment.isPoint() ? 0 : Double.BYTES * width);
    }
    ByteBuffer out = ByteBuffer.allocate(bytes);
    out.putInt(channels).putInt(segments.size());
    for (Segment segment : segments.values()) {
      out.putLong(segment.firstTime).putLong(segment.lastTime);
      out.put((byte) (segment.isPoint() ? 1 : 0));
      put(out, segment.firstPoint());
      put(out, segment.lastPoint());
      if (!segment.isPoint()) {
        put(out, segment.folded());
      }
    }
    return out.array();
  }

  /** Takes over the segments of {@link #toBytes}; there must be none yet. */
  void addBytes(byte[] bytes) {
    ByteBuffer in = ByteBuffer.wrap(bytes);
    int storedChannels = in.getInt();
    if (storedChannels == 0) {
      return;
    }
    setChannels(storedChannels);
    int count = in.getInt();
    for (int s = 0; s < count; s++) {
      long firstTime = in.getLong();
      long lastTime = in.getLong();
      boolean isPoint = in.get() == 1;
      double[] first = take(in, channels);
      double[] last = take(in, channels);
      double[] signature = isPoint ? new double[width] : take(in, width);
      segments.put(firstTime, new Segment(firstTime, lastTime, first, last, signature));
    }
    current = segments.size() == 1 ? segments.firstEntry().getValue() : null;
  }

  private void setChannels(int value) {
    if (value < 1) {
      throw invalid("a point has no channels, expected at least 1");
    }
    try {
      width = SignatureSize.requireWidth(value, depth, Double.BYTES, maxBytes);
    } catch (InvalidInputException e) {
      throw new InvalidInputException(owner + ": " + e.getMessage(), e);
    }
    channels = value;
  }

  private void insert(Segment segment) {
    Map.Entry<Long, Segment> before = segments.floorEntry(segment.lastTime);
    if (before != null && before.getValue().lastTime >= segment.firstTime) {
      throw overlap(before.getValue(), segment);
    }
    segments.put(segment.firstTime, segment);
  }

  private InvalidInputException overlap(Segment one, Segment other) {
    List<Long> ends = List.of(other.firstTime, other.lastTime);
    for (long time : new long[] {one.firstTime, one.lastTime}) {
      if (ends.contains(time)) {
        return invalid(
            "two points have time " + timeText.apply(time) + ", expected one point at a time");
      }
    }
    return invalid(
        "the points from "
            + span(other)
            + " overlap those from "
            + span(one)
            + ", expected points in order of time: read them from a query with ORDER BY key, time,"
            + " or set spark.sql.extensions="
            + SparkSsmExtensions.class.getName());
  }

  private String span(Segment segment) {
    return timeText.apply(segment.firstTime) + " to " + timeText.apply(segment.lastTime);
  }

  private InvalidInputException invalid(String message) {
    return new InvalidInputException(owner + ": " + message);
  }

  private double[] product(double[] a, double[] b) {
    return TensorAlgebra.combine(a, b, channels, depth);
  }

  /**
   * Sets level 1 to the increment between two points, which it is. As a sum of steps it would lose
   * digits with their number, and every later product would carry that into the higher levels.
   */
  private static double[] withIncrement(double[] signature, double[] from, double[] to) {
    for (int c = 0; c < from.length; c++) {
      signature[c] = to[c] - from[c];
    }
    return signature;
  }

  private double[] line(double[] from, double[] to) {
    double[] path = Arrays.copyOf(from, 2 * channels);
    System.arraycopy(to, 0, path, channels, channels);
    return Signature.of(path, channels, depth);
  }

  private static void put(ByteBuffer out, double[] values) {
    out.asDoubleBuffer().put(values);
    out.position(out.position() + Double.BYTES * values.length);
  }

  private static double[] take(ByteBuffer in, int size) {
    double[] values = new double[size];
    DoubleBuffer numbers = in.asDoubleBuffer();
    numbers.get(values);
    in.position(in.position() + Double.BYTES * size);
    return values;
  }

  /** A run of points. The buffer begins with the last point that the signature has taken in. */
  private final class Segment {
    private final long firstTime;
    private final double[] first;
    private long lastTime;
    private double[] signature;
    private double[] buffer;
    private int buffered;

    Segment(long time, double[] point) {
      this(time, time, point.clone(), point, new double[0]);
    }

    Segment(long firstTime, long lastTime, double[] first, double[] last, double[] signature) {
      this.firstTime = firstTime;
      this.lastTime = lastTime;
      this.first = first;
      this.signature = signature;
      buffer = Arrays.copyOf(last, 2 * channels);
      buffered = 1;
    }

    boolean isPoint() {
      return firstTime == lastTime;
    }

    double[] firstPoint() {
      return first;
    }

    double[] lastPoint() {
      return Arrays.copyOfRange(buffer, (buffered - 1) * channels, buffered * channels);
    }

    void append(long time, double[] point) {
      if (buffered == BUFFERED_POINTS) {
        fold();
      } else if (buffered * channels == buffer.length) {
        int points = Math.min(BUFFERED_POINTS, 2 * buffered);
        buffer = Arrays.copyOf(buffer, Math.multiplyExact(points, channels));
      }
      System.arraycopy(point, 0, buffer, buffered * channels, channels);
      buffered++;
      lastTime = time;
    }

    double[] folded() {
      if (buffered > 1 || signature.length == 0) {
        fold();
      }
      return signature;
    }

    private void fold() {
      double[] points =
          buffered * channels == buffer.length
              ? buffer
              : Arrays.copyOf(buffer, buffered * channels);
      double[] end = lastPoint();
      double[] own = Signature.of(points, channels, depth);
      withIncrement(own, Arrays.copyOf(points, channels), end);
      signature = signature.length == 0 ? own : withIncrement(product(signature, own), first, end);
      System.arraycopy(buffer, (buffered - 1) * channels, buffer, 0, channels);
      buffered = 1;
    }
  }
}
