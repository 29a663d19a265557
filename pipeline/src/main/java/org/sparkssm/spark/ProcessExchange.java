package org.sparkssm.spark;

import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;
import org.sparkssm.train.FixedTree;
import org.sparkssm.train.GradientSum;

/**
 * Collective operations of the JVMs of a training; one thread of each takes part at a time.
 *
 * <p>A gradient is cut into as many segments as there are JVMs. Each JVM sends every segment of its
 * subtrees' sums to the segment's owner, which adds them along the fixed tree (reduce-scatter), and
 * then every owner sends its finished segment to all (all-gather). Elements do not mix, so the bits
 * are those of one JVM that adds whole gradients.
 */
final class ProcessExchange {
  /** Values of one message: receivers add while later ones are on their way. */
  private static final int PIECE = 1 << 15;

  private static final FloatBuffer NO_VALUES = FloatBuffer.allocate(0);

  private final WorkerLayout layout;
  private final int self;
  private final int size;
  private final long run;
  private final long attempt;
  private final PeerNetwork network;
  private final Mailbox mailbox;
  private final List<List<FixedTree.Node<Void>>> subtrees = new ArrayList<>();
  private final ByteBuffer[] buffers = new ByteBuffer[2];
  private final float[][] totals = new float[2][];
  private long round;

  /**
   * @param self number of this JVM
   * @param size P
   * @param network nullable where there is one JVM
   */
  ProcessExchange(
      WorkerLayout layout,
      int self,
      int size,
      long run,
      long attempt,
      PeerNetwork network,
      Mailbox mailbox) {
    this.layout = layout;
    this.self = self;
    this.size = size;
    this.run = run;
    this.attempt = attempt;
    this.network = network;
    this.mailbox = mailbox;
    for (int process = 0; process < processes(); process++) {
      subtrees.add(layout.subtrees(process));
    }
  }

  private int processes() {
    return layout.processes().size();
  }

  /**
   * A note from each JVM.
   *
   * @param own of this one
   */
  List<byte[]> gather(byte[] own, BooleanSupplier cancelled) {
    round++;
    for (int peer = 0; peer < processes(); peer++) {
      if (peer != self) {
        ByteBuffer message = ByteBuffer.allocate(PeerMessage.bytes(own, 0));
        new PeerMessage(run, attempt, round, self, 0, own, 0, 0, NO_VALUES).put(message);
        network.send(peer, message.flip());
      }
    }
    List<byte[]> notes = new ArrayList<>();
    for (int peer = 0; peer < processes(); peer++) {
      notes.add(
          peer == self ? own : mailbox.take(round, 0, peer, layout.name(peer), cancelled).note());
    }
    return notes;
  }

  /**
   * The sum over all micro-shards.
   *
   * @param own sums of this JVM's subtrees; their arrays are overwritten
   * @return its array is used again two sums on
   */
  GradientSum sum(List<FixedTree.Node<GradientSum>> own, BooleanSupplier cancelled) {
    if (processes() == 1) {
      return FixedTree.root(own, layout.microShards(), GradientSum::plus);
    }
    round++;
    byte[] note = SumNotes.of(own);
    ByteBuffer buffer = buffer(note);
    for (int peer = 0; peer < processes(); peer++) {
      if (peer != self) {
        scatter(peer, own, note, buffer);
      }
    }
    float[] total = total();
    List<FixedTree.Node<GradientSum>> sums = new ArrayList<>(SumNotes.nodes(note));
    List<FixedTree.Node<Slice>> slices = new ArrayList<>();
    for (FixedTree.Node<GradientSum> node : own) {
      slices.add(sliced(node, node.sum().gradient(), from(self)));
    }
    for (int peer = 0; peer < processes(); peer++) {
      if (peer == self) {
        continue;
      }
      Mailbox.Parcel parcel = mailbox.take(round, 0, peer, layout.name(peer), cancelled);
      sums.addAll(SumNotes.nodes(parcel.note()));
      int offset = 0;
      for (FixedTree.Node<Void> node : subtrees.get(peer)) {
        slices.add(sliced(node, parcel.values(), offset));
        offset += length(self);
      }
    }
    Slice finished = FixedTree.root(slices, layout.microShards(), Slice::plus);
    System.arraycopy(finished.values, finished.offset, total, from(self), length(self));
    share(total, buffer);
    for (int peer = 0; peer < processes(); peer++) {
      if (peer != self) {
        Mailbox.Parcel parcel = mailbox.take(round, 1, peer, layout.name(peer), cancelled);
        System.arraycopy(parcel.values(), 0, total, from(peer), length(peer));
      }
    }
    GradientSum root = FixedTree.root(sums, layout.microShards(), GradientSum::plus);
    return new GradientSum(total, root.sums(), root.failure());
  }

