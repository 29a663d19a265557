package org.sparkssm.train;

import java.util.Arrays;
import org.sparkssm.model.SequenceBatch;

/** The sequences of a micro-shard, by number; in memory or not. */
public interface Sequences {

  /** Number of sequences. */
  int size();

  /** Number of steps of one sequence. */
  int length(int row);

  /**
   * The given sequences as a batch, in the given order.
   *
   * @param rows numbers of sequences, from 0
   */
  SequenceBatch batch(int... rows);

  /** Sequences {@code from} to {@code to - 1} as a batch. */
  default SequenceBatch range(int from, int to) {
    int[] rows = new int[to - from];
    Arrays.setAll(rows, i -> from + i);
    return batch(rows);
  }
}
