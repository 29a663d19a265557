package org.sparkssm.ml;

import java.io.Serializable;

/**
 * Some consecutive points of one sequence. A class and not a record, so that Kryo can carry it; the
 * arrays are not copied.
 */
final class PathChunk implements Serializable {
  private static final long serialVersionUID = 1L;

  private final String key;
  private final double[] times;
  private final float[] values;

  /**
   * @param times [points], strictly increasing
   * @param values [points, channels] row-major
   */
  PathChunk(String key, double[] times, float[] values) {
    this.key = key;
    this.times = times;
    this.values = values;
  }

  String key() {
    return key;
  }

  double[] times() {
    return times;
  }

  float[] values() {
    return values;
  }

  int points() {
    return times.length;
  }
}
