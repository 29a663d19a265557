package org.sparkssm.signature;

import java.util.Locale;
import org.sparkssm.data.InvalidInputException;

/** The coordinates a log-signature is given in. */
public enum LogSignatureBasis {
  /** The tensor logarithm at all words, in the order of the signature. */
  EXPANDED,
  /** The tensor logarithm at the Lyndon words. */
  WORDS,
  /** The coefficients of the Lyndon brackets. */
  LYNDON;

  /** The name used in options and SQL: {@code expanded}, {@code words} or {@code lyndon}. */
  public String label() {
    return name().toLowerCase(Locale.ROOT);
  }

  /**
   * The basis of that name, whatever its case.
   *
   * @throws InvalidInputException naming what was found and what is known
   */
  public static LogSignatureBasis of(String name) {
    for (LogSignatureBasis basis : values()) {
      if (basis.label().equalsIgnoreCase(name)) {
        return basis;
      }
    }
    throw new InvalidInputException(
        "the log-signature basis is '" + name + "', expected expanded, words or lyndon");
  }
}
