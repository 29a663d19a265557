package org.sparkssm.jobs.experiment;

import java.util.Arrays;
import java.util.Locale;
import org.sparkssm.data.InvalidInputException;

/** How much an experiment does. */
public enum Scale {
  /** Minutes: shows that everything runs, not what the theory says. */
  QUICK,

  /** A night on two cores. */
  STANDARD,

  /** The sizes and the five seeds of the paper. */
  FULL;

  /**
   * The scale of a name in lower case.
   *
   * @throws InvalidInputException if there is none of that name
   */
  public static Scale of(String word) {
    return Arrays.stream(values())
        .filter(scale -> scale.word().equals(word))
        .findFirst()
        .orElseThrow(
            () ->
                new InvalidInputException(
                    "--scale is '" + word + "', expected quick, standard or full"));
  }

  /** The name in lower case. */
  public String word() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** The value for this scale. */
  <T> T pick(T quick, T standard, T full) {
    return switch (this) {
      case QUICK -> quick;
      case STANDARD -> standard;
      case FULL -> full;
    };
  }
}
