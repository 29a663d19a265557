package org.sparkssm.model;

import java.util.Arrays;

/** What follows the layer of a block. */
public enum BlockActivation {
  /** Nothing. */
  NONE("none"),
  /** {@code x (1 + erf(x / sqrt 2)) / 2}. */
  GELU("gelu"),
  /** A linear map to twice the width, then the gated linear unit. */
  GLU("glu"),
  /** {@link #GELU}, then {@link #GLU}, as after S4 in its authors' code. */
  GELU_GLU("gelu-glu");

  private final String word;

  BlockActivation(String word) {
    this.word = word;
  }

  /** The word for it in a {@link ModelSpec}. */
  public String word() {
    return word;
  }

  /** All words. */
  public static String[] words() {
    return Arrays.stream(values()).map(BlockActivation::word).toArray(String[]::new);
  }

  /**
   * The value of that word.
   *
   * @throws IllegalArgumentException for another word
   */
  public static BlockActivation of(String word) {
    return Arrays.stream(values())
        .filter(value -> value.word.equals(word))
        .findFirst()
        .orElseThrow(() -> new IllegalArgumentException("no BlockActivation is called " + word));
  }
}
