package org.sparkssm.ml;

import java.util.Iterator;

/** The chunks of a partition, segment by segment. */
final class SegmentReader {
  private final Iterator<PathChunk> chunks;
  private PathChunk next;
  private String key;
  private int number = -1;

  SegmentReader(Iterator<PathChunk> chunks) {
    this.chunks = chunks;
    pull();
  }

  private void pull() {
    next = chunks.hasNext() ? chunks.next() : null;
  }

  /** Goes to the next segment, past what is left of this one. */
  boolean nextSegment() {
    while (hasChunk()) {
      pull();
    }
    if (next == null) {
      return false;
    }
    key = next.key();
    number++;
    return true;
  }

  /** Of the segment in its partition, from 0. */
  int number() {
    return number;
  }

  String key() {
    return key;
  }

  boolean hasChunk() {
    return next != null && next.key().equals(key);
  }

  /** The next chunk of the segment, to be read again. */
  PathChunk peek() {
    return next;
  }

  /** The next chunk of the segment. */
  PathChunk nextChunk() {
    PathChunk chunk = next;
    pull();
    return chunk;
  }
}
