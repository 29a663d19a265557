package org.sparkssm.data;

/** The splits of a data set into training and validation rows, and into those and test rows. */
public final class Split {
  /** Keeps the split apart from other draws under the same seed. */
  private static final long SALT = 0x5b1173a71d0ffe11L;

  private static final long TEST_SALT = 0x7e57da7a5e7c4d0bL;

  private Split() {}

  /**
   * Whether a row belongs to the validation split; a function of its id alone, so that every job
   * agrees and a growing data set keeps its split.
   *
   * @param fraction expected share of validation rows, in [0, 1]
   */
  public static boolean isValidation(long id, double fraction, long seed) {
    return draw(seed, SALT, id) < fraction;
  }

  /**
   * Whether a row belongs to the test split that an import makes; independent of {@link
   * #isValidation} for the same seed.
   *
   * @param fraction expected share of test rows, in [0, 1]
   */
  public static boolean isTest(long id, double fraction, long seed) {
    return draw(seed, TEST_SALT, id) < fraction;
  }

  /** Uniform in [0, 1). */
  private static double draw(long seed, long salt, long id) {
    return (SeededRandom.hash(seed, salt, id) >>> 11) * 0x1.0p-53;
  }
}
