package org.sparkssm.train;

import java.util.Arrays;
import org.sparkssm.data.InvalidInputException;

/** The rules by which a mean gradient moves the parameters. */
public enum OptimizerKind {
  /** Kingma and Ba 2015; weight decay is added to the gradient. */
  ADAM("adam"),
  /** Loshchilov and Hutter 2019: weight decay apart from the gradient. */
  ADAMW("adamw"),
  /**
   * Stochastic gradient descent with momentum: {@code m = momentum m + g}, {@code p = p - rate m};
   * weight decay is added to the gradient.
   */
  SGD("sgd");

  private final String word;

  OptimizerKind(String word) {
    this.word = word;
  }

  /** The word for it in options. */
  public String word() {
    return word;
  }

  /** All words. */
  public static String[] words() {
    return Arrays.stream(values()).map(OptimizerKind::word).toArray(String[]::new);
  }

  /**
   * The kind of that word.
   *
   * @throws InvalidInputException for another word
   */
  public static OptimizerKind of(String word) {
    return Arrays.stream(values())
        .filter(kind -> kind.word.equals(word))
        .findFirst()
        .orElseThrow(
            () ->
                new InvalidInputException(
                    "optimizer is '%s', expected one of %s"
                        .formatted(word, String.join(", ", words()))));
  }
}
