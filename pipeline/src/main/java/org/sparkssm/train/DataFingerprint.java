package org.sparkssm.train;

import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.List;
import org.sparkssm.model.SequenceBatch;

/**
 * Tells training data apart.
 *
 * @param rows training rows
 * @param validationRows validation rows
 * @param hash SHA-256 over all micro-shards, hexadecimal
 */
public record DataFingerprint(long rows, long validationRows, String hash) {
  /** Bounds memory, in sequences. */
  private static final int CHUNK = 256;

  /**
   * The fingerprint of the whole.
   *
   * @param hashes of {@link #of} of all micro-shards, by number
   */
  public static DataFingerprint of(long rows, long validationRows, List<byte[]> hashes) {
    MessageDigest digest = WeightsHash.digest();
    hashes.forEach(digest::update);
    return new DataFingerprint(rows, validationRows, WeightsHash.hexadecimal(digest.digest()));
  }

  /** The hash of a micro-shard's rows: ids, values or tokens, times, labels and weights. */
  public static byte[] of(MicroShard shard) {
    MessageDigest digest = WeightsHash.digest();
    add(digest, shard.training());
    add(digest, shard.validation());
    return digest.digest();
  }

  private static void add(MessageDigest digest, Sequences sequences) {
    int size = sequences.size();
    for (int from = 0; from < size; from += CHUNK) {
      add(digest, sequences.range(from, Math.min(size, from + CHUNK)));
    }
    digest.update(ByteBuffer.allocate(Integer.BYTES).putInt(size).array());
  }

  private static void add(MessageDigest digest, SequenceBatch batch) {
    int[] lengths = new int[batch.size()];
    Arrays.setAll(lengths, i -> batch.segments().offset(i + 1) - batch.segments().offset(i));
    ByteBuffer bytes =
        ByteBuffer.allocate(
            (Long.BYTES + Integer.BYTES) * lengths.length
                + Float.BYTES * batch.values().length
                + (batch.times() == null ? 0 : Double.BYTES * batch.times().length)
                + (batch.tokens() == null ? 0 : Integer.BYTES * batch.tokens().length)
                + (batch.labels() == null ? 0 : Double.BYTES * batch.labels().length)
                + (batch.weights() == null ? 0 : Float.BYTES * batch.weights().length));
    for (int i = 0; i < lengths.length; i++) {
      bytes.putLong(batch.ids()[i]).putInt(lengths[i]);
    }
    bytes.asFloatBuffer().put(batch.values());
    bytes.position(bytes.position() + Float.BYTES * batch.values().length);
    if (batch.times() != null) {
      bytes.asDoubleBuffer().put(batch.times());
      bytes.position(bytes.position() + Double.BYTES * batch.times().length);
    }
    if (batch.tokens() != null) {
      bytes.asIntBuffer().put(batch.tokens());
      bytes.position(bytes.position() + Integer.BYTES * batch.tokens().length);
    }
    if (batch.labels() != null) {
      bytes.asDoubleBuffer().put(batch.labels());
      bytes.position(bytes.position() + Double.BYTES * batch.labels().length);
    }
    if (batch.weights() != null) {
      bytes.asFloatBuffer().put(batch.weights());
    }
    digest.update(bytes.array());
  }
}
