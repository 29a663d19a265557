package org.sparkssm.train;

import java.io.Serializable;

/**
 * The learning rate of every optimizer step; its minimum is 0.
 *
 * @param greatest after the warm-up
 * @param schedule after the warm-up
 * @param warmupFraction share of all steps over which the rate rises linearly, in [0, 1)
 * @param stepEpochs with {@link Schedule#STEP}: epochs between two drops
 * @param stepFactor with {@link Schedule#STEP}: what the rate is multiplied by in a drop
 */
public record LearningRate(
    double greatest, Schedule schedule, double warmupFraction, int stepEpochs, double stepFactor)
    implements Serializable {

  /** Checks the ranges. */
  public LearningRate {
    TrainingSettings.expect(
        greatest > 0 && greatest < 1e3, "learningRate", greatest, "above 0 and below 1000");
    TrainingSettings.expect(
        warmupFraction >= 0 && warmupFraction < 1, "warmupFraction", warmupFraction, "in [0, 1)");
    TrainingSettings.expect(stepEpochs >= 1, "stepEpochs", stepEpochs, "at least 1");
    TrainingSettings.expect(
        stepFactor > 0 && stepFactor <= 1, "stepFactor", stepFactor, "above 0 and at most 1");
  }

  /** Without drops. */
  public static LearningRate of(double greatest, Schedule schedule, double warmupFraction) {
    return new LearningRate(greatest, schedule, warmupFraction, 1, 1);
  }

  /**
   * The rate of a step.
   *
   * @param step from 1
   * @param epochs of the whole training
   */
  double at(long step, long stepsPerEpoch, int epochs) {
    long total = stepsPerEpoch * epochs;
    long warmup = Math.round(warmupFraction * total);
    long drops = (step - 1) / stepsPerEpoch / stepEpochs;
    return schedule.rate(
        greatest, 0, warmup, total, step - 1, Math.pow(stepFactor, (double) drops));
  }
}
