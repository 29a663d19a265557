package org.sparkssm.spark;

import com.esotericsoftware.kryo.DefaultSerializer;
import com.esotericsoftware.kryo.serializers.JavaSerializer;
import java.io.File;
import java.io.IOException;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.lang.ref.Cleaner;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.concurrent.CancellationException;
import org.apache.spark.SparkEnv;
import org.sparkssm.model.SequenceBatch;
import org.sparkssm.train.LabelledSequence;
import org.sparkssm.train.PackedSequences;
import org.sparkssm.train.Sequences;

/**
 * Sequences in a file under Spark's local directory, one {@link SequenceRecord} each; 8 bytes a
 * sequence stay in memory. The file goes when the object is no longer reachable, and with the
 * process.
 *
 * <p>Records are read by position, through the page cache, and not mapped: mapped pages would count
 * as memory of the process, which cluster managers limit, and a disk that fails would end the JVM.
 * A record of 800 bytes takes 1.3 us so, and 0.6 us from a mapping (row {@code spill} of {@code
 * src/bench/training.py}).
 *
 * <p>Where Spark sends it to another process, its content goes along into a file of that process.
 */
@DefaultSerializer(JavaSerializer.class)
final class SpilledSequences implements Sequences, Serializable {
  private static final long serialVersionUID = 1L;

  private static final Cleaner CLEANER = Cleaner.create();

  private transient File file;
  private transient FileChannel channel;
  private boolean labelPerStep;
  private int count;

  /** Where each record begins, and where the last one ends. */
  private long[] offsets;

  private SpilledSequences(Writer writer) {
    labelPerStep = writer.labelPerStep;
    count = writer.count;
    offsets = Arrays.copyOf(writer.offsets, count + 1);
    file = writer.file;
    channel = writer.channel;
    removeWhenUnreachable();
  }

  private void removeWhenUnreachable() {
    File removed = file;
    FileChannel closed = channel;
    CLEANER.register(
        this,
        () -> {
          try {
            closed.close();
            Files.deleteIfExists(removed.toPath());
          } catch (IOException e) {
            // Spark removes its local directories when the process ends.
          }
        });
  }

  @Override
  public int size() {
    return count;
  }

  @Override
  public int length(int row) {
    return SequenceRecord.length(read(row, SequenceRecord.HEADER_BYTES));
  }

  @Override
  public SequenceBatch batch(int... rows) {
    PackedSequences.Builder batch = PackedSequences.builder(labelPerStep);
    for (int row : rows) {
      batch.add(SequenceRecord.read(read(row, Math.toIntExact(offsets[row + 1] - offsets[row]))));
    }
    return batch.build().range(0, rows.length);
  }

  private ByteBuffer read(int row, int bytes) {
    ByteBuffer record = SequenceRecord.buffer(bytes);
    try {
      while (record.hasRemaining()) {
        if (channel.read(record, offsets[row] + record.position()) < 0) {
          throw new IOException("it ends early");
        }
      }
    } catch (ClosedByInterruptException e) {
      CancellationException cancelled = new CancellationException("training was interrupted");
      cancelled.initCause(e);
      throw cancelled;
    } catch (IOException e) {
      throw new UncheckedIOException("the spilled sequences in " + file + " cannot be read", e);
    }
    return record.flip();
  }

  private void writeObject(ObjectOutputStream out) throws IOException {
    out.defaultWriteObject();
    for (int row = 0; row < count; row++) {
      out.write(read(row, Math.toIntExact(offsets[row + 1] - offsets[row])).array());
    }
  }

  private void readObject(ObjectInputStream in) throws IOException, ClassNotFoundException {
    in.defaultReadObject();
    Writer writer = new Writer(labelPerStep);
    for (int row = 0; row < count; row++) {
      byte[] record = new byte[Math.toIntExact(offsets[row + 1] - offsets[row])];
      in.readFully(record);
      writer.add(record);
    }
    writer.flush();
    file = writer.file;
    channel = writer.channel;
    removeWhenUnreachable();
  }

  /** Writes sequences one after another. */
  static final class Writer {
    private static final int BUFFER_BYTES = 1 << 20;

    private final boolean labelPerStep;
    private final File file;
    private final FileChannel channel;
    private ByteBuffer buffer = SequenceRecord.buffer(BUFFER_BYTES);
    private int count;
    private long[] offsets = new long[17];

    Writer(boolean labelPerStep) {
      this.labelPerStep = labelPerStep;
      file = SparkEnv.get().blockManager().diskBlockManager().createTempLocalBlock()._2();
      try {
        channel =
            FileChannel.open(
                file.toPath(),
                StandardOpenOption.CREATE_NEW,
                StandardOpenOption.READ,
                StandardOpenOption.WRITE);
      } catch (IOException e) {
        throw unwritable(e);
      }
    }

    void add(LabelledSequence sequence) {
      int bytes = SequenceRecord.bytes(sequence);
      makeRoom(bytes);
      SequenceRecord.write(sequence, buffer);
      added(bytes);
    }

    private void add(byte[] record) {
      makeRoom(record.length);
      buffer.put(record);
      added(record.length);
    }

    private void makeRoom(int bytes) {
      if (buffer.remaining() < bytes) {
        flush();
      }
      if (buffer.remaining() < bytes) {
        buffer = SequenceRecord.buffer(bytes);
      }
    }

    private void added(int bytes) {
      if (count + 2 > offsets.length) {
        offsets = Arrays.copyOf(offsets, 2 * offsets.length);
      }
      offsets[count + 1] = offsets[count] + bytes;
      count++;
    }

    private void flush() {
      buffer.flip();
      try {
        while (buffer.hasRemaining()) {
          channel.write(buffer);
        }
      } catch (IOException e) {
        discard();
        throw unwritable(e);
      }
      buffer.clear();
    }

    private void discard() {
      try {
        channel.close();
        Files.deleteIfExists(file.toPath());
      } catch (IOException e) {
        // Spark removes its local directories when the process ends.
      }
    }

    private UncheckedIOException unwritable(IOException e) {
      return new UncheckedIOException(
          "sequences cannot be spilled to " + file + ": " + e.getMessage(), e);
    }

    SpilledSequences finish() {
      flush();
      buffer = null;
      return new SpilledSequences(this);
    }
  }
}
