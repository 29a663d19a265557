package org.sparkssm.jobs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A training on data of ten times the heaps of driver and executor together: memory does not grow
 * with the data, which lies in files during the training.
 */
@Tag("large")
class LargeTrainingIT {
  private static final Duration PATIENCE = Duration.ofMinutes(40);
  private static final int LENGTH = 64;
  private static final int CHANNELS = 64;

  /** Heaps of the driver and of one executor. */
  private static final long HEAPS = 2L * (512 << 20);

  private static final long ROWS = 10 * HEAPS / (LENGTH * CHANNELS * Float.BYTES);

  @TempDir private Path folder;

  /** Peak resident bytes. */
  private record Peaks(long driver, long executor) {}

  @Test
  void memoryIsFlatFromAHeapfulToTenHeapfuls() throws Exception {
    Peaks small;
    Peaks large;
    try (TrainingCluster cluster = new TrainingCluster(folder.resolve("cluster"), 2, "2g", "")) {
      small = train(cluster, ROWS / 10);
      large = train(cluster, ROWS);
    }
    assertFlat("the driver", small.driver(), large.driver());
    assertFlat("the executor", small.executor(), large.executor());
  }

  private static void assertFlat(String process, long small, long large) {
    System.out.printf(
        "%s: %d MiB resident for a heapful, %d MiB for ten%n", process, small >> 20, large >> 20);
    assertTrue(
        large < small + (256L << 20),
        process
            + " had "
            + (large >> 20)
            + " MiB resident, against "
            + (small >> 20)
            + " MiB for a tenth of the data");
  }

  private Peaks train(TrainingCluster cluster, long rows) throws Exception {
    long driverPeak = 0;
    long executorPeak = 0;
    try (TrainingCluster.Driver driver = driver(cluster, rows)) {
      while (driver.isAlive()) {
        assertTrue(driver.seconds() < PATIENCE.toSeconds(), driver::toString);
        driverPeak = Math.max(driverPeak, driver.peakResidentBytes());
        for (ProcessHandle executor : cluster.executors()) {
          executorPeak = Math.max(executorPeak, Launcher.peakResidentBytes(executor.pid()));
        }
        Thread.sleep(200);
      }
      assertEquals(1, driver.results("weights", Duration.ofSeconds(5)).size(), driver::toString);
      System.out.printf("%d rows: %.0f s%n", rows, driver.seconds());
    }
    return new Peaks(driverPeak, executorPeak);
  }

  private TrainingCluster.Driver driver(TrainingCluster cluster, long rows) throws IOException {
    List<String> arguments =
        List.of(
            "master=" + cluster.master(),
            "epochs=1",
            "rows=" + rows,
            "values=array_repeat(float(sin(id)), " + LENGTH * CHANNELS + ")",
            "channels=" + CHANNELS,
            "batch=512",
            "spark.executor.cores=2",
            "spark.cores.max=2",
            "spark.executor.memory=512m",
            "spark.sql.shuffle.partitions=64");
    return new TrainingCluster.Driver(folder, arguments.toArray(String[]::new));
  }
}
