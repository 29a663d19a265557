package org.sparkssm.data;

/** What to do about a missing value (null or NaN) in a channel. */
public enum MissingValuePolicy {
  /** Refuse the data, naming sequence, step and channel. */
  ERROR("error"),

  /**
   * Take the channel's last value; before its first value, take that one. A channel without any
   * value in a sequence is refused.
   */
  FORWARD_FILL("ffill"),

  /** Leave out the step; a sequence without a step left is left out. */
  DROP("drop"),

  /**
   * Append to every channel a mask channel that is 1 where a value was observed and 0 elsewhere,
   * and fill as {@link #FORWARD_FILL} does, but with 0 before the first value.
   */
  MASK("mask");

  /** Ending of a mask channel's name. */
  public static final String MASK_SUFFIX = "_observed";

  private final String option;

  MissingValuePolicy(String option) {
    this.option = option;
  }

  /** The word that names it in options and manifests. */
  public String option() {
    return option;
  }

  /**
   * The policy of a word.
   *
   * @throws InvalidInputException if there is none
   */
  public static MissingValuePolicy of(String option) {
    for (MissingValuePolicy policy : values()) {
      if (policy.option.equals(option)) {
        return policy;
      }
    }
    throw new InvalidInputException(
        "there is no policy '" + option + "' for nulls, expected error, ffill, drop or mask");
  }
}
