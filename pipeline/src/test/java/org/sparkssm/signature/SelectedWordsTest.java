package org.sparkssm.signature;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.sparkssm.data.InvalidInputException;

class SelectedWordsTest {
  private static final List<String> LABELS = List.of("2", "3,1", "1,2,3", "3,1", "1");

  @Test
  void entriesAreThoseOfTheWholeSignatureWithTheirLabels() {
    SelectedWords words = SelectedWords.of(3, LABELS);
    double[] path = new SplittableRandom(1).doubles(30, -1, 1).toArray();
    List<String> all = Words.labels(3, 4);
    double[] signature = Signature.of(path, 3, 4);
    double[] found = words.ofPath(path);
    assertEquals(3, words.depth());
    assertArrayEquals(found, words.ofSignature(signature), 1e-13);
    for (int i = 0; i < found.length; i++) {
      assertEquals(signature[all.indexOf(LABELS.get(i))], found[i], 1e-13);
    }
  }

  @Test
  void theGradientIsThatOfFiniteDifferences() {
    SelectedWords words = SelectedWords.of(3, LABELS);
    double[] path = new SplittableRandom(2).doubles(12, -1, 1).toArray();
    double[] gradient = {0.3, -1, 2, 0.5, 0.25};
    double[] found = words.ofPathBackward(path, gradient);
    for (int i = 0; i < path.length; i++) {
      double value = path[i];
      path[i] = value + 1e-6;
      double above = dot(gradient, words.ofPath(path));
      path[i] = value - 1e-6;
      double below = dot(gradient, words.ofPath(path));
      path[i] = value;
      assertEquals((above - below) / 2e-6, found[i], 1e-8);
    }
  }

  @Test
  void labelsThatAreNoWordsAreNamed() {
    for (String label : List.of("", "4", "0,1", "1,,2", "x", "1;2")) {
      InvalidInputException refusal =
          assertThrows(InvalidInputException.class, () -> SelectedWords.of(3, List.of("1", label)));
      assertEquals(
          "the word is '" + label + "', expected numbers from 1 to 3 with commas",
          refusal.getMessage());
    }
    assertThrows(InvalidInputException.class, () -> SelectedWords.of(3, List.of()));
  }

  private static double dot(double[] a, double[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += a[i] * b[i];
    }
    return sum;
  }
}
