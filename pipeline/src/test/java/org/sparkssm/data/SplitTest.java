package org.sparkssm.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

class SplitTest {
  @Test
  void validationRowsHaveTheExpectedShare() {
    assertEquals(2_000, validationRows(10_000, 1, 0.2).size(), 120);
    assertEquals(0, validationRows(10_000, 1, 0).size());
    assertEquals(10_000, validationRows(10_000, 1, 1).size());
  }

  @Test
  void aLargerFractionKeepsTheRowsOfASmallerOne() {
    assertTrue(validationRows(1000, 3, 0.2).containsAll(validationRows(1000, 3, 0.1)));
  }

  @Test
  void theSplitDependsOnTheSeed() {
    assertNotEquals(validationRows(100, 1, 0.5), validationRows(100, 2, 0.5));
  }

  private static List<Long> validationRows(long rows, long seed, double fraction) {
    return LongStream.range(0, rows)
        .filter(id -> Split.isValidation(id, fraction, seed))
        .boxed()
        .toList();
  }
}
