package org.sparkssm.train;

import java.io.Serializable;
import org.sparkssm.data.InvalidInputException;

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

  /**
   * A path, checked.
   *
   * @param name of the sequence, for messages: "the sequence with id 5"
   * @param values nullable (refused), [L, C] row-major
   * @param times nullable, [L]
   * @param labels nullable
   * @throws InvalidInputException if values are missing, not a multiple of the channels, or not
   *     finite, or times are not one per step, finite and strictly increasing
   */
  public static LabelledSequence ofValues(
      long id, String name, int channels, float[] values, double[] times, double[] labels) {
    if (values == null || values.length % channels != 0) {
      throw new InvalidInputException(
          name
              + " has "
              + (values == null ? "no" : values.length)
              + " values, expected a multiple of "
              + channels
              + " channels");
    }
    for (int i = 0; i < values.length; i++) {
      if (!Float.isFinite(values[i])) {
        throw new InvalidInputException(
            "%s has the value %s at step %d, channel %d, expected a finite number"
                .formatted(name, values[i], i / channels, i % channels));
      }
    }
    int length = values.length / channels;
    requireTimes(name, length, times);
    return new LabelledSequence(id, length, channels, values, times, null, labels);
  }

  /**
   * Tokens, checked.
   *
   * @throws InvalidInputException if they are missing
   */
  public static LabelledSequence ofTokens(
      long id, String name, int[] tokens, double[] times, double[] labels) {
    if (tokens == null) {
      throw new InvalidInputException(name + " has no tokens");
    }
    requireTimes(name, tokens.length, times);
    return new LabelledSequence(id, tokens.length, 0, null, times, tokens, labels);
  }

  private static void requireTimes(String name, int length, double[] times) {
    if (times == null) {
      return;
    }
    if (times.length != length) {
      throw new InvalidInputException(
          "%s has %d times, expected %d, one per step".formatted(name, times.length, length));
    }
    for (int l = 0; l < length; l++) {
      if (!Double.isFinite(times[l]) || (l > 0 && times[l] <= times[l - 1])) {
        throw new InvalidInputException(
            "%s has time %s at step %d%s, expected strictly increasing times"
                .formatted(name, times[l], l, l > 0 ? " after " + times[l - 1] : ""));
      }
    }
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
