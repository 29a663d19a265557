package org.sparkssm.spark;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import java.util.concurrent.CancellationException;
import java.util.function.BooleanSupplier;
import java.util.function.LongConsumer;
import org.sparkssm.model.LossSums;
import org.sparkssm.train.EpochOrder;
import org.sparkssm.train.FixedTree;
import org.sparkssm.train.GradientExchange;
import org.sparkssm.train.GradientSum;
import org.sparkssm.train.MicroShard;
import org.sparkssm.train.ShardStep;
import org.sparkssm.train.ShardWorker;
import org.sparkssm.train.Weights;
import org.sparkssm.train.WeightsHash;

/** The part of one worker, a barrier task, in sums over all workers. */
final class BarrierExchange implements GradientExchange {
  private final int worker;
  private final WorkerGroup group;
  private final ShardWorker sums;
  private final List<MicroShard> shards;
  private final EpochOrder order;
  private final BooleanSupplier cancelled;
  private final LongConsumer counter;
  private final int[][] shuffled;
  private int shuffledEpoch;
  private boolean finished;

  /**
   * @param group which the worker has joined, and leaves with this exchange; to be started before
   *     anything is exchanged
   * @param shards of this worker
   * @param cancelled asked often
   * @param counter told how many sequences went into a step
   */
  BarrierExchange(
      int worker,
      WorkerGroup group,
      ShardWorker sums,
      List<MicroShard> shards,
      EpochOrder order,
      BooleanSupplier cancelled,
      LongConsumer counter) {
    this.worker = worker;
    this.group = group;
    this.sums = sums;
    this.shards = shards;
    this.order = order;
    this.cancelled = cancelled;
    this.counter = counter;
    this.shuffled = new int[shards.size()][];
  }

  WorkerGroup group() {
    return group;
  }

  @Override
  public String description() {
    return "worker " + worker + " of " + group.layout().workers();
  }

  @Override
  public GradientSum gradient(Weights weights, ShardStep step) {
    requireNotCancelled();
    if (step.epoch() != shuffledEpoch) {
      for (int i = 0; i < shuffled.length; i++) {
        MicroShard shard = shards.get(i);
        shuffled[i] = order.shuffled(step.epoch(), shard.number(), shard.training().size());
      }
      shuffledEpoch = step.epoch();
    }
    sums.setParameters(weights);
    long before = sums.sequences();
    for (int i = 0; i < shuffled.length; i++) {
      sums.add(shards.get(i), shuffled[i], step);
    }
    counter.accept(sums.sequences() - before);
    return group.sum(sums.subtrees(), cancelled);
  }

  @Override
  public LossSums evaluate(Weights weights) {
    requireNotCancelled();
    sums.setParameters(weights);
    List<FixedTree.Node<GradientSum>> nodes = new ArrayList<>();
    for (MicroShard shard : shards) {
      GradientSum sum = new GradientSum(new float[0], sums.evaluate(shard), null);
      nodes.add(FixedTree.leaf(shard.number(), sum));
    }
    List<FixedTree.Node<GradientSum>> all = new ArrayList<>();
    for (byte[] note : group.gather(SumNotes.of(nodes), BarrierExchange::joined, cancelled)) {
      all.addAll(SumNotes.nodes(note));
    }
    return FixedTree.root(all, order.microShards(), GradientSum::plus).sums();
  }

  private static byte[] joined(List<byte[]> notes) {
    List<FixedTree.Node<GradientSum>> nodes = new ArrayList<>();
    notes.forEach(note -> nodes.addAll(SumNotes.nodes(note)));
    return SumNotes.of(FixedTree.join(nodes, GradientSum::plus));
  }

  @Override
  public long agreed(long own) {
    byte[] note = worker == 0 ? ByteBuffer.allocate(Long.BYTES).putLong(own).array() : new byte[0];
    for (byte[] answer : group.gather(note, BarrierExchange::concatenated, cancelled)) {
      if (answer.length > 0) {
        return ByteBuffer.wrap(answer).getLong();
      }
    }
    throw new IllegalStateException("worker 0 did not answer");
  }

  @Override
  public void requireEqual(Weights weights, long step) {
    byte[] hash = WeightsHash.of(weights.values());
    byte[] note = ByteBuffer.allocate(Integer.BYTES + hash.length).putInt(worker).put(hash).array();
    TreeMap<Integer, String> hashes = new TreeMap<>();
    for (byte[] notes : group.gather(note, BarrierExchange::concatenated, cancelled)) {
      ByteBuffer in = ByteBuffer.wrap(notes);
      while (in.hasRemaining()) {
        int other = in.getInt();
        byte[] theirs = new byte[hash.length];
        in.get(theirs);
        hashes.put(other, WeightsHash.hexadecimal(theirs));
      }
    }
    if (hashes.values().stream().distinct().count() > 1) {
      throw new IllegalStateException(
          "after step %d the workers hold different parameters, which must not happen: %s"
              .formatted(step, hashes));
    }
  }

  private static byte[] concatenated(List<byte[]> notes) {
    ByteBuffer all = ByteBuffer.allocate(notes.stream().mapToInt(note -> note.length).sum());
    notes.forEach(all::put);
    return all.array();
  }

  private void requireNotCancelled() {
    if (cancelled.getAsBoolean()) {
      throw new CancellationException("the training was cancelled");
    }
  }

  /** All that is exchanged has been exchanged: {@link #close} is not a failure. */
  void finish() {
    finished = true;
  }

  @Override
  public void close() {
    group.leave(finished);
  }
}
