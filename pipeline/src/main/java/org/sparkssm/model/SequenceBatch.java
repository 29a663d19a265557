package org.sparkssm.model;

import java.util.Arrays;
import org.sparkssm.kernel.Segments;

/**
 * A batch of sequences in primitive arrays, packed: the rows of all sequences follow one another
 * without padding.
 *
 * <p>Either {@code values} or {@code tokens} is present, and at most one kind of label. The arrays
 * are not copied and must not be changed afterwards.
 *
 * @param ids one per sequence
 * @param segments B sequences, T rows
 * @param channels C; 0 for token data
 * @param values [T, C] row-major; empty for token data
 * @param times nullable, [T]: strictly increasing within a sequence; absent: uniform
 * @param tokens nullable, [T]
 * @param labels nullable: [B] one label a sequence (a class index or a number), or [T] one a step
 *     where {@code labelPerStep}
 * @param weights nullable: 1 each; as many as labels
 * @param labelPerStep whether labels belong to steps
 */
@SuppressWarnings(
    "ArrayRecordComponent") // primitive arrays are the point; equals and hashCode look inside
public record SequenceBatch(
    long[] ids,
    Segments segments,
    int channels,
    float[] values,
    double[] times,
    int[] tokens,
    double[] labels,
    float[] weights,
    boolean labelPerStep) {

  /** Checks that the parts fit together. */
  public SequenceBatch {
    expect(ids.length == segments.batch(), "ids", ids.length, segments.batch());
    expect(
        values.length == (long) segments.rows() * channels,
        "values",
        values.length,
        (long) segments.rows() * channels);
    if (times != null) {
      expect(times.length == segments.rows(), "times", times.length, segments.rows());
    }
    if (tokens != null) {
      expect(tokens.length == segments.rows(), "tokens", tokens.length, segments.rows());
    }
    if (labels != null) {
      int expected = labelPerStep ? segments.rows() : segments.batch();
      expect(labels.length == expected, "labels", labels.length, expected);
    }
    if (weights != null) {
      expect(weights.length == labels.length, "weights", weights.length, labels.length);
    }
  }

  /** A batch whose labels, if any, weigh 1 each. */
  public SequenceBatch(
      long[] ids,
      Segments segments,
      int channels,
      float[] values,
      double[] times,
      int[] tokens,
      double[] labels,
      boolean labelPerStep) {
    this(ids, segments, channels, values, times, tokens, labels, null, labelPerStep);
  }

  private static void expect(boolean holds, String what, long found, long expected) {
    if (!holds) {
      throw new IllegalArgumentException(
          "a batch has " + found + " " + what + ", expected " + expected);
    }
  }

  /** Number of sequences, B. */
  public int size() {
    return ids.length;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof SequenceBatch batch
        && Arrays.equals(ids, batch.ids)
        && segments.equals(batch.segments)
        && channels == batch.channels
        && Arrays.equals(values, batch.values)
        && Arrays.equals(times, batch.times)
        && Arrays.equals(tokens, batch.tokens)
        && Arrays.equals(labels, batch.labels)
        && Arrays.equals(weights, batch.weights)
        && labelPerStep == batch.labelPerStep;
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(ids);
  }

  @Override
  public String toString() {
    return "SequenceBatch["
        + ids.length
        + " sequences, "
        + segments.rows()
        + " rows, "
        + channels
        + " channels]";
  }
}
