package org.sparkssm.kernel;

import java.util.ArrayList;
import java.util.List;
import org.nd4j.linalg.api.buffer.DataBuffer;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.factory.Nd4j;

/**
 * A stack of single-precision numbers in ND4J buffers: taking some moves a mark up, going back to a
 * mark frees all that was taken since. Buffers are kept for the next use until {@link #close}, so a
 * training step allocates nothing once the first one has run.
 */
final class HostArena implements AutoCloseable {
  /** Where pieces begin: a cache line, so that vector loads do not straddle two. */
  private static final int ALIGNMENT = 64;

  private static final long FIRST_BLOCK = 1L << 18;
  private static final long LARGEST_BLOCK = 1L << 24;

  private final List<Block> blocks = new ArrayList<>();
  private int current = -1;
  private boolean closed;

  private static final class Block {
    final DataBuffer buffer;
    final long begin;
    final long floats;
    long used;

    Block(long floats) {
      this.floats = floats;
      buffer = Nd4j.createBuffer(DataType.FLOAT, floats + ALIGNMENT / Float.BYTES, false);
      long address = buffer.pointer().address();
      begin = (address + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    }
  }

  /** A point to go back to. */
  record Mark(int block, long used) {}

  Mark mark() {
    return new Mark(current, current < 0 ? 0 : blocks.get(current).used);
  }

  /** Frees everything taken since the mark. */
  void backTo(Mark mark) {
    for (int b = mark.block() + 1; b <= current; b++) {
      blocks.get(b).used = 0;
    }
    current = mark.block();
    if (current >= 0) {
      blocks.get(current).used = mark.used();
    }
  }

  /** The address of {@code floats} numbers of undefined content. */
  long take(long floats) {
    if (closed) {
      throw new IllegalStateException("these kernels are closed");
    }
    long lines = (floats + ALIGNMENT / Float.BYTES - 1) / (ALIGNMENT / Float.BYTES);
    long size = lines * (ALIGNMENT / Float.BYTES);
    while (current < 0 || blocks.get(current).used + size > blocks.get(current).floats) {
      nextBlock(size);
    }
    Block block = blocks.get(current);
    long address = block.begin + block.used * Float.BYTES;
    block.used += size;
    return address;
  }

  /** Moves on to a block that has room for {@code size} numbers. */
  private void nextBlock(long size) {
    int next = current + 1;
    if (next == blocks.size() || blocks.get(next).floats < size) {
      long usual = Math.min(LARGEST_BLOCK, FIRST_BLOCK << Math.min(next, 30));
      blocks.add(next, new Block(Math.max(usual, size)));
    }
    current = next;
  }

  /** Bytes of all buffers, those kept for the next use included. */
  long bytes() {
    return blocks.stream().mapToLong(block -> block.floats * Float.BYTES).sum();
  }

  boolean isClosed() {
    return closed;
  }

  @Override
  public void close() {
    closed = true;
    blocks.forEach(block -> block.buffer.close());
    blocks.clear();
    current = -1;
  }
}
