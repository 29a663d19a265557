package org.sparkssm.spark;

import org.sparkssm.train.LabelledSequence;
import org.sparkssm.train.PackedSequences;
import org.sparkssm.train.Sequences;

/** Collects sequences in memory up to a limit, and all of them in a file beyond it. */
final class SequenceCollector {
  private final boolean labelPerStep;
  private final long memoryBytes;
  private PackedSequences.Builder packed;
  private SpilledSequences.Writer spilled;
  private long bytes;

  /**
   * @param memoryBytes the limit
   */
  SequenceCollector(boolean labelPerStep, long memoryBytes) {
    this.labelPerStep = labelPerStep;
    this.memoryBytes = memoryBytes;
    packed = PackedSequences.builder(labelPerStep);
  }

  void add(LabelledSequence sequence) {
    bytes += SequenceRecord.bytes(sequence);
    if (spilled == null && bytes > memoryBytes) {
      spill();
    }
    if (spilled == null) {
      packed.add(sequence);
    } else {
      spilled.add(sequence);
    }
  }

  private void spill() {
    spilled = new SpilledSequences.Writer(labelPerStep);
    PackedSequences inMemory = packed.build();
    packed = null;
    for (int row = 0; row < inMemory.size(); row++) {
      spilled.add(inMemory.sequence(row));
    }
  }

  Sequences finish() {
    return spilled == null ? packed.build() : spilled.finish();
  }
}
