package org.sparkssm.train;

import java.io.Serializable;
import java.util.Arrays;
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
  private final float[] weights;
  private final float rowWeight;
  private final boolean validation;

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
    this(id, length, channels, values, times, tokens, labels, null, 1, false);
  }

  private LabelledSequence(
      long id,
      int length,
      int channels,
      float[] values,
      double[] times,
      int[] tokens,
      double[] labels,
      float[] weights,
      float rowWeight,
      boolean validation) {
    this.id = id;
    this.length = length;
    this.channels = channels;
    this.values = values;
    this.times = times;
    this.tokens = tokens;
    this.labels = labels;
    this.weights = weights;
    this.rowWeight = rowWeight;
    this.validation = validation;
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

  /**
   * The same sequence whose labels weigh that much.
   *
   * @param labelWeights nullable: 1 each; as many as labels
   */
  public LabelledSequence withWeights(float[] labelWeights) {
    return new LabelledSequence(
        id, length, channels, values, times, tokens, labels, labelWeights, rowWeight, validation);
  }

  /**
   * The same sequence with a weight of its own and one for each class; only its own counts in
   * validation.
   *
   * @param classWeights nullable: 1 each; by class
   */
  public LabelledSequence weighted(float weight, double[] classWeights) {
    float[] product = classWeights == null ? equal(weight) : new float[labels.length];
    for (int i = 0; i < labels.length && classWeights != null; i++) {
      double ofClass = Double.isNaN(labels[i]) ? 1 : classWeights[(int) labels[i]];
      product[i] = (float) (weight * ofClass);
    }
    return new LabelledSequence(
        id, length, channels, values, times, tokens, labels, product, weight, validation);
  }

  private float[] equal(float weight) {
    if (weight == 1) {
      return null;
    }
    float[] equal = new float[labels.length];
    Arrays.fill(equal, weight);
    return equal;
  }

  /** The same sequence as validation counts it. */
  public LabelledSequence inValidation() {
    return withWeights(equal(rowWeight));
  }

  /** The same sequence, marked for validation or not. */
  public LabelledSequence markedForValidation(boolean marked) {
    return new LabelledSequence(
        id, length, channels, values, times, tokens, labels, weights, rowWeight, marked);
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

  /** Nullable: 1 each. */
  public float[] weights() {
    return weights;
  }

  /** Whether it was marked for validation. */
  public boolean isMarkedForValidation() {
    return validation;
  }
}
