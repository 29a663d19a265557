package org.sparkssm.signature;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;

/**
 * Lyndon words: strictly smaller than each of their proper suffixes. They index a basis of the free
 * Lie algebra (Lothaire, Combinatorics on Words, chapter 5).
 */
public final class LyndonWords {
  private LyndonWords() {}

  /** How many Lyndon words have 1 to {@code depth} letters (Witt's formula), saturated. */
  public static long count(int channels, int depth) {
    long count = 0;
    for (int n = 1; n <= depth; n++) {
      long level = 0;
      for (int k = 1; k <= n; k++) {
        if (n % k == 0) {
          int exponent = n / k;
          double power = Math.pow(channels, exponent);
          if (power > Long.MAX_VALUE / 4.0) {
            return Long.MAX_VALUE;
          }
          level += moebius(k) * power(channels, exponent);
        }
      }
      count += level / n;
    }
    return count;
  }

  /**
   * The Lyndon words of 1 to {@code depth} letters, by length and then lexicographically; letters
   * count from 0.
   */
  public static List<int[]> upTo(int channels, int depth) {
    SignatureSize.requireShape(channels, depth);
    List<int[]> words = new ArrayList<>();
    // Duval's algorithm enumerates them lexicographically.
    int[] letters = new int[depth];
    int length = 1;
    letters[0] = -1;
    while (length > 0) {
      letters[length - 1]++;
      words.add(Arrays.copyOf(letters, length));
      for (int i = length; i < depth; i++) {
        letters[i] = letters[i - length];
      }
      length = depth;
      while (length > 0 && letters[length - 1] == channels - 1) {
        length--;
      }
    }
    words.sort(Comparator.<int[]>comparingInt(word -> word.length).thenComparing(Arrays::compare));
    return words;
  }

  /** The labels of {@link #upTo}. */
  public static List<String> labels(int channels, int depth) {
    return upTo(channels, depth).stream().map(Words::label).toList();
  }

  /** The Lyndon brackets of {@link #upTo}, for example {@code [1,[1,2]]}. */
  public static List<String> brackets(int channels, int depth) {
    return upTo(channels, depth).stream().map(LyndonWords::bracket).toList();
  }

  /** The standard bracketing {@code [u, v]}: v is the longest proper suffix that is Lyndon. */
  static String bracket(int[] word) {
    if (word.length == 1) {
      return Integer.toString(word[0] + 1);
    }
    int split = standardSplit(word);
    return "["
        + bracket(Arrays.copyOf(word, split))
        + ","
        + bracket(Arrays.copyOfRange(word, split, word.length))
        + "]";
  }

  /** Where the longest proper suffix begins that is a Lyndon word. */
  static int standardSplit(int[] word) {
    int split = 1;
    while (!isLyndon(word, split)) {
      split++;
    }
    return split;
  }

  /** Whether the suffix from {@code start} is a Lyndon word. */
  private static boolean isLyndon(int[] word, int start) {
    for (int i = start + 1; i < word.length; i++) {
      if (Arrays.compare(word, start, word.length, word, i, word.length) >= 0) {
        return false;
      }
    }
    return true;
  }

  private static long power(long base, int exponent) {
    long power = 1;
    for (int i = 0; i < exponent; i++) {
      power *= base;
    }
    return power;
  }

  private static int moebius(int n) {
    int sign = 1;
    int rest = n;
    for (int p = 2; p * p <= rest; p++) {
      if (rest % p == 0) {
        rest /= p;
        if (rest % p == 0) {
          return 0;
        }
        sign = -sign;
      }
    }
    return rest > 1 ? -sign : sign;
  }
}
