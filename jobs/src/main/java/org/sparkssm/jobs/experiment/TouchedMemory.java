package org.sparkssm.jobs.experiment;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalLong;

/**
 * Memory that some work touches, as Linux counts it: the pages of this process that were referenced
 * since the marks were cleared ({@code /proc/self/clear_refs} and {@code smaps_rollup}). What an
 * allocator keeps for later use does not count unless it is used.
 */
final class TouchedMemory {
  private static final Path CLEAR = Path.of("/proc/self/clear_refs");
  private static final Path SUMS = Path.of("/proc/self/smaps_rollup");
  private static final String REFERENCED = "Referenced:";

  private TouchedMemory() {}

  /**
   * Bytes that the work touched, this virtual machine's own among them; empty where the system does
   * not tell.
   */
  static OptionalLong of(Runnable work) {
    if (!Files.isWritable(CLEAR) || !Files.isReadable(SUMS)) {
      work.run();
      return OptionalLong.empty();
    }
    try {
      Files.writeString(CLEAR, "1");
      work.run();
      for (String line : Files.readAllLines(SUMS)) {
        if (line.startsWith(REFERENCED)) {
          String number = line.substring(REFERENCED.length()).replace("kB", "").trim();
          return OptionalLong.of(1024 * Long.parseLong(number));
        }
      }
      return OptionalLong.empty();
    } catch (IOException e) {
      return OptionalLong.empty();
    }
  }
}
