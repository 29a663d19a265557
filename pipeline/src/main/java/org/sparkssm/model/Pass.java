package org.sparkssm.model;

import org.sparkssm.data.SeededRandom;
import org.sparkssm.kernel.Kernels;
import org.sparkssm.kernel.Segments;
import org.sparkssm.kernel.Tensor;

/** What a layer needs to know of one pass over one batch. */
public final class Pass {
  private final Kernels kernels;
  private final Segments segments;
  private final long[] ids;
  private final Tensor times;
  private final Tensor parameters;
  private final Tensor gradients;
  private final Dropout dropout;
  private final boolean guarded;

  /** Seed and number of an optimizer step, from which dropout draws. */
  public record Dropout(long seed, long step) {}

  /**
   * @param ids one per sequence
   * @param times [T, 1], time since the sequence's start in units of the time scale
   * @param parameters [1, P]
   * @param gradients nullable, [1, P]: sums are added to it
   * @param dropout nullable: no dropout
   * @param guarded whether {@link #check} looks at the numbers
   */
  Pass(
      Kernels kernels,
      Segments segments,
      long[] ids,
      Tensor times,
      Tensor parameters,
      Tensor gradients,
      Dropout dropout,
      boolean guarded) {
    this.kernels = kernels;
    this.segments = segments;
    this.ids = ids;
    this.times = times;
    this.parameters = parameters;
    this.gradients = gradients;
    this.dropout = dropout;
    this.guarded = guarded;
  }

  public Kernels kernels() {
    return kernels;
  }

  public Segments segments() {
    return segments;
  }

  /** Time since the sequence's start in units of the time scale, [T, 1]. */
  public Tensor times() {
    return times;
  }

  /** An uninitialized tensor of T rows. */
  public Tensor allocate(int columns) {
    return kernels.allocate(segments.rows(), columns);
  }

  /** The current value of a parameter. */
  public Tensor value(Parameter parameter) {
    return parameters.slice(parameter.offset(), parameter.rows(), parameter.columns());
  }

  /** Where to add the gradient of a parameter. */
  public Tensor gradient(Parameter parameter) {
    return gradients.slice(parameter.offset(), parameter.rows(), parameter.columns());
  }

  /**
   * Drops elements of x in place, if this pass has dropout; the same call on a gradient is the
   * backward.
   *
   * @param place which dropout of the model this is
   */
  void dropout(double rate, int place, Tensor x) {
    if (dropout == null || rate == 0) {
      return;
    }
    long[] keys = new long[segments.rows()];
    for (int b = 0; b < segments.batch(); b++) {
      long key = SeededRandom.hash(dropout.seed(), dropout.step(), place, ids[b]);
      for (int l = 0; l < segments.length(b); l++) {
        keys[segments.offset(b) + l] = SeededRandom.hash(key, l);
      }
    }
    kernels.dropout(rate, keys, x);
  }

  /**
   * In a guarded pass, refuses numbers that are not finite.
   *
   * @param place what computed them, for the message
   * @param x [T, any]
   * @throws NonFiniteException naming place, sequence and position of the first one
   */
  void check(String place, Tensor x) {
    if (!guarded || Double.isFinite(kernels.sumOfSquares(x))) {
      return;
    }
    double[] values = kernels.toDoubles(x);
    for (int b = 0; b < segments.batch(); b++) {
      for (int l = 0; l < segments.length(b); l++) {
        for (int c = 0; c < x.columns(); c++) {
          double value = values[(segments.offset(b) + l) * x.columns() + c];
          if (!Double.isFinite(value)) {
            throw new NonFiniteException(
                place
                    + " gave "
                    + value
                    + " at position "
                    + l
                    + " of the sequence with id "
                    + ids[b]);
          }
        }
      }
    }
    throw new NonFiniteException(place + " gave numbers whose squares overflow");
  }
}
