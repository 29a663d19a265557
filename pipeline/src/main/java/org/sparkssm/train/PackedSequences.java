package org.sparkssm.train;

import java.io.Serializable;
import java.util.Arrays;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.kernel.Segments;
import org.sparkssm.model.SequenceBatch;

/**
 * Sequences in a few primitive arrays, packed in the order they were added; rows of it can be taken
 * out as a batch in any order.
 */
public final class PackedSequences implements Sequences, Serializable {
  private static final long serialVersionUID = 1L;

  private final long[] ids;
  private final int[] offsets;
  private final int channels;
  private final float[] values;
  private final double[] times;
  private final int[] tokens;
  private final double[] labels;

  /** Nullable: all weigh 1. */
  private final float[] weights;

  private final boolean labelPerStep;

  private PackedSequences(Builder builder) {
    ids = Arrays.copyOf(builder.ids, builder.count);
    offsets = Arrays.copyOf(builder.offsets, builder.count + 1);
    channels = Math.max(0, builder.channels);
    values = Arrays.copyOf(builder.values, builder.tokens == null ? builder.steps * channels : 0);
    times = builder.times == null ? null : Arrays.copyOf(builder.times, builder.steps);
    tokens = builder.tokens == null ? null : Arrays.copyOf(builder.tokens, builder.steps);
    labels = builder.labels == null ? null : Arrays.copyOf(builder.labels, builder.labelCount);
    weights = builder.weights == null ? null : Arrays.copyOf(builder.weights, builder.labelCount);
    labelPerStep = builder.labelPerStep;
  }

  @Override
  public int size() {
    return ids.length;
  }

  @Override
  public SequenceBatch batch(int... rows) {
    int[] lengths = new int[rows.length];
    for (int i = 0; i < rows.length; i++) {
      lengths[i] = length(rows[i]);
    }
    Segments segments = Segments.ofLengths(lengths);
    long[] batchIds = new long[rows.length];
    float[] batchValues = new float[tokens == null ? segments.rows() * channels : 0];
    double[] batchTimes = times == null ? null : new double[segments.rows()];
    int[] batchTokens = tokens == null ? null : new int[segments.rows()];
    double[] batchLabels =
        labels == null ? null : new double[labelPerStep ? segments.rows() : rows.length];
    float[] batchWeights = weights == null ? null : new float[batchLabels.length];
    for (int i = 0; i < rows.length; i++) {
      int row = rows[i];
      int from = offsets[row];
      int to = segments.offset(i);
      batchIds[i] = ids[row];
      if (tokens == null) {
        System.arraycopy(
            values, from * channels, batchValues, to * channels, lengths[i] * channels);
      } else {
        System.arraycopy(tokens, from, batchTokens, to, lengths[i]);
      }
      if (times != null) {
        System.arraycopy(times, from, batchTimes, to, lengths[i]);
      }
      if (labels != null) {
        int each = labelPerStep ? lengths[i] : 1;
        int label = labelPerStep ? from : row;
        int place = labelPerStep ? to : i;
        System.arraycopy(labels, label, batchLabels, place, each);
        if (weights != null) {
          System.arraycopy(weights, label, batchWeights, place, each);
        }
      }
    }
    return new SequenceBatch(
        batchIds,
        segments,
        tokens == null ? channels : 0,
        batchValues,
        batchTimes,
        batchTokens,
        batchLabels,
        batchWeights,
        labelPerStep);
  }

  @Override
  public int length(int row) {
    return offsets[row + 1] - offsets[row];
  }

  /** One sequence by itself. */
  public LabelledSequence sequence(int row) {
    SequenceBatch single = batch(row);
    return new LabelledSequence(
            ids[row],
            length(row),
            channels,
            tokens == null ? single.values() : null,
            single.times(),
            single.tokens(),
            single.labels())
        .withWeights(single.weights());
  }

