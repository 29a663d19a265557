package org.sparkssm.data;

import java.io.Serializable;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;

/** Applies a {@link MissingValuePolicy} to sequences, one at a time and in place. */
public final class MissingValueTreatment implements Serializable {
  private static final long serialVersionUID = 1L;

  private final MissingValuePolicy policy;
  private final List<String> channels;

  /**
   * A treatment.
   *
   * @param channels names in the source
   */
  public MissingValueTreatment(MissingValuePolicy policy, List<String> channels) {
    this.policy = policy;
    this.channels = List.copyOf(channels);
  }

  /**
   * What was done to a sequence.
   *
   * @param missing number of missing values
   * @param filled of these, how many were replaced
   * @param droppedSteps steps left out
   */
  public record Counts(long missing, long filled, long droppedSteps) {}

  /** The policy. */
  public MissingValuePolicy policy() {
    return policy;
  }

  /** Names of the channels after the treatment. */
  public List<String> resultChannels() {
    if (policy != MissingValuePolicy.MASK) {
      return channels;
    }
    return Stream.concat(
            channels.stream(), channels.stream().map(c -> c + MissingValuePolicy.MASK_SUFFIX))
        .toList();
  }

  /**
   * Treats a sequence: afterwards it has no missing value, the channels of {@link #resultChannels},
   * and possibly fewer steps, or none.
   *
   * @throws InvalidInputException under the policy ERROR for a missing value, and under
   *     FORWARD_FILL for a channel without any value
   */
  public Counts apply(RawSequence sequence) {
    long missing = countMissing(sequence.values());
    if (policy == MissingValuePolicy.MASK) {
      sequence.replace(
          2 * sequence.channels(), masked(sequence), sequence.times(), sequence.stepLabels());
      return new Counts(missing, missing, 0);
    }
    if (missing == 0) {
      return new Counts(0, 0, 0);
    }
    return switch (policy) {
      case ERROR -> throw firstMissing(sequence);
      case FORWARD_FILL -> {
        fillForward(sequence);
        yield new Counts(missing, missing, 0);
      }
      default -> new Counts(missing, 0, dropSteps(sequence));
    };
  }

  private static long countMissing(float[] values) {
    long missing = 0;
    for (float value : values) {
      if (Float.isNaN(value)) {
        missing++;
      }
    }
    return missing;
  }

  private InvalidInputException firstMissing(RawSequence sequence) {
    float[] values = sequence.values();
    int i = 0;
    while (!Float.isNaN(values[i])) {
      i++;
    }
    return new InvalidInputException(
        sequence.name()
            + " has a missing value (null or NaN) at step "
            + i / sequence.channels()
            + " in channel '"
            + channels.get(i % sequence.channels())
            + "', expected a number; --nulls ffill, drop or mask would accept it");
  }

  private void fillForward(RawSequence sequence) {
    float[] values = sequence.values();
    int count = sequence.channels();
    for (int c = 0; c < count; c++) {
      int first = c;
      while (first < values.length && Float.isNaN(values[first])) {
        first += count;
      }
      if (first >= values.length) {
        throw new InvalidInputException(
            sequence.name()
                + " has no value at all in channel '"
                + channels.get(c)
                + "', so there is nothing to fill forward");
      }
      float last = values[first];
      for (int i = c; i < values.length; i += count) {
        if (Float.isNaN(values[i])) {
          values[i] = last;
        } else {
          last = values[i];
        }
      }
    }
  }

  private static float[] masked(RawSequence sequence) {
    float[] values = sequence.values();
    int count = sequence.channels();
    float[] result = new float[values.length * 2];
    float[] last = new float[count];
    for (int i = 0; i < values.length; i++) {
      int c = i % count;
      boolean observed = !Float.isNaN(values[i]);
      if (observed) {
        last[c] = values[i];
      }
      int row = i / count * 2 * count;
      result[row + c] = last[c];
      result[row + count + c] = observed ? 1 : 0;
    }
    return result;
  }

  /** Returns how many steps were left out. */
  private static long dropSteps(RawSequence sequence) {
    float[] values = sequence.values().clone();
    double[] times = sequence.times() == null ? null : sequence.times().clone();
    Object[] labels = sequence.stepLabels() == null ? null : sequence.stepLabels().clone();
    int count = sequence.channels();
    int length = sequence.length();
    int kept = 0;
    for (int l = 0; l < length; l++) {
      if (countMissing(Arrays.copyOfRange(values, l * count, (l + 1) * count)) > 0) {
        continue;
      }
      System.arraycopy(values, l * count, values, kept * count, count);
      if (times != null) {
        times[kept] = times[l];
      }
      if (labels != null) {
        labels[kept] = labels[l];
      }
      kept++;
    }
    sequence.replace(
        count,
        Arrays.copyOf(values, kept * count),
        times == null ? null : Arrays.copyOf(times, kept),
        labels == null ? null : Arrays.copyOf(labels, kept));
    return (long) length - kept;
  }
}
