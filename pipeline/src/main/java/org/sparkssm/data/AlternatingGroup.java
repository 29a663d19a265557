package org.sparkssm.data;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The alternating group A5: the 60 even permutations of {0,...,4}, numbered in lexicographic order,
 * so 0 is the identity.
 *
 * <p>The product is (p q)(i) = p(q(i)).
 */
public final class AlternatingGroup {
  /** Number of elements. */
  public static final int ORDER = 60;

  private static final int POINTS = 5;
  private static final List<int[]> ELEMENTS = elements();
  private static final int[][] PRODUCTS = products();

  private AlternatingGroup() {}

  /** The number of the product of two elements. */
  public static int product(int p, int q) {
    return PRODUCTS[p][q];
  }

  /** The images of 0..4 under an element, as five digits, for example 12034. */
  public static String name(int element) {
    StringBuilder digits = new StringBuilder();
    for (int image : ELEMENTS.get(element)) {
      digits.append(image);
    }
    return digits.toString();
  }

  private static List<int[]> elements() {
    List<int[]> even = new ArrayList<>();
    extend(new int[POINTS], 0, even);
    return List.copyOf(even);
  }

  private static void extend(int[] images, int fixed, List<int[]> even) {
    if (fixed == POINTS) {
      if (isEven(images)) {
        even.add(images.clone());
      }
      return;
    }
    for (int image = 0; image < POINTS; image++) {
      int candidate = image;
      if (Arrays.stream(images, 0, fixed).noneMatch(taken -> taken == candidate)) {
        images[fixed] = image;
        extend(images, fixed + 1, even);
      }
    }
  }

  private static boolean isEven(int[] images) {
    int inversions = 0;
    for (int i = 0; i < POINTS; i++) {
      for (int j = i + 1; j < POINTS; j++) {
        if (images[i] > images[j]) {
          inversions++;
        }
      }
    }
    return inversions % 2 == 0;
  }

  private static int[][] products() {
    int[][] table = new int[ORDER][ORDER];
    for (int p = 0; p < ORDER; p++) {
      for (int q = 0; q < ORDER; q++) {
        table[p][q] = indexOf(composed(ELEMENTS.get(p), ELEMENTS.get(q)));
      }
    }
    return table;
  }

  private static int[] composed(int[] p, int[] q) {
    int[] images = new int[POINTS];
    for (int i = 0; i < POINTS; i++) {
      images[i] = p[q[i]];
    }
    return images;
  }

  private static int indexOf(int[] images) {
    for (int element = 0; element < ORDER; element++) {
      if (Arrays.equals(ELEMENTS.get(element), images)) {
        return element;
      }
    }
    throw new IllegalStateException("A5 is not closed under its product");
  }
}