  private FixedTree.Node<Slice> sliced(FixedTree.Node<?> node, float[] values, int offset) {
    return new FixedTree.Node<>(node.first(), node.size(), new Slice(values, offset, length(self)));
  }

  /** Where the segment of a JVM begins. */
  private int from(int process) {
    return (int) ((long) process * size / processes());
  }

  private int length(int process) {
    return from(process + 1) - from(process);
  }

  /** Sends the segment that a JVM owns of each subtree. */
  private void scatter(
      int peer, List<FixedTree.Node<GradientSum>> own, byte[] note, ByteBuffer buffer) {
    int length = length(peer);
    int total = own.size() * length;
    byte[] firstNote = note;
    for (int n = 0; n < own.size(); n++) {
      FloatBuffer segment = FloatBuffer.wrap(own.get(n).sum().gradient(), from(peer), length);
      int place = n * length;
      do {
        int count = Math.min(PIECE, segment.remaining());
        FloatBuffer piece = segment.slice(segment.position(), count);
        send(List.of(peer), 0, firstNote, total, place, piece, buffer);
        segment.position(segment.position() + count);
        place += count;
        firstNote = null;
      } while (segment.hasRemaining());
    }
  }

  /** Sends the segment that this JVM owns to all others. */
  private void share(float[] total, ByteBuffer buffer) {
    List<Integer> others = new ArrayList<>();
    for (int peer = 0; peer < processes(); peer++) {
      if (peer != self) {
        others.add(peer);
      }
    }
    FloatBuffer segment = FloatBuffer.wrap(total, from(self), length(self));
    byte[] note = new byte[0];
    int place = 0;
    do {
      int count = Math.min(PIECE, segment.remaining());
      FloatBuffer piece = segment.slice(segment.position(), count);
      send(others, 1, note, length(self), place, piece, buffer);
      segment.position(segment.position() + count);
      place += count;
      note = null;
    } while (segment.hasRemaining());
  }

  private void send(
      List<Integer> peers,
      int phase,
      byte[] note,
      int total,
      int offset,
      FloatBuffer values,
      ByteBuffer buffer) {
    ByteBuffer message = buffer.slice();
    new PeerMessage(run, attempt, round, self, phase, note, total, offset, values).put(message);
    buffer.position(buffer.position() + message.position());
    message.flip();
    for (int peer : peers) {
      network.send(peer, message.duplicate());
    }
  }

  /**
   * Memory for all messages of this round. That of the round before the last is free again: its
   * messages have arrived, since everybody has answered a later one.
   */
  private ByteBuffer buffer(byte[] note) {
    int nodes = subtrees.get(self).size();
    long values = (long) nodes * (size - length(self)) + length(self);
    long pieces = values / PIECE + 2L * (nodes + 1) * processes();
    long bytes =
        Float.BYTES * values
            + pieces * PeerMessage.bytes(null, 0)
            + (long) processes() * note.length;
    int parity = (int) (round & 1);
    if (buffers[parity] == null || buffers[parity].capacity() < bytes) {
      buffers[parity] = ByteBuffer.allocateDirect(Math.toIntExact(bytes));
    }
    return buffers[parity].clear();
  }

  private float[] total() {
    int parity = (int) (round & 1);
    if (totals[parity] == null) {
      totals[parity] = new float[size];
    }
    return totals[parity];
  }

  /** Consecutive values of an array. */
  @SuppressWarnings("ArrayRecordComponent") // a view, never compared
  private record Slice(float[] values, int offset, int length) {
    /** Adds to the left one, in place. */
    Slice plus(Slice right) {
      for (int i = 0; i < length; i++) {
        values[offset + i] += right.values[right.offset + i];
      }
      return this;
    }
  }
}
