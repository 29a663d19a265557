package org.sparkssm.signature;

import java.io.Serializable;
import java.util.Locale;
import org.sparkssm.data.InvalidInputException;

/**
 * Windows over the points of a sequence, each a range {@code [start, end)} of point indices. The
 * increment between the last point of one window and the first of the next belongs to neither.
 *
 * <p>As text: {@code global}, {@code sliding:SIZE:STEP}, {@code expanding:INITIAL:STEP} or {@code
 * dyadic:DEPTH}.
 *
 * @param kind how windows follow one another
 * @param size points of a sliding window, or of the first expanding one; depth of a dyadic division
 * @param step points between the starts of sliding windows, or between the ends of expanding ones
 */
public record Window(Kind kind, int size, int step) implements Serializable {
  private static final long serialVersionUID = 1L;

  /** How windows follow one another. */
  public enum Kind {
    /** One window, the whole sequence. */
    GLOBAL,
    /** {@code [i step, i step + size)} while it fits entirely. */
    SLIDING,
    /** {@code [0, size + i step)} while it fits. */
    EXPANDING,
    /**
     * Levels 0 to {@code size}; level k divides the sequence into {@code 2^k} windows at {@code
     * floor(i length / 2^k)}.
     */
    DYADIC
  }

  private static final int MAX_DYADIC_DEPTH = 24;

  /** Checks sizes. */
  public Window {
    boolean counts = kind == Kind.SLIDING || kind == Kind.EXPANDING;
    if (counts && (size < 1 || step < 1)) {
      throw new InvalidInputException(
          "a "
              + label(kind)
              + " window has size "
              + size
              + " and step "
              + step
              + ", expected both at least 1");
    }
    if (kind == Kind.DYADIC && (size < 0 || size > MAX_DYADIC_DEPTH)) {
      throw new InvalidInputException(
          "a dyadic window has depth " + size + ", expected 0 to " + MAX_DYADIC_DEPTH);
    }
  }

  /** The whole sequence. */
  public static Window global() {
    return new Window(Kind.GLOBAL, 0, 0);
  }

  /** {@code [i step, i step + size)}. */
  public static Window sliding(int size, int step) {
    return new Window(Kind.SLIDING, size, step);
  }

  /** {@code [0, initial + i step)}. */
  public static Window expanding(int initial, int step) {
    return new Window(Kind.EXPANDING, initial, step);
  }

  /** All dyadic divisions down to {@code 2^depth} windows. */
  public static Window dyadic(int depth) {
    return new Window(Kind.DYADIC, depth, 0);
  }

  /**
   * The window of a kind's name with its sizes.
   *
   * @throws InvalidInputException for an unknown kind or impossible sizes
   */
  public static Window of(String kind, int size, int step) {
    for (Kind known : Kind.values()) {
      if (label(known).equalsIgnoreCase(kind.strip())) {
        return new Window(known, size, step);
      }
    }
    throw new InvalidInputException(
        "the window kind is '" + kind + "', expected global, sliding, expanding or dyadic");
  }

  /**
   * Reads the text form.
   *
   * @throws InvalidInputException if it is none
   */
  public static Window parse(String text) {
    String[] parts = text.strip().split(":", -1);
    String expected =
        switch (parts[0].toLowerCase(Locale.ROOT)) {
          case "sliding" -> "sliding:SIZE:STEP";
          case "expanding" -> "expanding:INITIAL:STEP";
          case "dyadic" -> "dyadic:DEPTH";
          default -> "global";
        };
    if (parts.length != expected.split(":", -1).length) {
      throw new InvalidInputException("the window is '" + text + "', expected " + expected);
    }
    try {
      return of(
          parts[0],
          parts.length > 1 ? Integer.parseInt(parts[1].strip()) : 0,
          parts.length > 2 ? Integer.parseInt(parts[2].strip()) : 0);
    } catch (NumberFormatException e) {
      throw new InvalidInputException(
          "the window is '" + text + "', expected " + expected + " with whole numbers", e);
    }
  }

  /** Whether the number of windows is the same for every sequence. */
  public boolean hasFixedCount() {
    return kind == Kind.GLOBAL || kind == Kind.DYADIC;
  }

  /** The number of windows of a sequence of {@code length} points. */
  public int count(int length) {
    return switch (kind) {
      case GLOBAL -> 1;
      case SLIDING, EXPANDING -> length < size ? 0 : (length - size) / step + 1;
      case DYADIC -> (2 << size) - 1;
    };
  }

  /** The windows of a sequence of {@code length} points: start and end of each in turn. */
  public int[] ranges(int length) {
    int count = count(length);
    int[] ranges = new int[Math.multiplyExact(2, count)];
    switch (kind) {
      case GLOBAL -> ranges[1] = length;
      case SLIDING -> {
        for (int i = 0; i < count; i++) {
          ranges[2 * i] = i * step;
          ranges[2 * i + 1] = i * step + size;
        }
      }
      case EXPANDING -> {
        for (int i = 0; i < count; i++) {
          ranges[2 * i + 1] = size + i * step;
        }
      }
      case DYADIC -> {
        int at = 0;
        for (int k = 0; k <= size; k++) {
          for (long i = 0; i < 1L << k; i++) {
            ranges[at++] = (int) ((i * length) >> k);
            ranges[at++] = (int) (((i + 1) * length) >> k);
          }
        }
      }
    }
    return ranges;
  }

  @Override
  public String toString() {
    return switch (kind) {
      case GLOBAL -> "global";
      case SLIDING, EXPANDING -> label(kind) + ":" + size + ":" + step;
      case DYADIC -> "dyadic:" + size;
    };
  }

  private static String label(Kind kind) {
    return kind.name().toLowerCase(Locale.ROOT);
  }
}
