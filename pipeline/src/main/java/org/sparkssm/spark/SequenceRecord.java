package org.sparkssm.spark;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.sparkssm.train.LabelledSequence;

/**
 * The fixed form of one sequence in a file, little-endian:
 *
 * <pre>
 * id      int64
 * length  int32       L
 * channels int32      C, 0 for tokens
 * labels  int32       number of labels K
 * parts   int32       1: times, 2: tokens, 4: labels, 8: weights
 * times   float64[L]  if there are any
 * labels  float64[K]
 * weights float32[K]
 * values  float32[L C], or tokens int32[L]
 * </pre>
 */
final class SequenceRecord {
  static final int HEADER_BYTES = Long.BYTES + 4 * Integer.BYTES;

  private static final int LENGTH_PLACE = Long.BYTES;
  private static final int TIMES = 1;
  private static final int TOKENS = 2;
  private static final int LABELS = 4;
  private static final int WEIGHTS = 8;

  private SequenceRecord() {}

  /** An empty buffer for records. */
  static ByteBuffer buffer(int bytes) {
    return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  /** The size of a record. */
  static int bytes(LabelledSequence sequence) {
    long numbers = sequence.tokens() != null ? sequence.length() : sequence.values().length;
    long bytes = HEADER_BYTES + numbers * Float.BYTES;
    bytes += sequence.times() == null ? 0 : (long) sequence.length() * Double.BYTES;
    bytes += sequence.labels() == null ? 0 : (long) sequence.labels().length * Double.BYTES;
    bytes += sequence.weights() == null ? 0 : (long) sequence.weights().length * Float.BYTES;
    return Math.toIntExact(bytes);
  }

  /** The length of the sequence whose record begins here. */
  static int length(ByteBuffer record) {
    return record.getInt(LENGTH_PLACE);
  }

  /** Puts a record at the buffer's position. */
  static void write(LabelledSequence sequence, ByteBuffer to) {
    to.putLong(sequence.id());
    to.putInt(sequence.length());
    to.putInt(sequence.channels());
    to.putInt(sequence.labels() == null ? 0 : sequence.labels().length);
    to.putInt(
        (sequence.times() == null ? 0 : TIMES)
            | (sequence.tokens() == null ? 0 : TOKENS)
            | (sequence.labels() == null ? 0 : LABELS)
            | (sequence.weights() == null ? 0 : WEIGHTS));
    if (sequence.times() != null) {
      to.asDoubleBuffer().put(sequence.times());
      skip(to, sequence.times().length * Double.BYTES);
    }
    if (sequence.labels() != null) {
      to.asDoubleBuffer().put(sequence.labels());
      skip(to, sequence.labels().length * Double.BYTES);
    }
    if (sequence.weights() != null) {
      to.asFloatBuffer().put(sequence.weights());
      skip(to, sequence.weights().length * Float.BYTES);
    }
    if (sequence.tokens() != null) {
      to.asIntBuffer().put(sequence.tokens());
      skip(to, sequence.tokens().length * Integer.BYTES);
    } else {
      to.asFloatBuffer().put(sequence.values());
      skip(to, sequence.values().length * Float.BYTES);
    }
  }

  /** Takes a record from the buffer's position. */
  static LabelledSequence read(ByteBuffer from) {
    long id = from.getLong();
    int length = from.getInt();
    int channels = from.getInt();
    int labelCount = from.getInt();
    int parts = from.getInt();
    double[] times = (parts & TIMES) == 0 ? null : doubles(from, length);
    double[] labels = (parts & LABELS) == 0 ? null : doubles(from, labelCount);
    float[] weights = (parts & WEIGHTS) == 0 ? null : floats(from, labelCount);
    boolean isTokens = (parts & TOKENS) != 0;
    int[] tokens = null;
    float[] values = null;
    if (isTokens) {
      tokens = new int[length];
      from.asIntBuffer().get(tokens);
      skip(from, length * Integer.BYTES);
    } else {
      values = floats(from, length * channels);
    }
    return new LabelledSequence(id, length, channels, values, times, tokens, labels)
        .withWeights(weights);
  }

  private static double[] doubles(ByteBuffer from, int count) {
    double[] numbers = new double[count];
    from.asDoubleBuffer().get(numbers);
    skip(from, count * Double.BYTES);
    return numbers;
  }

  private static float[] floats(ByteBuffer from, int count) {
    float[] numbers = new float[count];
    from.asFloatBuffer().get(numbers);
    skip(from, count * Float.BYTES);
    return numbers;
  }

  private static void skip(ByteBuffer buffer, int bytes) {
    buffer.position(buffer.position() + bytes);
  }
}
