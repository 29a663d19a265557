package org.sparkssm.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class EpochOrderTest {
  @ParameterizedTest
  @CsvSource({"100, 8, 32", "7, 8, 3", "64, 4, 6", "1, 1, 1", "33, 2, 64"})
  void everyRowIsTakenOnceAnEpochInBatchesOfTheRightSize(int rows, int shards, int batch) {
    EpochOrder order = new EpochOrder(rows, shards, batch, 0, 1);
    int[][] seen = new int[shards][];
    for (int m = 0; m < shards; m++) {
      seen[m] = new int[(rows - m + shards - 1) / shards];
    }
    for (long k = 0; k < order.stepsPerEpoch(); k++) {
      int taken = 0;
      for (int m = 0; m < shards; m++) {
        for (int row : order.rows(order.shuffled(3, m, seen[m].length), m, k)) {
          seen[m][row]++;
          taken++;
        }
      }
      assertEquals(Math.min(batch, rows - k * batch), taken);
    }
    assertTrue(Arrays.stream(seen).flatMapToInt(Arrays::stream).allMatch(times -> times == 1));
  }

  @Test
  void theOrderDependsOnSeedEpochAndMicroShard() {
    EpochOrder order = new EpochOrder(1000, 2, 10, 0, 1);
    int[] first = order.shuffled(1, 0, 100);
    assertEquals(Arrays.hashCode(first), Arrays.hashCode(order.shuffled(1, 0, 100)));
    assertNotEquals(Arrays.hashCode(first), Arrays.hashCode(order.shuffled(2, 0, 100)));
    assertNotEquals(Arrays.hashCode(first), Arrays.hashCode(order.shuffled(1, 1, 100)));
    EpochOrder other = new EpochOrder(1000, 2, 10, 0, 2);
    assertNotEquals(Arrays.hashCode(first), Arrays.hashCode(other.shuffled(1, 0, 100)));
    assertEquals(IntStream.range(0, 100).sum(), Arrays.stream(first).sum());
  }
}
