package org.sparkssm.model;

import java.util.Arrays;

/** What a model predicts. */
public enum HeadKind {
  /** One number, by squared error. */
  REGRESSION("regression"),
  /** A class for a sequence, by cross-entropy. */
  CLASSIFICATION("classification"),
  /** A class for every step, by cross-entropy. */
  TOKEN_CLASSIFICATION("token-classification");

  private final String word;

  HeadKind(String word) {
    this.word = word;
  }

  /** The word for it in a {@link ModelSpec}. */
  public String word() {
    return word;
  }

  /** All words. */
  public static String[] words() {
    return Arrays.stream(values()).map(HeadKind::word).toArray(String[]::new);
  }

  /**
   * The value of that word.
   *
   * @throws IllegalArgumentException for another word
   */
  public static HeadKind of(String word) {
    return Arrays.stream(values())
        .filter(value -> value.word.equals(word))
        .findFirst()
        .orElseThrow(() -> new IllegalArgumentException("no HeadKind is called " + word));
  }
}
