package org.sparkssm.train;

import java.io.Serializable;
import org.sparkssm.data.InvalidInputException;

/**
 * How a model is trained. Everything but {@code maxSeconds} decides the bits of the result.
 *
 * @param epochs passes over the training rows
 * @param batchSize sequences per optimizer step
 * @param microBatch sequences of one micro-shard that are in memory at a time, whose gradients are
 *     added up; 0: all of a batch
 * @param microShards S, a power of two
 * @param seed of the order of rows and of dropout
 * @param keepBest whether the parameters of the epoch with the best validation metric are kept
 *     instead of the last ones
 * @param patience training ends after so many epochs without a better validation metric, and keeps
 *     the best; 0: never
 * @param maxSeconds training ends after the epoch in which this time runs out; 0: no limit
 */
public record TrainingSettings(
    int epochs,
    int batchSize,
    int microBatch,
    LearningRate learningRate,
    OptimizerSettings optimizer,
    int microShards,
    long seed,
    boolean keepBest,
    int patience,
    double maxSeconds)
    implements Serializable {

  /** Checks the ranges. */
  public TrainingSettings {
    expect(epochs >= 1, "epochs", epochs, "at least 1");
    expect(batchSize >= 1, "batchSize", batchSize, "at least 1");
    expect(microBatch >= 0, "microBatch", microBatch, "at least 0");
    expect(
        microShards >= 1 && microShards <= 1 << 16 && Integer.bitCount(microShards) == 1,
        "microShards",
        microShards,
        "a power of two from 1 to 65536");
    expect(patience >= 0, "patience", patience, "at least 0");
    expect(maxSeconds >= 0, "maxSeconds", maxSeconds, "at least 0");
  }

  /** Whether the best epoch is kept. */
  boolean keepsBest() {
    return keepBest || patience > 0;
  }

  static void expect(boolean holds, String name, Number found, String expected) {
    if (!holds) {
      throw new InvalidInputException(name + " is " + found + ", expected " + expected);
    }
  }
}
