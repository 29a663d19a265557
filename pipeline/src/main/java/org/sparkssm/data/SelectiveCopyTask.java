package org.sparkssm.data;

import java.util.Arrays;
import org.apache.commons.rng.UniformRandomProvider;

/**
 * Selective copying (arXiv 2312.00752, section 4.1.1): data tokens stand at random places among
 * blanks; after them, as many recall tokens ask for the data tokens in their order.
 *
 * <p>Tokens 0..V-1 are data, V is the blank and V+1 the recall token. A sequence of length L has
 * its M data tokens in the first L-M steps. Only the last M steps have a target; the labels of the
 * others are null.
 */
public final class SelectiveCopyTask implements SequenceGenerator {
  private static final long serialVersionUID = 1L;

  private final LengthRange lengths;
  private final int vocabulary;
  private final int copies;
  private final long seed;

  /**
   * A task.
   *
   * @param lengths whole lengths, at least twice {@code copies}
   * @param vocabulary V, number of different data tokens
   * @param copies M, number of data tokens in a sequence
   */
  public SelectiveCopyTask(LengthRange lengths, int vocabulary, int copies, long seed) {
    if (vocabulary < 2) {
      throw new InvalidInputException(
          "selective copying needs a vocabulary of at least 2 tokens, found " + vocabulary);
    }
    if (copies < 1 || lengths.shortest() < 2L * copies) {
      throw new InvalidInputException(
          "selective copying of "
              + copies
              + " tokens needs at least one token and a length of at least twice their number,"
              + " found length "
              + lengths.shortest());
    }
    this.lengths = lengths;
    this.vocabulary = vocabulary;
    this.copies = copies;
    this.seed = seed;
  }

  @Override
  public Sequence sequence(long id) {
    UniformRandomProvider random = SeededRandom.create(seed, id);
    int length = lengths.draw(random);
    int context = length - copies;
    int[] tokens = new int[length];
    Integer[] labels = new Integer[length];
    Arrays.fill(tokens, 0, context, vocabulary);
    Arrays.fill(tokens, context, length, vocabulary + 1);
    int left = copies;
    for (int l = 0; l < context; l++) {
      // selection sampling (Knuth, Algorithm S): every subset of places is equally likely
      if (random.nextInt(context - l) < left) {
        tokens[l] = random.nextInt(vocabulary);
        labels[length - left] = tokens[l];
        left--;
      }
    }
    return Sequence.ofTokens(id, tokens, null, labels);
  }

  @Override
  public void describe(DataSetManifest.Builder manifest) {
    manifest
        .generator("selective-copy", seed)
        .parameter("length", lengths.longest())
        .parameter("minLength", lengths.shortest())
        .parameter("vocabulary", vocabulary)
        .parameter("copies", copies)
        .vocabulary(vocabulary + 2)
        .label(LabelDescription.classesPerStep(LabelDescription.numbered(vocabulary), false));
  }
}
