package org.sparkssm.train;

import org.sparkssm.data.InvalidInputException;

/**
 * How a model is trained. Everything but {@code maxSeconds} decides the bits of the result.
 *
 * @param epochs passes over the training rows
 * @param batchSize sequences per optimizer step
 * @param learningRate greatest rate of the schedule
 * @param schedule of the learning rate; its minimum is 0
 * @param warmupFraction share of all steps over which the rate rises linearly
 * @param weightDecay of AdamW, on weight matrices only
 * @param gradientClip greatest Euclidean norm of the mean gradient; 0: no limit
 * @param microShards S, a power of two
 * @param seed of the order of rows and of dropout
 * @param keepBest whether the parameters of the epoch with the best validation metric are kept
 *     instead of the last ones
 * @param maxSeconds training ends after the epoch in which this time runs out; 0: no limit
 */
public record TrainingSettings(
    int epochs,
    int batchSize,
    double learningRate,
    Schedule schedule,
    double warmupFraction,
    double weightDecay,
    double gradientClip,
    int microShards,
    long seed,
    boolean keepBest,
    double maxSeconds) {

  /** Checks the ranges. */
  public TrainingSettings {
    expect(epochs >= 1, "epochs", epochs, "at least 1");
    expect(batchSize >= 1, "batchSize", batchSize, "at least 1");
    expect(learningRate > 0 && learningRate < 1e3, "learningRate", learningRate, "above 0");
    expect(
        warmupFraction >= 0 && warmupFraction < 1, "warmupFraction", warmupFraction, "in [0, 1)");
    expect(weightDecay >= 0, "weightDecay", weightDecay, "at least 0");
    expect(gradientClip >= 0, "gradientClip", gradientClip, "at least 0");
    expect(
        microShards >= 1 && microShards <= 1 << 16 && Integer.bitCount(microShards) == 1,
        "microShards",
        microShards,
        "a power of two from 1 to 65536");
    expect(maxSeconds >= 0, "maxSeconds", maxSeconds, "at least 0");
  }

  private static void expect(boolean holds, String name, Number found, String expected) {
    if (!holds) {
      throw new InvalidInputException(name + " is " + found + ", expected " + expected);
    }
  }
}
