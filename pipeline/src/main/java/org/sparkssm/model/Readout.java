package org.sparkssm.model;

import java.util.Arrays;

/** Which rows of a sequence the head sees. */
public enum Readout {
  /** The last row. */
  LAST("last"),
  /** The mean of all rows. */
  MEAN("mean"),
  /** Each row by itself. */
  EVERY_STEP("every-step");

  private final String word;

  Readout(String word) {
    this.word = word;
  }

  /** The word for it in a {@link ModelSpec}. */
  public String word() {
    return word;
  }

  /** All words. */
  public static String[] words() {
    return Arrays.stream(values()).map(Readout::word).toArray(String[]::new);
  }

  /**
   * The value of that word.
   *
   * @throws IllegalArgumentException for another word
   */
  public static Readout of(String word) {
    return Arrays.stream(values())
        .filter(value -> value.word.equals(word))
        .findFirst()
        .orElseThrow(() -> new IllegalArgumentException("no Readout is called " + word));
  }
}
