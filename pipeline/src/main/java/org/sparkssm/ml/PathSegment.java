package org.sparkssm.ml;

import java.io.Serializable;

/**
 * The points of one sequence that lie in one partition, as a task reports them. A class and not a
 * record, so that Kryo can carry it.
 */
final class PathSegment implements Serializable {
  private static final long serialVersionUID = 1L;

  private final int partition;
  private final int number;
  private final String key;
  private final double firstTime;
  private long points;
  private int chunks;
  private double lastTime;
  private float[] lastPoint;

  /**
   * @param number of the segment in its partition, from 0
   * @param first chunk; to be added too
   */
  PathSegment(int partition, int number, PathChunk first) {
    this.partition = partition;
    this.number = number;
    this.key = first.key();
    this.firstTime = first.times()[0];
  }

  void add(PathChunk chunk, int channels) {
    points += chunk.points();
    chunks++;
    lastTime = chunk.times()[chunk.points() - 1];
    lastPoint = new float[channels];
    System.arraycopy(chunk.values(), chunk.values().length - channels, lastPoint, 0, channels);
  }

  Place place() {
    return new Place(partition, number);
  }

  String key() {
    return key;
  }

  long points() {
    return points;
  }

  int chunks() {
    return chunks;
  }

  double firstTime() {
    return firstTime;
  }

  double lastTime() {
    return lastTime;
  }

  /** [channels]. */
  float[] lastPoint() {
    return lastPoint;
  }

  /** Where a segment lies. */
  record Place(int partition, int number) implements Serializable {}

  /**
   * What a segment's task has to know of the rest of its sequence.
   *
   * @param position points before the segment
   * @param previous nullable: the segment before it; null: the sequence begins here
   * @param isContinued whether there is a segment after it
   * @param totalPoints of the sequence
   * @param startTime of the sequence
   * @param endTime of the sequence
   */
  record Context(
      long position,
      PathSegment previous,
      boolean isContinued,
      long totalPoints,
      double startTime,
      double endTime)
      implements Serializable {

    /** Of a sequence that is one chunk. */
    static Context whole(PathChunk only) {
      double[] times = only.times();
      return new Context(0, null, false, times.length, times[0], times[times.length - 1]);
    }

    boolean isWhole() {
      return previous == null && !isContinued;
    }
  }
}
