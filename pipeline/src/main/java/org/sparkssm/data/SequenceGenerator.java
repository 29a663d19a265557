package org.sparkssm.data;

import java.io.Serializable;
import java.util.Optional;

/**
 * A task whose sequences are pure functions of (parameters, seed, id): the same bits whoever
 * computes them, in whatever order, however often.
 */
public interface SequenceGenerator extends Serializable {
  /**
   * The sequence of an id.
   *
   * @throws IllegalStateException if {@link #needsScale()} and none was given
   */
  Sequence sequence(long id);

  /** Writes channels, vocabulary, label and parameters into the description of a data set. */
  void describe(DataSetManifest.Builder manifest);

  /**
   * Whether {@link #scaledBy} must come first, with the maxima of {@link #rawMaxima} over the set.
   */
  default boolean needsScale() {
    return false;
  }

  /** The largest absolute raw value and the absolute raw label of one sequence. */
  default RawMaxima rawMaxima(long id) {
    throw new UnsupportedOperationException("this task has no scale");
  }

  /** The scale that belongs to maxima of raw values and labels. */
  default PathScale scaleOf(RawMaxima maxima) {
    throw new UnsupportedOperationException("this task has no scale");
  }

  /** This generator with its paths and labels divided by a scale. */
  default SequenceGenerator scaledBy(PathScale scale) {
    throw new UnsupportedOperationException("this task has no scale");
  }

  /** The scale in use, if any. */
  default Optional<PathScale> scale() {
    return Optional.empty();
  }

  /**
   * Maxima before scaling; they combine in any order.
   *
   * @param value largest absolute value of the raw paths
   * @param label largest absolute label of the raw paths
   */
  record RawMaxima(double value, double label) implements Serializable {
    /** The maxima over no sequence. */
    public static final RawMaxima NONE = new RawMaxima(0, 0);

    /** The maxima over both. */
    public RawMaxima max(RawMaxima other) {
      return new RawMaxima(Math.max(value, other.value), Math.max(label, other.label));
    }
  }
}
