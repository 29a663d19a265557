package org.sparkssm.jobs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Data of ten times the heap through generate, features and predict: memory does not grow with the
 * data.
 *
 * <p>The embedded Spark has one heap of 512 MiB for driver and executors. Its working set outside
 * the heap (code, native libraries, buffers) is measured by a run over a tenth of the data.
 */
@Tag("large")
class LargeDataIT {
  private static final String HEAP = "512m";
  private static final int LENGTH = 1000;
  private static final int CHANNELS = 2;

  /** Paths whose values fill ten heaps. */
  private static final long COUNT = 10L * (512 << 20) / (LENGTH * CHANNELS * Float.BYTES);

  @TempDir private Path folder;

  @Test
  void memoryIsFlatFromAHeapfulToTenHeapfuls() {
    long[] small = run("small", COUNT / 10);
    long[] large = run("large", COUNT);
    String[] commands = {"generate", "features", "train", "predict"};
    for (int i = 0; i < commands.length; i++) {
      assertTrue(
          large[i] < small[i] + (256L << 20),
          commands[i]
              + " had "
              + (large[i] >> 20)
              + " MiB resident, against "
              + (small[i] >> 20)
              + " MiB for a tenth of the data");
    }
  }

  /** Peak resident bytes of generate, features, train and predict. */
  private long[] run(String name, long count) {
    String data = folder.resolve(name).resolve("data").toString();
    String features = folder.resolve(name).resolve("features").toString();
    String model = folder.resolve(name).resolve("model").toString();
    String predictions = folder.resolve(name).resolve("predictions").toString();
    Launcher.Result generated =
        command(
            "generate",
            "--task",
            "area",
            "--count",
            Long.toString(count),
            "--length",
            Integer.toString(LENGTH),
            "--seed",
            "5",
            "--shards",
            "16",
            "--output",
            data);
    assertEquals(count, generated.summary().path("rows").asLong());
    Launcher.Result computed =
        command(
            "features",
            "--input",
            data,
            "--output",
            features,
            "--kind",
            "signature",
            "--depth",
            "3",
            "--transform",
            "time");
    Launcher.Result trained =
        command("train", "--input", features, "--output", model, "--model", "linear-readout");
    Launcher.Result predicted =
        command("predict", "--model", model, "--input", features, "--output", predictions);
    JsonNode summary = predicted.summary();
    assertEquals(count, summary.path("rows").asLong());
    return new long[] {
      generated.peakResidentBytes(),
      computed.peakResidentBytes(),
      trained.peakResidentBytes(),
      predicted.peakResidentBytes()
    };
  }

  private static Launcher.Result command(String... arguments) {
    return Launcher.embedded(HEAP, arguments).orFail();
  }
}
