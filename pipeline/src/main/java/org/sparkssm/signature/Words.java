package org.sparkssm.signature;

import java.util.ArrayList;
import java.util.List;

/**
 * The words that index a signature: levels ascending, lexicographic inside a level.
 *
 * <p>The word {@code (i_1, ..., i_n)} of level n over {@code d} channels (letters count from 0 in
 * code, from 1 in labels) has index {@code d + ... + d^(n-1) + i_1 d^(n-1) + ... + i_n}. Its label
 * is its letters joined by commas: {@code "1,2"}.
 */
public final class Words {
  private Words() {}

  /** The labels of all words up to {@code depth}, in the order of the signature. */
  public static List<String> labels(int channels, int depth) {
    int width = SignatureSize.arrayWidth(channels, depth);
    List<String> labels = new ArrayList<>(width);
    int levelStart = 0;
    for (int k = 1; k <= depth; k++) {
      int levelEnd = labels.size();
      if (k == 1) {
        for (int i = 1; i <= channels; i++) {
          labels.add(Integer.toString(i));
        }
        continue;
      }
      for (int w = levelStart; w < levelEnd; w++) {
        String prefix = labels.get(w) + ",";
        for (int i = 1; i <= channels; i++) {
          labels.add(prefix + i);
        }
      }
      levelStart = levelEnd;
    }
    return labels;
  }

  /** The label of a word given by its letters, which count from 0. */
  public static String label(int[] word) {
    StringBuilder label = new StringBuilder();
    for (int letter : word) {
      if (label.length() > 0) {
        label.append(',');
      }
      label.append(letter + 1);
    }
    return label.toString();
  }

  /** Where a word, given by its letters from 0, stands in a signature without the leading 1. */
  public static int index(int[] word, int channels) {
    int index = 0;
    for (int letter : word) {
      index = index * channels + letter + 1;
    }
    return index - 1;
  }

  /**
   * Where the levels begin: entry k - 1 is the index of the first word of level k, and the last
   * entry is the width.
   */
  static int[] levelOffsets(int channels, int depth) {
    SignatureSize.arrayWidth(channels, depth);
    int[] offsets = new int[depth + 1];
    int size = 1;
    for (int k = 1; k <= depth; k++) {
      size *= channels;
      offsets[k] = offsets[k - 1] + size;
    }
    return offsets;
  }
}
