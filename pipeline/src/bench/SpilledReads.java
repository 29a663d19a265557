import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.SplittableRandom;

/**
 * Records of a spill file in random order, read by position as SpilledSequences does, and from a
 * mapping: {@code java SpilledReads.java FOLDER MEGABYTES}. The file is in the page cache, as a spill file is
 * unless the machine is short of memory. Prints a JSON object for each size of record.
 */
final class SpilledReads {
  private static final int ROUNDS = 9;

  private SpilledReads() {}

  public static void main(String[] arguments) throws IOException {
    long bytes = Long.parseLong(arguments[1]) << 20;
    Path file = Files.createTempFile(Path.of(arguments[0]), "spill", ".bin");
    try (FileChannel channel =
        FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
      write(channel, bytes);
      for (int record : new int[] {400, 800, 8_000, 80_000}) {
        compare(channel, bytes, record);
      }
    } finally {
      Files.delete(file);
    }
  }

  private static void write(FileChannel channel, long bytes) throws IOException {
    ByteBuffer block = ByteBuffer.allocateDirect(1 << 20);
    for (long at = 0; at < bytes; at += block.capacity()) {
      block.clear();
      channel.write(block, at);
    }
  }

  /** In turn, so that both see the same machine. */
  private static void compare(FileChannel channel, long bytes, int record) throws IOException {
    MappedByteBuffer mapped = channel.map(FileChannel.MapMode.READ_ONLY, 0, bytes);
    long[] order =
        new SplittableRandom(1).longs(Math.min(200_000, 2_000_000_000L / record / 10), 0, bytes / record).toArray();
    double[] byPosition = new double[ROUNDS];
    double[] byMapping = new double[ROUNDS];
    for (int round = -3; round < ROUNDS; round++) { // the first rounds warm up
      long start = System.nanoTime();
      for (long number : order) {
        ByteBuffer buffer = ByteBuffer.allocate(record).order(ByteOrder.LITTLE_ENDIAN);
        channel.read(buffer, number * record);
        consume(buffer.flip());
      }
      long between = System.nanoTime();
      for (long number : order) {
        consume(mapped.slice((int) (number * record), record).order(ByteOrder.LITTLE_ENDIAN));
      }
      long end = System.nanoTime();
      if (round >= 0) {
        byPosition[round] = (between - start) * 1e-3 / order.length;
        byMapping[round] = (end - between) * 1e-3 / order.length;
      }
    }
    System.out.printf(
        "{\"recordBytes\": %d, \"positionMicros\": %.3f, \"mappedMicros\": %.3f}%n",
        record, median(byPosition), median(byMapping));
  }

  private static float kept;

  private static void consume(ByteBuffer buffer) {
    float[] values = new float[buffer.remaining() / Float.BYTES];
    buffer.asFloatBuffer().get(values);
    kept += values[values.length / 2];
  }

  private static double median(double[] micros) {
    Arrays.sort(micros);
    return micros[micros.length / 2];
  }
}
