package org.sparkssm.data;

import java.util.stream.IntStream;
import org.apache.commons.rng.UniformRandomProvider;

/**
 * The word problem of A5: tokens are uniform group elements g_1, g_2, ..., the label of step l is
 * the product g_1 g_2 ... g_l, and the label of the sequence is the last of these.
 *
 * <p>State tracking in a non-solvable group, which a stack of diagonal transitions of fixed height
 * cannot do at every length (arXiv 2404.08819).
 */
public final class AlternatingGroupTask implements SequenceGenerator {
  private static final long serialVersionUID = 1L;

  private final LengthRange lengths;
  private final long seed;

  /** A task with the given lengths. */
  public AlternatingGroupTask(LengthRange lengths, long seed) {
    this.lengths = lengths;
    this.seed = seed;
  }

  @Override
  public Sequence sequence(long id) {
    UniformRandomProvider random = SeededRandom.create(seed, id);
    int length = lengths.draw(random);
    int[] tokens = new int[length];
    Integer[] labels = new Integer[length];
    int product = 0;
    for (int l = 0; l < length; l++) {
      tokens[l] = random.nextInt(AlternatingGroup.ORDER);
      product = AlternatingGroup.product(product, tokens[l]);
      labels[l] = product;
    }
    return Sequence.ofTokens(id, tokens, product, labels);
  }

  @Override
  public void describe(DataSetManifest.Builder manifest) {
    manifest
        .generator("a5", seed)
        .parameter("length", lengths.longest())
        .parameter("minLength", lengths.shortest())
        .vocabulary(AlternatingGroup.ORDER)
        .label(
            LabelDescription.classesPerStep(
                IntStream.range(0, AlternatingGroup.ORDER)
                    .mapToObj(AlternatingGroup::name)
                    .toList(),
                true));
  }
}
