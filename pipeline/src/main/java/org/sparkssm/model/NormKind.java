package org.sparkssm.model;

import java.util.Arrays;

/** Norms over the columns of a row. */
public enum NormKind {
  /** No norm. */
  NONE("none"),
  /** {@code x / sqrt(mean(x^2) + 1e-5) gamma}. */
  RMS("rms"),
  /** {@code (x - mean) / sqrt(var + 1e-5) gamma + beta}. */
  LAYER("layer");

  private final String word;

  NormKind(String word) {
    this.word = word;
  }

  /** The word for it in a {@link ModelSpec}. */
  public String word() {
    return word;
  }

  /** All words. */
  public static String[] words() {
    return Arrays.stream(values()).map(NormKind::word).toArray(String[]::new);
  }

  /**
   * The value of that word.
   *
   * @throws IllegalArgumentException for another word
   */
  public static NormKind of(String word) {
    return Arrays.stream(values())
        .filter(value -> value.word.equals(word))
        .findFirst()
        .orElseThrow(() -> new IllegalArgumentException("no NormKind is called " + word));
  }
}
