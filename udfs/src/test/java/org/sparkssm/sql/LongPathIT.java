package org.sparkssm.sql;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** One path of 50 million points in shuffled rows, in a heap of 512 MiB. */
@Tag("large")
class LongPathIT {
  private static final long COUNT = 50_000_000;

  @TempDir private Path folder;

  @Test
  void memoryDoesNotGrowWithTheLengthOfAPath() throws IOException, InterruptedException {
    long small = peakResidentBytes(COUNT / 10);
    long large = peakResidentBytes(COUNT);
    System.out.println("peak resident MiB: " + (small >> 20) + ", " + (large >> 20));
    assertTrue(
        large < small + (128L << 20),
        (large >> 20) + " MiB resident, against " + (small >> 20) + " MiB for a tenth");
  }

  private long peakResidentBytes(long count) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(ProcessHandle.current().info().command().orElseThrow());
    ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
        .filter(argument -> argument.startsWith("--add-opens") || argument.startsWith("-XX"))
        .forEach(command::add);
    command.addAll(List.of("-Xmx512m", "-cp", System.getProperty("java.class.path")));
    command.addAll(
        List.of(LongPathProgram.class.getName(), Long.toString(count), folder.toString()));
    Path out = folder.resolve("out" + count);
    Path err = folder.resolve("err" + count);
    Process process =
        new ProcessBuilder(command)
            .redirectOutput(out.toFile())
            .redirectError(err.toFile())
            .start();
    long peak = 0;
    while (!process.waitFor(200, TimeUnit.MILLISECONDS)) {
      peak = Math.max(peak, highWaterMark(process.pid()));
    }
    assertEquals(0, process.exitValue(), () -> tail(err));
    String[] found =
        Files.readAllLines(out).stream()
            .filter(line -> line.startsWith(LongPathProgram.PREFIX))
            .findFirst()
            .orElseThrow()
            .substring(LongPathProgram.PREFIX.length())
            .split(" ");
    double[] signature = Arrays.stream(found).mapToDouble(Double::parseDouble).toArray();
    IteratedSums sums = new IteratedSums(2);
    for (long t = 0; t < count; t++) {
      sums.add(LongPathProgram.point(t));
    }
    double[] expected = sums.upTo(LongPathProgram.DEPTH);
    double scale = Arrays.stream(expected).map(Math::abs).max().orElseThrow();
    assertArrayEquals(expected, signature, 1e-10 * scale);
    return peak;
  }

  private static String tail(Path file) {
    try {
      List<String> lines = Files.readAllLines(file);
      return String.join("\n", lines.subList(Math.max(0, lines.size() - 50), lines.size()));
    } catch (IOException e) {
      return e.toString();
    }
  }

  private static long highWaterMark(long pid) throws IOException {
    try {
      return Files.readAllLines(Path.of("/proc", Long.toString(pid), "status")).stream()
          .filter(line -> line.startsWith("VmHWM:"))
          .mapToLong(line -> 1024 * Long.parseLong(line.replaceAll("[^0-9]", "")))
          .findFirst()
          .orElse(0);
    } catch (NoSuchFileException e) {
      return 0; // ended meanwhile
    }
  }
}
