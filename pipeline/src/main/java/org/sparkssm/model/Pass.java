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
  private final PassInputs inputs;
  private final Tensor times;
  private final Tensor parameters;
  private final Tensor gradients;
  private final int[] tokens;
  private final boolean guarded;
  private final SequenceState before;
  private final SequenceState after;

  /** Seed and number of an optimizer step, from which dropout draws. */
  public record Dropout(long seed, long step) {

    /**
     * Keys of the rows of a batch.
     *
     * @param place which dropout of the model this is
     */
    long[] keys(int place, SequenceBatch batch) {
      Segments segments = batch.segments();
      long[] keys = new long[segments.rows()];
      for (int b = 0; b < segments.batch(); b++) {
        long key = SeededRandom.hash(seed, step, place, batch.ids()[b]);
        for (int l = 0; l < segments.length(b); l++) {
          keys[segments.offset(b) + l] = SeededRandom.hash(key, l);
        }
      }
      return keys;
    }
  }

  /**
   * @param batch what goes through the model
   * @param inputs the batch's
   * @param parameters [1, P]
   * @param gradients nullable, [1, P]: sums are added to it
   * @param guarded whether {@link #check} looks at the numbers
   * @param before nullable: what came before the batch; null: its rows begin the sequences, and
   *     nothing is carried on
   * @param after what comes after the batch; null exactly where {@code before} is
   */
  Pass(
      Kernels kernels,
      SequenceBatch batch,
      PassInputs inputs,
      Tensor parameters,
      Tensor gradients,
      boolean guarded,
      SequenceState before,
      SequenceState after) {
    this.kernels = kernels;
    this.segments = batch.segments();
    this.ids = batch.ids();
    this.tokens = batch.tokens();
    this.inputs = inputs;
    this.times = inputs.times();
    this.parameters = parameters;
    this.gradients = gradients;
    this.guarded = guarded;
    this.before = before;
    this.after = after;
  }

  /**
   * The same batch from its sequences' ends to their beginnings, for layers that read both ways.
   */
  Pass reversed() {
    Tensor reversedTimes = kernels.allocate(segments.rows(), 1);
    kernels.reverseRows(segments, times, reversedTimes);
    for (int b = 0; b < segments.batch(); b++) {
      int first = segments.offset(b);
      int end = first + segments.length(b);
      if (first < end) {
        // time to the end: that of the last row minus the row's
        Tensor ofSequence = reversedTimes.rowRange(first, end);
        Tensor last = kernels.allocate(end - first, 1);
        kernels.fill(last, 0);
        kernels.addRow(times.rowRange(end - 1, end), last);
        kernels.addScaled(-1, ofSequence, last);
        kernels.copy(last, ofSequence);
      }
    }
    return new Pass(this, reversedTimes);
  }

  private Pass(Pass forward, Tensor reversedTimes) {
    kernels = forward.kernels;
    segments = forward.segments;
    ids = forward.ids;
    inputs = forward.inputs;
    times = reversedTimes;
    parameters = forward.parameters;
    gradients = forward.gradients;
    guarded = forward.guarded;
    before = null;
    after = null;
    tokens = forward.tokens == null ? null : forward.tokens.clone();
    for (int b = 0; b < segments.batch() && tokens != null; b++) {
      int first = segments.offset(b);
      int last = first + segments.length(b) - 1;
      for (int r = first; r <= last; r++) {
        tokens[r] = forward.tokens[first + last - r];
      }
    }
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

  /** The rows of the batch as the encoder takes them; null where they are tokens. */
  Tensor input() {
    return inputs.input();
  }

  /** Labels in scaled units; null where there are none. */
  Tensor target() {
    return inputs.target();
  }

  /** One per row; null where rows hold values. */
  int[] tokens() {
    return tokens;
  }

  /** Whether the batch continues sequences, and its end is to be carried on. */
  boolean carries() {
    return before != null;
  }

  /** Steps of a sequence before this batch. */
  long position(int sequence) {
    return before == null ? 0 : before.position(sequence);
  }

  /** What was carried to the batch, [B, columns]; null: every sequence begins here. */
  Tensor before(StateSlot slot) {
    double[] values = before == null ? null : before.carried(slot);
    if (values == null) {
      return null;
    }
    Tensor tensor = kernels.allocate(segments.batch(), slot.columns());
    kernels.write(tensor, values);
    return tensor;
  }

  /** Where to put what is to be carried on, [B, columns]; null: nothing is. */
  Tensor after(StateSlot slot) {
    return carries() ? kernels.allocate(segments.batch(), slot.columns()) : null;
  }

  /** Carries {@code last} on; null where nothing is carried. */
  void carry(StateSlot slot, Tensor last) {
    if (carries()) {
      after.carry(slot, kernels.toDoubles(last));
    }
  }

  /**
   * The last row of each sequence so far, zero before its first, [B, columns]; it is carried on.
   * For passes that carry.
   */
  Tensor carryLastRow(StateSlot slot, Tensor x) {
    Tensor last = kernels.allocate(segments.batch(), slot.columns());
    kernels.lastRowForward(segments, x, last);
    Tensor earlier = before(slot);
    for (int b = 0; b < segments.batch() && earlier != null; b++) {
      if (segments.length(b) == 0) {
        kernels.copy(earlier.rowRange(b, b + 1), last.rowRange(b, b + 1));
      }
    }
    carry(slot, last);
    return last;
  }

  /** Rows of each sequence with this batch's. */
  Segments grownSegments() {
    int[] lengths = new int[segments.batch()];
    for (int b = 0; b < lengths.length; b++) {
      lengths[b] = Math.toIntExact(position(b) + segments.length(b));
    }
    return Segments.ofLengths(lengths);
  }

  /** All rows of each sequence so far, {@code x} last; they are carried on. */
  Tensor grow(StateSlot slot, Tensor x) {
    if (!carries()) {
      return x;
    }
    int columns = slot.columns();
    Segments grown = grownSegments();
    Tensor all = kernels.allocate(grown.rows(), columns);
    for (int b = 0; b < segments.batch(); b++) {
      int first = grown.offset(b);
      int end = first + grown.length(b);
      int fresh = end - segments.length(b);
      kernels.write(all.rowRange(first, fresh), before.grown(slot, b));
      int from = segments.offset(b);
      kernels.copy(x.rowRange(from, from + end - fresh), all.rowRange(fresh, end));
      after.grow(slot, b, kernels.toDoubles(all.rowRange(first, end)));
    }
    return all;
  }

  /** An uninitialized tensor of T rows. */
  public Tensor allocate(int columns) {
    return kernels.allocate(segments.rows(), columns);
  }

  /** Whether a backward follows. */
  boolean trains() {
    return gradients != null;
  }

  /** The current value of a parameter. */
  public Tensor value(Parameter parameter) {
    return parameters.slice(parameter.offset(), parameter.rows(), parameter.columns());
  }

  /** Where to add the gradient of a parameter. */
  public Tensor gradient(Parameter parameter) {
    return gradients.slice(parameter.offset(), parameter.rows(), parameter.columns());
  }

  /** Where to add the gradient of a parameter that may be kept as drawn: then nowhere. */
  Tensor gradient(Parameter parameter, boolean trained) {
    return trained ? gradient(parameter) : kernels.zeros(parameter.rows(), parameter.columns());
  }

  /**
   * Drops elements of x in place, if this pass has dropout; the same call on a gradient is the
   * backward.
   *
   * @param block whose dropout this is
   */
  void dropout(double rate, int block, Tensor x) {
    long[] keys = inputs.dropoutKeys().get(block);
    if (keys.length > 0) {
      kernels.dropout(rate, keys, x);
    }
  }

  /**
   * In a guarded pass, refuses numbers that are not finite.
   *
   * @param place what computed them, for the message
   * @param x [T, any]
   * @throws NonFiniteException naming place, sequence and position of the first one
   */
  void check(String place, Tensor x) {
    if (!guarded || Double.isFinite(kernels.sumOfSquares(x).value())) {
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
