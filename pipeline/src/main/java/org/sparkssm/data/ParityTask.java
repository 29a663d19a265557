package org.sparkssm.data;

import java.util.List;
import org.apache.commons.rng.UniformRandomProvider;

/**
 * Parity: tokens are fair bits, the label of step l is the sum of the first l bits modulo 2, and
 * the label of the sequence is the last of these.
 */
public final class ParityTask implements SequenceGenerator {
  private static final long serialVersionUID = 1L;

  private final LengthRange lengths;
  private final long seed;

  /** A task with the given lengths. */
  public ParityTask(LengthRange lengths, long seed) {
    this.lengths = lengths;
    this.seed = seed;
  }

  @Override
  public Sequence sequence(long id) {
    UniformRandomProvider random = SeededRandom.create(seed, id);
    int length = lengths.draw(random);
    int[] tokens = new int[length];
    Integer[] labels = new Integer[length];
    int parity = 0;
    for (int l = 0; l < length; l++) {
      tokens[l] = random.nextInt(2);
      parity ^= tokens[l];
      labels[l] = parity;
    }
    return Sequence.ofTokens(id, tokens, parity, labels);
  }

  @Override
  public void describe(DataSetManifest.Builder manifest) {
    manifest
        .generator("parity", seed)
        .parameter("length", lengths.longest())
        .parameter("minLength", lengths.shortest())
        .vocabulary(2)
        .label(LabelDescription.classesPerStep(List.of("even", "odd"), true));
  }
}