  /**
   * An empty collection to add to.
   *
   * @param labelPerStep whether each step has a label, instead of each sequence
   */
  public static Builder builder(boolean labelPerStep) {
    return new Builder(labelPerStep);
  }

  /** Collects sequences; the arrays grow by doubling. */
  public static final class Builder {
    private final boolean labelPerStep;
    private int count;
    private int steps;
    private int labelCount;
    private int channels = -1;
    private long[] ids = new long[16];
    private int[] offsets = new int[17];
    private float[] values = new float[256];
    private double[] times;
    private int[] tokens;
    private double[] labels;
    private float[] weights;

    private Builder(boolean labelPerStep) {
      this.labelPerStep = labelPerStep;
    }

    /** Adds one sequence; all must be of one kind, and have labels or not. */
    public void add(LabelledSequence sequence) {
      int length = sequence.length();
      if (count == 0) {
        channels = sequence.channels();
        times = sequence.times() == null ? null : new double[16];
        tokens = sequence.tokens() == null ? null : new int[16];
        labels = sequence.labels() == null ? null : new double[16];
      }
      requireSameKind(sequence);
      long newSteps = (long) steps + length;
      if (newSteps * Math.max(1, channels) > Integer.MAX_VALUE - 8) {
        throw new InvalidInputException(
            "one micro-shard would hold more than 2^31 numbers; ask for more micro-shards");
      }
      ids = room(ids, count + 1);
      offsets = room(offsets, count + 2);
      ids[count] = sequence.id();
      offsets[count + 1] = (int) newSteps;
      if (tokens == null) {
        values = room(values, (int) newSteps * channels);
        System.arraycopy(sequence.values(), 0, values, steps * channels, length * channels);
      } else {
        tokens = room(tokens, (int) newSteps);
        System.arraycopy(sequence.tokens(), 0, tokens, steps, length);
      }
      if (times != null) {
        times = room(times, (int) newSteps);
        System.arraycopy(sequence.times(), 0, times, steps, length);
      }
      if (labels != null) {
        int added = labelPerStep ? length : 1;
        labels = room(labels, labelCount + added);
        System.arraycopy(sequence.labels(), 0, labels, labelCount, added);
        addWeights(sequence.weights(), added);
        labelCount += added;
      }
      steps += length;
      count++;
    }

    private void addWeights(float[] added, int count) {
      if (added == null && weights == null) {
        return;
      }
      if (weights == null) {
        weights = new float[Math.max(16, labelCount + count)];
        Arrays.fill(weights, 0, labelCount, 1);
      }
      weights = room(weights, labelCount + count);
      if (added == null) {
        Arrays.fill(weights, labelCount, labelCount + count, 1);
      } else {
        System.arraycopy(added, 0, weights, labelCount, count);
      }
    }

    private void requireSameKind(LabelledSequence sequence) {
      if (sequence.channels() != channels) {
        throw new InvalidInputException(
            "the sequence with id "
                + sequence.id()
                + " has "
                + sequence.channels()
                + " channels, another one "
                + channels);
      }
      if ((sequence.times() == null) != (times == null)) {
        throw new InvalidInputException(
            "the sequence with id "
                + sequence.id()
                + (times == null
                    ? " has times, another one none"
                    : " has no times, another one does"));
      }
    }

    public PackedSequences build() {
      return new PackedSequences(this);
    }

    private static long[] room(long[] array, int size) {
      return size <= array.length ? array : Arrays.copyOf(array, grown(array.length, size));
    }

    private static int[] room(int[] array, int size) {
      return size <= array.length ? array : Arrays.copyOf(array, grown(array.length, size));
    }

    private static float[] room(float[] array, int size) {
      return size <= array.length ? array : Arrays.copyOf(array, grown(array.length, size));
    }

    private static double[] room(double[] array, int size) {
      return size <= array.length ? array : Arrays.copyOf(array, grown(array.length, size));
    }

    private static int grown(int length, int size) {
      return (int) Math.min(Integer.MAX_VALUE - 8, Math.max(size, 2L * length));
    }
  }
}
