package org.sparkssm.train;

import java.io.Serializable;
import java.util.Arrays;
import org.apache.commons.rng.UniformRandomProvider;
import org.sparkssm.data.SeededRandom;

/**
 * Which training rows make up each global batch: in every epoch the rows of each micro-shard are
 * shuffled by a draw from (seed, epoch, micro-shard), then the i-th row of micro-shard m has
 * position {@code i S + m}, and batch k takes the positions {@code k B} to {@code (k + 1) B - 1}.
 * The last batch of an epoch may be short.
 *
 * @param rows training rows of all micro-shards
 * @param microShards S
 * @param batchSize B
 * @param microBatch rows of a micro-shard that are worked on at a time; 0: all of a batch
 */
public record EpochOrder(long rows, int microShards, int batchSize, int microBatch, long seed)
    implements Serializable {

  /** The order that settings ask for. */
  public static EpochOrder of(long rows, TrainingSettings settings) {
    return new EpochOrder(
        rows, settings.microShards(), settings.batchSize(), settings.microBatch(), settings.seed());
  }

  /** Optimizer steps in an epoch. */
  public long stepsPerEpoch() {
    return (rows + batchSize - 1) / batchSize;
  }

  /**
   * The rows that a micro-shard puts into a batch.
   *
   * @param shuffled of this micro-shard and epoch, from {@link #shuffled}
   * @param batch number of the batch within the epoch, from 0
   */
  public int[] rows(int[] shuffled, int microShard, long batch) {
    long first = batch * batchSize;
    int from = turn(first, microShard, shuffled.length);
    int to = turn(first + batchSize, microShard, shuffled.length);
    return Arrays.copyOfRange(shuffled, from, to);
  }

  /** How many rows of a micro-shard have positions below the given one. */
  private int turn(long position, int microShard, int size) {
    long turns = (position - microShard + microShards - 1) / microShards;
    return (int) Math.max(0, Math.min(size, turns));
  }

  /** A permutation of 0 to {@code size - 1}: Fisher and Yates' shuffle. */
  public int[] shuffled(long epoch, int microShard, int size) {
    UniformRandomProvider random = SeededRandom.create(seed, epoch, microShard);
    int[] order = new int[size];
    Arrays.setAll(order, i -> i);
    for (int i = size - 1; i > 0; i--) {
      int other = random.nextInt(i + 1);
      int moved = order[i];
      order[i] = order[other];
      order[other] = moved;
    }
    return order;
  }
}
