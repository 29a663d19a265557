package org.sparkssm.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.sparkssm.data.SequenceGenerator.RawMaxima;

class SignatureWordTaskTest {
  private static final int[] PATH = {
    -1, -1, 0, -1, 0, 0, -2, -1, 1, 0, -1, 0, -1, 1, 0, -3, 1, -1, -4, 1, -2
  };

  /** Values of iisignature 0.24, sig(path, 4), for the path above with 7 points in 3 channels. */
  @ParameterizedTest
  @CsvSource({
    "1, -3.0",
    "12, 1.5",
    "21, -7.5",
    "123, -3.3333333333333335",
    "331, -1.3333333333333333",
    "1231, 4.875"
  })
  void coefficientsAgreeWithIisignature(String word, double expected) {
    int[] letters = word.chars().map(digit -> digit - '0').toArray();

    assertEquals(expected, SignatureWordTask.coefficient(PATH, 3, letters), 1e-12);
  }

  @Test
  void areaIsTheSumOverPairsOfIncrements() {
    Sequence sequence = scaledArea(3, 50).sequence(17);
    double area = 0;
    float[] x = sequence.values();
    for (int i = 1; i < sequence.length(); i++) {
      double first = x[2 * i] - x[2 * i - 2];
      double second = x[2 * i + 1] - x[2 * i - 1];
      area += (x[2 * i - 2] - x[0]) * second + first * second / 2;
    }

    PathScale scale = scaledArea(3, 50).scale().orElseThrow();
    assertEquals(area / scale.label(), sequence.label().doubleValue(), 1e-5);
  }

  @Test
  void pathsAreIntegerWalksDividedByTheScaleAndLabelsReachOne() {
    SequenceGenerator area = scaledArea(200, 50);
    double scale = area.scale().orElseThrow().value();
    double largestValue = 0;
    double largestLabel = 0;
    for (int id = 0; id < 200; id++) {
      Sequence sequence = area.sequence(id);
      for (float value : sequence.values()) {
        double walk = value * scale;
        assertEquals(Math.rint(walk), walk, 1e-5);
        largestValue = Math.max(largestValue, Math.abs(value));
      }
      largestLabel = Math.max(largestLabel, Math.abs(sequence.label().doubleValue()));
    }

    assertEquals(1, largestValue);
    assertEquals(1, largestLabel, 1e-15);
  }

  /** round(N(0,1)) has variance 1 + 1/12 up to 1e-8 (Sheppard); the bound is five deviations. */
  @Test
  void incrementsAreRoundedStandardNormals() {
    SequenceGenerator area = new SignatureWordTask("word", new int[] {1}, 1, LengthRange.of(2), 5);
    SequenceGenerator scaled = area.scaledBy(new PathScale(1, 1));
    int count = 200_000;
    double sum = 0;
    double squares = 0;
    for (int id = 0; id < count; id++) {
      double increment = scaled.sequence(id).label().doubleValue();
      sum += increment;
      squares += increment * increment;
    }

    double variance = 1 + 1.0 / 12;
    assertEquals(0, sum / count, 5 * Math.sqrt(variance / count));
    assertEquals(variance, squares / count, 5 * Math.sqrt(2 * variance * variance / count));
  }

  @Test
  void aSequenceDependsOnSeedAndIdAlone() {
    SequenceGenerator once = scaledArea(20, 30);
    SequenceGenerator again = scaledArea(20, 30);
    for (int id = 19; id >= 0; id--) {
      assertArrayEquals(once.sequence(id).values(), again.sequence(id).values());
    }
    assertTrue(
        !java.util.Arrays.equals(once.sequence(1).values(), once.sequence(2).values()),
        "different ids differ");
  }

  @Test
  void lengthsAreUniformOverTheirRange() {
    SequenceGenerator task =
        new SignatureWordTask("area", new int[] {1, 2}, 2, new LengthRange(2, 5), 1)
            .scaledBy(new PathScale(1, 1));
    int[] counts = new int[6];
    for (int id = 0; id < 4000; id++) {
      counts[task.sequence(id).length()]++;
    }

    for (int length = 2; length <= 5; length++) {
      assertEquals(1000, counts[length], 150);
    }
  }

  @Test
  void impossibleWordsAreRefused() {
    InvalidInputException failure =
        assertThrows(
            InvalidInputException.class,
            () -> new SignatureWordTask("word", new int[] {1, 4}, 3, LengthRange.of(9), 0));

    assertEquals(
        "the word 1,4 has the letter 4, expected letters from 1 to the number of channels, 3",
        failure.getMessage());
  }

  private static SequenceGenerator scaledArea(int count, int length) {
    SequenceGenerator raw =
        new SignatureWordTask("area", new int[] {1, 2}, 2, LengthRange.of(length), 9);
    RawMaxima maxima = RawMaxima.NONE;
    for (int id = 0; id < count; id++) {
      maxima = maxima.max(raw.rawMaxima(id));
    }
    return raw.scaledBy(raw.scaleOf(maxima));
  }
}
