package org.sparkssm.train;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.Serializable;
import java.util.stream.Stream;
import org.apache.commons.rng.UniformRandomProvider;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.sparkssm.data.AlternatingGroupTask;
import org.sparkssm.data.DataSetManifest;
import org.sparkssm.data.LengthRange;
import org.sparkssm.data.ParityTask;
import org.sparkssm.data.SeededRandom;
import org.sparkssm.data.Sequence;
import org.sparkssm.data.SequenceGenerator;

/**
 * What one block of each layer can track, as theory says (see MODELS.md): {@code mvn verify
 * -Pexpressivity -pl pipeline}. Each layer that must fail a task passes a control of the same form,
 * so that it fails for what it is and not for how it was trained.
 *
 * <p>Parity and its control are trained on words of 1 to 24 steps and tested on words of 96.
 */
@Tag("expressivity")
class ExpressivityIT {
  private static final int WORDS = 4000;
  private static final LengthRange TRAINED = new LengthRange(1, 24);
  private static final LengthRange TESTED = LengthRange.of(96);

  private static final String TOKENS =
      "'kind': 'linear-cde', 'control': 'tokens', 'step': 1, 'solver': 'euler'";

  private static final double TRACKED = 0.9;

  @ParameterizedTest
  @MethodSource
  void parityIsTrackedByLayersWhoseTransitionsChangeTheSign(String layer) {
    expect(parity(layer), TRACKED, 1, "parity with " + layer);
  }

  static Stream<String> parityIsTrackedByLayersWhoseTransitionsChangeTheSign() {
    return Stream.of(
        "{" + TOKENS + ", 'state': 16, 'structure': 'diagonal'}",
        "{'kind': 'delta-net', 'negative': true}",
        "{'kind': 'gateloop'}",
        "{'kind': 'rnn', 'state': 16}",
        "{'kind': 'lstm', 'state': 16}");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{'kind': 'mamba'}",
        "{'kind': 'gla'}",
        "{'kind': 'delta-net'}",
        "{'kind': 's4d'}",
        "{'kind': 's5'}",
        "{'kind': 'attention'}",
      })
  void parityIsNotTrackedByPositiveOrFixedTransitions(String layer) {
    expect(parity(layer), 0, 0.65, "parity with " + layer);
  }

  /** The control: a bit that is kept and set needs decays between 0 and 1 from the input. */
  @ParameterizedTest
  @ValueSource(strings = {"{'kind': 'mamba'}", "{'kind': 'gla'}", "{'kind': 'delta-net'}"})
  void positiveTransitionsTrackABitThatIsKeptAndSet(String layer) {
    expect(flipFlop(layer), TRACKED, 1, "flip-flop with " + layer);
  }

  @Test
  void wordsOfEightInA5AreTrackedByDenseTransitions() {
    String layer = "{" + TOKENS + ", 'state': 32}";
    expect(alternating(layer, 8), TRACKED, 1, "A5 with " + layer);
  }

  @ParameterizedTest
  @MethodSource("diagonalLayers")
  void wordsOfEightInA5AreNotTrackedByDiagonalTransitions(String layer) {
    expect(alternating(layer, 8), 0, 0.5, "A5 with " + layer);
  }

  /** The control: words of two can be told apart by their letters. */
  @ParameterizedTest
  @MethodSource("diagonalLayers")
  void wordsOfTwoInA5AreTrackedByDiagonalTransitions(String layer) {
    expect(alternating(layer, 2), TRACKED, 1, "A5, two letters, with " + layer);
  }

  static Stream<String> diagonalLayers() {
    return Stream.of(
        "{'kind': 'mamba'}",
        "{'kind': 'gla'}",
        "{'kind': 'gateloop'}",
        "{" + TOKENS + ", 'state': 64, 'structure': 'diagonal'}");
  }

  private static void expect(double accuracy, double least, double most, String what) {
    System.out.printf("%.3f %s%n", accuracy, what);
    assertTrue(
        accuracy >= least && accuracy <= most,
        () -> "%s: accuracy %.3f, expected %.2f to %.2f".formatted(what, accuracy, least, most));
  }

  private static double parity(String layer) {
    return new WordLearning(2, 2, 16, 30, 1e-2)
        .accuracy(json(layer), new ParityTask(TRAINED, 1), WORDS, new ParityTask(TESTED, 1));
  }

  private static double flipFlop(String layer) {
    return new WordLearning(3, 2, 16, 30, 1e-2)
        .accuracy(json(layer), new FlipFlop(TRAINED, 1), WORDS, new FlipFlop(TESTED, 1));
  }

  /** Words of 2 are among the words of up to {@code length}, as in the original. */
  private static double alternating(String layer, int length) {
    return new WordLearning(60, 60, 64, 20, 3e-3)
        .accuracy(
            json(layer),
            new AlternatingGroupTask(new LengthRange(Math.min(2, length), length), 1),
            20_000,
            new AlternatingGroupTask(LengthRange.of(length), 1));
  }

  private static String json(String layer) {
    return layer.replace('\'', '"');
  }

  /** Token 0 keeps a bit, tokens 1 and 2 set it: what positive decays can track at any length. */
  private record FlipFlop(LengthRange lengths, long seed)
      implements SequenceGenerator, Serializable {
    @Override
    public Sequence sequence(long id) {
      UniformRandomProvider random = SeededRandom.create(seed, id);
      int choices = lengths.longest() - lengths.shortest() + 1;
      int[] tokens = new int[lengths.shortest() + random.nextInt(choices)];
      Integer[] labels = new Integer[tokens.length];
      int bit = 0;
      for (int l = 0; l < tokens.length; l++) {
        tokens[l] = random.nextInt(10) < 8 ? 0 : 1 + random.nextInt(2);
        bit = tokens[l] == 0 ? bit : tokens[l] - 1;
        labels[l] = bit;
      }
      return Sequence.ofTokens(id, tokens, bit, labels);
    }

    @Override
    public void describe(DataSetManifest.Builder manifest) {
      throw new UnsupportedOperationException();
    }
  }
}
