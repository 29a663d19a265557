package org.sparkssm.model;

import java.util.Arrays;
import java.util.List;

/**
 * What a model has seen of a number of sequences: feed it further steps with {@link
 * SequenceModel#advance}. It holds plain arrays, so it outlives the kernels that filled it, and
 * belongs to one thread at a time.
 *
 * <p>Its size is that of the layers' states, whatever the lengths; only attention keeps a key and a
 * value for every step.
 */
public final class SequenceState {
  private final List<StateSlot> slots;
  private final long[] positions;
  private final double[] startTimes;
  private final double[][] carried;
  private final double[][][] grown;

  SequenceState(List<StateSlot> slots, int sequences) {
    this(
        List.copyOf(slots),
        new long[sequences],
        new double[sequences],
        new double[slots.size()][],
        new double[slots.size()][sequences][0]);
  }

  private SequenceState(
      List<StateSlot> slots,
      long[] positions,
      double[] startTimes,
      double[][] carried,
      double[][][] grown) {
    this.slots = slots;
    this.positions = positions;
    this.startTimes = startTimes;
    this.carried = carried;
    this.grown = grown;
  }

  /** The same state, to be advanced another way. */
  public SequenceState copy() {
    // Arrays of numbers are replaced when a state advances, never changed: they can be shared.
    return new SequenceState(
        slots,
        positions.clone(),
        startTimes.clone(),
        carried.clone(),
        Arrays.stream(grown).map(double[][]::clone).toArray(double[][][]::new));
  }

  /** What is carried of one sequence; null parts at the start. */
  public CarriedState carried(int sequence) {
    double[][] parts = new double[carried.length][];
    for (int s = 0; s < parts.length; s++) {
      if (carried[s] != null) {
        int columns = slots.get(s).columns();
        int from = sequence * columns;
        parts[s] = Arrays.copyOfRange(carried[s], from, from + columns);
      }
    }
    return new CarriedState(positions[sequence], startTimes[sequence], parts);
  }

  /** The state of sequences of which that is carried; what is not known is 0. */
  static SequenceState of(List<StateSlot> slots, List<CarriedState> sequences) {
    SequenceState state = new SequenceState(slots, sequences.size());
    for (int b = 0; b < sequences.size(); b++) {
      CarriedState sequence = sequences.get(b);
      state.positions[b] = sequence.position();
      state.startTimes[b] = sequence.startTime();
      for (StateSlot slot : slots) {
        if (sequence.position() == 0) {
          continue; // a layer begins as it is made to
        }
        if (state.carried[slot.index()] == null) {
          state.carried[slot.index()] = new double[sequences.size() * slot.columns()];
        }
        double[] part = sequence.part(slot.index());
        if (part != null) {
          System.arraycopy(
              part, 0, state.carried[slot.index()], b * slot.columns(), slot.columns());
        }
      }
    }
    return state;
  }

  void become(SequenceState other) {
    System.arraycopy(other.positions, 0, positions, 0, positions.length);
    System.arraycopy(other.startTimes, 0, startTimes, 0, startTimes.length);
    System.arraycopy(other.carried, 0, carried, 0, carried.length);
    System.arraycopy(other.grown, 0, grown, 0, grown.length);
  }

  /** Number of sequences. */
  public int sequences() {
    return positions.length;
  }

  /** Steps seen of a sequence. */
  public long position(int sequence) {
    return positions[sequence];
  }

  double startTime(int sequence) {
    return startTimes[sequence];
  }

  void startAt(int sequence, double time) {
    startTimes[sequence] = time;
  }

  void pass(int sequence, int steps) {
    positions[sequence] += steps;
  }

  /** [sequences, columns], or null at the start. */
  double[] carried(StateSlot slot) {
    return carried[slot.index()];
  }

  void carry(StateSlot slot, double[] values) {
    carried[slot.index()] = values;
  }

  /** [steps seen, columns]. */
  double[] grown(StateSlot slot, int sequence) {
    return grown[slot.index()][sequence];
  }

  void grow(StateSlot slot, int sequence, double[] rows) {
    grown[slot.index()][sequence] = rows;
  }
}
