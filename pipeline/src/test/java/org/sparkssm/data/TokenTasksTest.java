package org.sparkssm.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

class TokenTasksTest {
  @Test
  void alternatingGroupIsAGroupWithA5sElementOrders() {
    TreeMap<Integer, Integer> elementsOfOrder = new TreeMap<>();
    for (int p = 0; p < 60; p++) {
      assertEquals(p, AlternatingGroup.product(0, p));
      assertEquals(p, AlternatingGroup.product(p, 0));
      int order = 1;
      for (int power = p; power != 0; power = AlternatingGroup.product(power, p)) {
        order++;
      }
      elementsOfOrder.merge(order, 1, Integer::sum);
      for (int q = 0; q < 60; q++) {
        for (int r = 0; r < 60; r++) {
          assertEquals(
              AlternatingGroup.product(AlternatingGroup.product(p, q), r),
              AlternatingGroup.product(p, AlternatingGroup.product(q, r)));
        }
      }
    }

    // one identity, 15 double transpositions, 20 three-cycles, 24 five-cycles
    assertEquals("{1=1, 2=15, 3=20, 5=24}", elementsOfOrder.toString());
  }

  @Test
  void alternatingGroupElementsAreTheEvenPermutationsInLexicographicOrder() {
    List<String> names = new ArrayList<>();
    for (int p = 0; p < 60; p++) {
      names.add(AlternatingGroup.name(p));
    }

    assertEquals(names.stream().sorted().distinct().toList(), names);
    assertEquals("01234", names.get(0));
    assertEquals("01342", names.get(1));
    assertEquals("43210", names.get(59));
  }

  @Test
  void labelsOfA5AreRunningProducts() {
    AlternatingGroupTask task = new AlternatingGroupTask(LengthRange.of(20), 4);
    Set<Integer> seen = new HashSet<>();
    for (int id = 0; id < 50; id++) {
      Sequence sequence = task.sequence(id);
      String product = "01234";
      for (int l = 0; l < 20; l++) {
        seen.add(sequence.tokens()[l]);
        product = composed(product, AlternatingGroup.name(sequence.tokens()[l]));
        assertEquals(product, AlternatingGroup.name(sequence.labels()[l]));
      }
      assertEquals(sequence.labels()[19], sequence.label());
    }
    assertEquals(60, seen.size());
  }

  /** (p q)(i) = p(q(i)) on images written as digits. */
  private static String composed(String p, String q) {
    StringBuilder images = new StringBuilder();
    for (int i = 0; i < q.length(); i++) {
      images.append(p.charAt(q.charAt(i) - '0'));
    }
    return images.toString();
  }

  @Test
  void labelsOfParityAreRunningSums() {
    Sequence sequence = new ParityTask(LengthRange.of(300), 4).sequence(0);
    int ones = 0;
    for (int l = 0; l < 300; l++) {
      ones += sequence.tokens()[l];
      assertEquals(ones % 2, sequence.labels()[l]);
    }
    assertEquals(150, ones, 50);
    assertEquals(ones % 2, sequence.label());
  }

  @Test
  void selectiveCopyAsksForTheDataTokensInTheirOrder() {
    SelectiveCopyTask task = new SelectiveCopyTask(LengthRange.of(30), 5, 4, 8);
    Set<Integer> places = new HashSet<>();
    for (int id = 0; id < 100; id++) {
      Sequence sequence = task.sequence(id);
      List<Integer> data = new ArrayList<>();
      for (int l = 0; l < 26; l++) {
        assertNull(sequence.labels()[l]);
        assertNotEquals(6, sequence.tokens()[l]);
        if (sequence.tokens()[l] < 5) {
          data.add(sequence.tokens()[l]);
          places.add(l);
        }
      }
      assertEquals(4, data.size());
      for (int m = 0; m < 4; m++) {
        assertEquals(6, sequence.tokens()[26 + m]);
        assertEquals(data.get(m), sequence.labels()[26 + m]);
      }
    }
    assertEquals(26, places.size());
  }

  @Test
  void everyTaskDescribesItself() {
    for (String name : Generators.TASKS) {
      SequenceGenerator generator =
          Generators.create(
              name, new Generators.Parameters(LengthRange.of(40), 1, List.of(2, 1), 0, 8, 4));
      DataSetManifest.Builder manifest = DataSetManifest.builder("test");
      generator.describe(manifest);
      DataSetManifest built = manifest.build();

      assertEquals(name, built.generator());
      assertEquals(1L, built.seed());
      assertTrue(built.channels().isEmpty() == (built.vocabulary() != null), name);
      assertTrue(built.label().perSequence() || built.label().perStep(), name);
    }
  }

  @Test
  void unknownTasksAndImpossibleParametersAreRefused() {
    assertEquals(
        "there is no task 'b5', expected one of area, volume, word, a5, parity, selective-copy",
        assertThrows(
                InvalidInputException.class,
                () ->
                    Generators.create(
                        "b5", new Generators.Parameters(LengthRange.of(4), 1, List.of(), 0, 8, 4)))
            .getMessage());
    assertEquals(
        "lengths must be at least 1 and the smallest not above the largest, found 5 to 4",
        assertThrows(InvalidInputException.class, () -> new LengthRange(5, 4)).getMessage());
    assertThrows(
        InvalidInputException.class, () -> new SelectiveCopyTask(LengthRange.of(7), 5, 4, 8));
  }
}
