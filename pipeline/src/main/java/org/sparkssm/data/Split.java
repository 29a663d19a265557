package org.sparkssm.data;

/** The split of a data set into training and validation rows. */
public final class Split {
  /** Keeps the split apart from other draws under the same seed. */
  private static final long SALT = 0x5b1173a71d0ffe11L;

  private Split() {}

  /**
   * Whether a row belongs to the validation split; a function of its id alone, so that every job
   * agrees and a growing data set keeps its split.
   *
   * @param fraction expected share of validation rows, in [0, 1]
   */
  public static boolean isValidation(long id, double fraction, long seed) {
    return (SeededRandom.hash(seed, SALT, id) >>> 11) * 0x1.0p-53 < fraction;
  }
}
