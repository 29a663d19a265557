package org.sparkssm.train;

import java.util.Arrays;
import org.sparkssm.data.InvalidInputException;

/** How the learning rate goes over the optimizer steps; steps count from 0. */
public enum Schedule {
  /** Linear warm-up, then the base rate. */
  CONSTANT("constant") {
    @Override
    double afterWarmup(double base, double minimum, double progress, double dropped) {
      return base;
    }
  },
  /** Linear warm-up, then half a cosine down to the minimum (Loshchilov and Hutter 2017). */
  COSINE("cosine") {
    @Override
    double afterWarmup(double base, double minimum, double progress, double dropped) {
      return minimum + (base - minimum) * (1 + Math.cos(Math.PI * progress)) / 2;
    }
  },
  /** Linear warm-up, then the base rate times a factor that drops every few epochs. */
  STEP("step") {
    @Override
    double afterWarmup(double base, double minimum, double progress, double dropped) {
      return Math.max(minimum, base * dropped);
    }
  };

  private final String word;

  Schedule(String word) {
    this.word = word;
  }

  abstract double afterWarmup(double base, double minimum, double progress, double dropped);

  /** The word for it in options. */
  public String word() {
    return word;
  }

  /** All words. */
  public static String[] words() {
    return Arrays.stream(values()).map(Schedule::word).toArray(String[]::new);
  }

  /**
   * The schedule of that word.
   *
   * @throws InvalidInputException for another word
   */
  public static Schedule of(String word) {
    return Arrays.stream(values())
        .filter(schedule -> schedule.word.equals(word))
        .findFirst()
        .orElseThrow(
            () ->
                new InvalidInputException(
                    "schedule is '" + word + "', expected one of " + String.join(", ", words())));
  }

  /**
   * The rate of one step: {@code base step / warmup} during the warm-up, so 0 at step 0 if there is
   * one.
   *
   * @param total number of steps of the whole training
   * @param dropped product of the drops so far
   */
  double rate(double base, double minimum, long warmup, long total, long step, double dropped) {
    if (step < warmup) {
      return base * step / warmup;
    }
    double progress = Math.min(1, (double) (step - warmup) / Math.max(1, total - warmup));
    return afterWarmup(base, minimum, progress, dropped);
  }
}
