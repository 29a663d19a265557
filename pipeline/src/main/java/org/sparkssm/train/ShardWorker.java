package org.sparkssm.train;

import java.util.Arrays;
import org.sparkssm.kernel.Kernels;
import org.sparkssm.kernel.Tensor;
import org.sparkssm.model.LossSums;
import org.sparkssm.model.NonFiniteException;
import org.sparkssm.model.Pass;
import org.sparkssm.model.SequenceBatch;
import org.sparkssm.model.SequenceModel;

/**
 * What one thread does for the micro-shards it is given: gradient sums and validation sums, each a
 * function of the micro-shard, the parameters and the step alone. Belongs to one thread at a time.
 */
public final class ShardWorker implements AutoCloseable {
  /** Bounds the memory of a validation batch, in steps of all its sequences together. */
  private static final int VALIDATION_STEPS = 1 << 13;

  private final SequenceModel model;
  private final EpochOrder order;
  private final long seed;
  private final Kernels kernels;
  private final Tensor parameters;
  private final Tensor gradients;
  private long sequences;

  /**
   * @param kernels closed with this worker
   */
  public ShardWorker(SequenceModel model, EpochOrder order, long seed, Kernels kernels) {
    this.model = model;
    this.order = order;
    this.seed = seed;
    this.kernels = kernels;
    this.parameters = kernels.allocate(1, model.layout().size());
    this.gradients = kernels.allocate(1, model.layout().size());
  }

  /** Description of the kernels. */
  public String kernels() {
    return kernels.description();
  }

  /** Sequences that gradients were computed of so far. */
  public long sequences() {
    return sequences;
  }

  /** Takes over the parameters of the next calls; [P]. */
  public void setParameters(float[] values) {
    kernels.write(parameters, values, 0);
  }

  /**
   * The gradient sum of a micro-shard's rows of a batch.
   *
   * @param shuffled the micro-shard's order of rows in the step's epoch
   */
  public GradientSum gradient(MicroShard shard, int[] shuffled, ShardStep step) {
    float[] gradient = new float[model.layout().size()];
    int[] rows = order.rows(shuffled, shard.number(), step.batch());
    if (rows.length == 0) {
      return new GradientSum(gradient, LossSums.ZERO, null);
    }
    Pass.Dropout dropout = new Pass.Dropout(seed, step.step());
    kernels.fill(gradients, 0);
    LossSums sums = LossSums.ZERO;
    String failure = null;
    int most = order.microBatch() == 0 ? rows.length : order.microBatch();
    for (int from = 0; from < rows.length && failure == null; from += most) {
      int to = Math.min(rows.length, from + most);
      SequenceBatch batch = shard.training().batch(Arrays.copyOfRange(rows, from, to));
      sums = sums.plus(model.lossAndGradient(kernels, parameters, gradients, batch, dropout));
      if (!Double.isFinite(sums.loss()) || !Double.isFinite(kernels.sumOfSquares(gradients))) {
        failure = locate(batch, dropout);
      }
    }
    kernels.read(gradients, gradient, 0);
    sequences += rows.length;
    return new GradientSum(gradient, sums, failure);
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
    LossSums sums = LossSums.ZERO;
    for (int from = 0; from < rows.size(); ) {
      int to = from;
      int steps = 0;
      while (to < rows.size() && (to == from || steps + rows.length(to) <= VALIDATION_STEPS)) {
        steps += rows.length(to++);
      }
      sums = sums.plus(model.evaluate(kernels, parameters, rows.range(from, to)));
      from = to;
    }
    return sums;
  }

  @Override
  public void close() {
    kernels.close();
  }
}
