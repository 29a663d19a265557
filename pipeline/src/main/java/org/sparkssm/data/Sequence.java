package org.sparkssm.data;

import java.util.Arrays;

/**
 * One generated sequence: a path with a number as its label, or tokens with class labels.
 *
 * <p>The arrays are not copied.
 */
public final class Sequence {
  private final long id;
  private final int length;
  private final float[] values;
  private final int[] tokens;
  private final Number label;
  private final Integer[] labels;

  private Sequence(
      long id, int length, float[] values, int[] tokens, Number label, Integer[] labels) {
    this.id = id;
    this.length = length;
    this.values = values;
    this.tokens = tokens;
    this.label = label;
    this.labels = labels;
  }

  /**
   * A path with a number as its label.
   *
   * @param values row-major, [length x channels]
   */
  public static Sequence ofPath(long id, int length, float[] values, double label) {
    return new Sequence(id, length, values, null, label, null);
  }

  /**
   * Tokens with class labels.
   *
   * @param tokens [length]
   * @param label nullable: class index of the sequence
   * @param labels [length], class index per step; null where a step has no target
   */
  public static Sequence ofTokens(long id, int[] tokens, Integer label, Integer[] labels) {
    return new Sequence(id, tokens.length, null, tokens, label, labels);
  }

  /** The id it was generated for. */
  public long id() {
    return id;
  }

  /** Number of time steps, L. */
  public int length() {
    return length;
  }

  /** [L x C] row-major, or null for token data. */
  public float[] values() {
    return values;
  }

  /** [L], or null for a path. */
  public int[] tokens() {
    return tokens;
  }

  /** A {@code Double} for a path, an {@code Integer} (class index) or null for tokens. */
  public Number label() {
    return label;
  }

  /** Class index per step with null for a step without a target; null for a path. */
  public Integer[] labels() {
    return labels;
  }

  @Override
  public String toString() {
    return "Sequence "
        + id
        + (values != null ? Arrays.toString(values) : Arrays.toString(tokens))
        + " -> "
        + label;
  }
}
