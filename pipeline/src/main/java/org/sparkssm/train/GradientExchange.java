package org.sparkssm.train;

import org.sparkssm.model.LossSums;

/**
 * How the sums over all micro-shards come together among the workers of a training. Every
 * implementation adds along {@link FixedTree}, so that all give the same bits.
 */
public interface GradientExchange extends AutoCloseable {

  /** What runs where, for logs. */
  String description();

  /**
   * The gradient sum of one global batch.
   *
   * @return to be read only, and before the next call but one
   */
  GradientSum gradient(Weights weights, ShardStep step);

  /** The loss sums over all validation rows. */
  LossSums evaluate(Weights weights);

  /**
   * One number for all workers that share the training: what the first of them passes. All must ask
   * at the same point. Where there is one worker, its own number.
   */
  default long agreed(long own) {
    return own;
  }

  /**
   * Checks that all workers that share the training hold the same bits. All must ask at the same
   * point.
   *
   * @throws IllegalStateException if they differ
   */
  default void requireEqual(Weights weights, long step) {}

  @Override
  void close();
}
