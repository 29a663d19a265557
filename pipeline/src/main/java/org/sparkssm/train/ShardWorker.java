package org.sparkssm.train;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.function.Supplier;
import org.sparkssm.kernel.Kernels;
import org.sparkssm.kernel.Tensor;
import org.sparkssm.kernel.Total;
import org.sparkssm.model.BatchLoss;
import org.sparkssm.model.LossSums;
import org.sparkssm.model.NonFiniteException;
import org.sparkssm.model.Pass;
import org.sparkssm.model.SequenceBatch;
import org.sparkssm.model.SequenceModel;

/**
 * What one thread does for the micro-shards it is given: gradient sums and validation sums, each a
 * function of the micro-shard, the parameters and the step alone. Gradients are summed where they
 * are computed, along {@link FixedTree}, and leave the device as the sums of whole subtrees; so do
 * losses, and whether all is finite, which nobody waits for before. Belongs to the thread of its
 * kernels.
 */
public final class ShardWorker {
  /** Bounds the memory of a validation batch, in steps of all its sequences together. */
  private static final int VALIDATION_STEPS = 1 << 13;

  private final SequenceModel model;
  private final EpochOrder order;
  private final long seed;
  private final Kernels kernels;
  private Tensor copied;
  private Tensor parameters;
  private final Deque<Tensor> unused = new ArrayDeque<>();
  private List<FixedTree.Node<Sum>> sums = new ArrayList<>();
  private long sequences;

  /** A {@link GradientSum} on the device; what was found besides waits for it. */
  private record Sum(Tensor gradient, Supplier<Found> found) {}

  private record Found(LossSums sums, String failure) {
    Found plus(Found right) {
      return new Found(sums.plus(right.sums), failure != null ? failure : right.failure);
    }
  }

  /** Rows that were added to a gradient, whose squares then had that sum. */
  @SuppressWarnings("ArrayRecordComponent") // a carrier, never compared
  private record MicroBatch(int[] rows, BatchLoss loss, Total squares) {}

  public ShardWorker(SequenceModel model, EpochOrder order, long seed, Kernels kernels) {
    this.model = model;
    this.order = order;
    this.seed = seed;
    this.kernels = kernels;
  }

  /** Description of the kernels. */
  public String kernels() {
    return kernels.description();
  }

  /** Sequences that gradients were computed of so far. */
  public long sequences() {
    return sequences;
  }

  /** Takes the parameters of the next calls from where they lie, or copies them to the device. */
  public void setParameters(Weights weights) {
    if (weights.areOn(kernels)) {
      parameters = weights.tensor();
    } else {
      setParameters(weights.values());
    }
  }

  /** Copies the parameters of the next calls to the device; [P]. */
  public void setParameters(float[] values) {
    if (copied == null) {
      copied = kernels.allocate(1, model.layout().size());
    }
    kernels.write(copied, values, 0);
    parameters = copied;
  }

  /**
   * Adds the gradient sum of a micro-shard's rows of a batch to the next {@link #subtrees}.
   *
   * @param shuffled the micro-shard's order of rows in the step's epoch
   */
  public void add(MicroShard shard, int[] shuffled, ShardStep step) {
    sums.add(FixedTree.leaf(shard.number(), sum(shard, shuffled, step)));
    sums = FixedTree.join(sums, this::plus);
  }

  /**
   * The gradient sums of the greatest subtrees that the micro-shards make up which were added since
   * the last call; each is read from the device once.
   */
  public List<FixedTree.Node<GradientSum>> subtrees() {
    List<FixedTree.Node<GradientSum>> read = new ArrayList<>();
    for (FixedTree.Node<Sum> node : sums) {
      float[] gradient = new float[model.layout().size()];
      kernels.read(node.sum().gradient(), gradient, 0);
      unused.push(node.sum().gradient());
      Found found = node.sum().found().get();
      read.add(
          new FixedTree.Node<>(
              node.first(), node.size(), new GradientSum(gradient, found.sums(), found.failure())));
    }
    sums = new ArrayList<>();
    return read;
  }

  /** As {@link GradientSum#plus}: the left gradient becomes the sum. */
  private Sum plus(Sum left, Sum right) {
    kernels.addScaled(1, right.gradient, left.gradient);
    unused.push(right.gradient);
    return new Sum(left.gradient, () -> left.found.get().plus(right.found.get()));
  }

  private Sum sum(MicroShard shard, int[] shuffled, ShardStep step) {
    Tensor gradients = unused.isEmpty() ? kernels.allocate(1, model.layout().size()) : unused.pop();
    kernels.fill(gradients, 0);
    int[] rows = order.rows(shuffled, shard.number(), step.batch());
    Pass.Dropout dropout = new Pass.Dropout(seed, step.step());
    List<MicroBatch> added = new ArrayList<>();
    int most = order.microBatch() == 0 ? rows.length : order.microBatch();
    for (int from = 0; from < rows.length; from += most) {
      int[] part = Arrays.copyOfRange(rows, from, Math.min(rows.length, from + most));
      SequenceBatch batch = shard.training().batch(part);
      BatchLoss loss = model.lossAndGradient(kernels, parameters, gradients, batch, dropout);
      added.add(new MicroBatch(part, loss, kernels.sumOfSquares(gradients)));
    }
    sequences += rows.length;
    return new Sum(gradients, () -> find(shard, added, dropout));
  }

  private Found find(MicroShard shard, List<MicroBatch> added, Pass.Dropout dropout) {
    LossSums losses = LossSums.ZERO;
    for (MicroBatch microBatch : added) {
      losses = losses.plus(microBatch.loss().sums());
      if (!Double.isFinite(losses.loss()) || !Double.isFinite(microBatch.squares().value())) {
        return new Found(losses, locate(shard.training().batch(microBatch.rows()), dropout));
      }
    }
    return new Found(losses, null);
  }

  private String locate(SequenceBatch batch, Pass.Dropout dropout) {
    try {
      model.requireFinite(kernels, parameters, batch, dropout);
      return "the squared norm of the gradient overflows";
    } catch (NonFiniteException e) {
      return e.getMessage();
    }
  }

  /** The loss sums over a micro-shard's validation rows. */
  public LossSums evaluate(MicroShard shard) {
    Sequences rows = shard.validation();
    LossSums losses = LossSums.ZERO;
    for (int from = 0; from < rows.size(); ) {
      int to = from;
      int steps = 0;
      while (to < rows.size() && (to == from || steps + rows.length(to) <= VALIDATION_STEPS)) {
        steps += rows.length(to++);
      }
      losses = losses.plus(model.evaluate(kernels, parameters, rows.range(from, to)));
      from = to;
    }
    return losses;
  }
}
