package org.sparkssm.spark;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;

class WorkerLayoutTest {
  @Property(tries = 200)
  void everyMicroShardHasOneWorkerAndRangesDifferByAtMostOne(
      @ForAll @IntRange(max = 7) int logarithm, @ForAll @IntRange(min = 1, max = 128) int asked) {
    int microShards = 1 << logarithm;
    int workers = Math.min(asked, microShards);
    for (int worker = 0; worker < workers; worker++) {
      int first = WorkerLayout.firstMicroShard(worker, workers, microShards);
      int end = WorkerLayout.firstMicroShard(worker + 1, workers, microShards);
      assertTrue(end - first >= microShards / workers);
      assertTrue(end - first <= (microShards + workers - 1) / workers);
      for (int m = first; m < end; m++) {
        assertEquals(worker, WorkerLayout.workerOf(m, workers, microShards));
      }
    }
  }
}
