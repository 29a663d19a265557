package org.sparkssm.spark;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;

/**
 * A piece of a collective operation between the JVMs of a training, in little-endian order: run,
 * attempt, round (8 bytes each), sender, phase, number of bytes of the note, number of values of
 * the whole phase, place of the first value of this piece among them, number of values of this
 * piece (4 bytes each), the note, the values.
 *
 * @param run identifies the training
 * @param attempt greater for later attempts
 * @param round counts the collective operations of an attempt
 * @param sender number of the JVM
 * @param phase 0 or 1
 * @param note nullable: bytes that belong to the first piece
 * @param total values of all pieces
 * @param offset of the first value
 * @param values of this piece
 */
@SuppressWarnings("ArrayRecordComponent") // a carrier, never compared
record PeerMessage(
    long run,
    long attempt,
    long round,
    int sender,
    int phase,
    byte[] note,
    int total,
    int offset,
    FloatBuffer values) {
  private static final int HEADER_BYTES = 3 * Long.BYTES + 6 * Integer.BYTES;

  /** What a message with a note and some values takes. */
  static int bytes(byte[] note, int values) {
    return HEADER_BYTES + (note == null ? 0 : note.length) + Float.BYTES * values;
  }

  /** Appends the message. */
  void put(ByteBuffer target) {
    target.order(ByteOrder.LITTLE_ENDIAN);
    target.putLong(run).putLong(attempt).putLong(round).putInt(sender).putInt(phase);
    target.putInt(note == null ? -1 : note.length).putInt(total).putInt(offset);
    target.putInt(values.remaining());
    if (note != null) {
      target.put(note);
    }
    target.slice().order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().put(values.duplicate());
    target.position(target.position() + Float.BYTES * values.remaining());
  }

  /**
   * Reads a message.
   *
   * @param source the values are not copied
   * @throws IllegalArgumentException if it is not one
   */
  static PeerMessage from(ByteBuffer source) {
    ByteBuffer in = source.slice().order(ByteOrder.LITTLE_ENDIAN);
    if (in.remaining() < HEADER_BYTES) {
      throw new IllegalArgumentException("a message has " + in.remaining() + " bytes");
    }
    long run = in.getLong();
    long attempt = in.getLong();
    long round = in.getLong();
    int sender = in.getInt();
    int phase = in.getInt();
    int noteBytes = in.getInt();
    int total = in.getInt();
    int offset = in.getInt();
    int count = in.getInt();
    if (noteBytes < -1
        || count < 0
        || offset < 0
        || total - offset < count
        || in.remaining() != Math.max(0, noteBytes) + (long) Float.BYTES * count) {
      throw new IllegalArgumentException("a message's parts do not fit its length");
    }
    byte[] note = noteBytes < 0 ? null : new byte[noteBytes];
    if (note != null) {
      in.get(note);
    }
    FloatBuffer values = in.slice().order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer();
    return new PeerMessage(run, attempt, round, sender, phase, note, total, offset, values);
  }
}
