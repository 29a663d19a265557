package org.sparkssm.train;

import java.io.Serializable;

/**
 * One sequence on its way to its micro-shard. A class and not a record, so that Kryo can carry it;
 * the arrays are not copied.
 */
public final class LabelledSequence implements Serializable {
  private static final long serialVersionUID = 1L;

  private final long id;
  private final int length;
  private final int channels;
  private final float[] values;
  private final double[] times;
  private final int[] tokens;
  private final double[] labels;

  /**
   * @param length L
   * @param channels C; 0 for tokens
   * @param values nullable, [L, C] row-major
   * @param times nullable, [L]
   * @param tokens nullable, [L]
   * @param labels nullable; one for the sequence or [L]; NaN where a step has no label
   */
  public LabelledSequence(
      long id,
      int length,
      int channels,
      float[] values,
      double[] times,
      int[] tokens,
      double[] labels) {
    this.id = id;
    this.length = length;
    this.channels = channels;
    this.values = values;
    this.times = times;
    this.tokens = tokens;
    this.labels = labels;
  }

  public long id() {
    return id;
  }

  public int length() {
    return length;
  }

  public int channels() {
    return channels;
  }

  public float[] values() {
    return values;
  }

  public double[] times() {
    return times;
  }

  public int[] tokens() {
    return tokens;
  }

  public double[] labels() {
    return labels;
  }
}
