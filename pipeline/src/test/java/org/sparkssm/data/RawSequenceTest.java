package org.sparkssm.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.sparkssm.data.MissingValueTreatment.Counts;

class RawSequenceTest {
  private static final float NAN = Float.NaN;
  private static final List<String> CHANNELS = List.of("a", "b");

  @Test
  void errorPolicyNamesSequenceStepAndChannel() {
    InvalidInputException failure =
        assertThrows(
            InvalidInputException.class,
            () -> treat(MissingValuePolicy.ERROR, sequence(1, 2, 3, NAN)));

    assertEquals(
        "sequence 7 has a missing value (null or NaN) at step 1 in channel 'b', expected a number;"
            + " --nulls ffill, drop or mask would accept it",
        failure.getMessage());
    RawSequence whole = sequence(1, 2, 3, 4);
    assertEquals(new Counts(0, 0, 0), treat(MissingValuePolicy.ERROR, whole));
    assertArrayEquals(new float[] {1, 2, 3, 4}, whole.values());
  }

  @Test
  void forwardFillTakesTheLastValueAndBeforeTheFirstThatOne() {
    RawSequence sequence = sequence(NAN, 2, 3, NAN, NAN, 6);

    assertEquals(new Counts(3, 3, 0), treat(MissingValuePolicy.FORWARD_FILL, sequence));
    assertArrayEquals(new float[] {3, 2, 3, 2, 3, 6}, sequence.values());
    assertThrows(
        InvalidInputException.class,
        () -> treat(MissingValuePolicy.FORWARD_FILL, sequence(1, NAN, 2, NAN)));
  }

  @Test
  void dropLeavesOutStepsWithTheirTimesAndLabels() {
    RawSequence sequence =
        new RawSequence(
            7,
            "sequence 7",
            2,
            new float[] {1, 2, NAN, 4, 5, 6},
            new double[] {0.1, 0.2, 0.4},
            new Object[] {"x", "y", "z"});

    assertEquals(new Counts(1, 0, 1), treat(MissingValuePolicy.DROP, sequence));
    assertArrayEquals(new float[] {1, 2, 5, 6}, sequence.values());
    assertArrayEquals(new double[] {0.1, 0.4}, sequence.times());
    assertArrayEquals(new Object[] {"x", "z"}, sequence.stepLabels());
  }

  @Test
  void maskAppendsAChannelOfOnesAndZerosForEach() {
    RawSequence sequence = sequence(NAN, 2, 3, NAN);
    MissingValueTreatment treatment = new MissingValueTreatment(MissingValuePolicy.MASK, CHANNELS);

    assertEquals(new Counts(2, 2, 0), treatment.apply(sequence));
    assertEquals(List.of("a", "b", "a_observed", "b_observed"), treatment.resultChannels());
    assertArrayEquals(new float[] {0, 2, 0, 1, 3, 2, 1, 0}, sequence.values());
  }

  @Test
  void infiniteValuesAndTimesThatDoNotIncreaseAreRefused() {
    assertEquals(
        "sequence 7 has a value that is infinite or beyond single precision at step 1 in channel"
            + " 'a', expected finite numbers",
        assertThrows(
                InvalidInputException.class,
                () -> sequence(1, 2, Float.POSITIVE_INFINITY, 4).check(CHANNELS))
            .getMessage());
    RawSequence backwards =
        new RawSequence(7, "sequence 7", 2, new float[4], new double[] {2, 1.5}, null);
    assertEquals(
        "sequence 7 has times that do not increase: 2.0 at step 0 and 1.5 at step 1, expected"
            + " strictly increasing times",
        assertThrows(InvalidInputException.class, () -> backwards.check(CHANNELS)).getMessage());
  }

  @Test
  void momentsAreThoseOfAllObservedValuesInAnyOrderAndGrouping() {
    Random random = new Random(3);
    List<RawSequence> sequences = new ArrayList<>();
    double sum = 0;
    double squares = 0;
    int count = 0;
    for (int s = 0; s < 40; s++) {
      float[] values = new float[2 * (1 + random.nextInt(9))];
      for (int i = 0; i < values.length; i += 2) {
        values[i] = (float) (1000 + random.nextGaussian());
        values[i + 1] = 0.1f;
        sum += values[i];
        squares += (double) values[i] * values[i];
        count++;
      }
      sequences.add(
          new RawSequence(s, "s", 2, values, s == 3 ? new double[] {1, 4.5} : null, null));
    }
    sequences.add(sequence(NAN, NAN));
    ChannelMoments whole = moments(sequences);
    Collections.shuffle(sequences, random);
    ChannelMoments halves =
        moments(sequences.subList(0, 11)).add(moments(sequences.subList(11, sequences.size())));

    var fitted = whole.standardization(CHANNELS, "train");
    assertEquals(fitted, halves.standardization(CHANNELS, "train"));
    assertEquals(sum / count, fitted.mean().get(0), 1e-9);
    double variance = squares / count - (sum / count) * (sum / count);
    assertEquals(Math.sqrt(variance), fitted.deviation().get(0), 1e-7);
    assertEquals(0.1f, fitted.mean().get(1), 0);
    assertEquals(1, fitted.deviation().get(1), 0);
    assertEquals(3.5, whole.timeScale());
  }

  @Test
  void standardizedValuesAndTimesAreScaled() {
    RawSequence sequence =
        new RawSequence(7, "s", 2, new float[] {1, 2, NAN, 6}, new double[] {10, 14}, null);
    sequence.standardize(new double[] {1, 4}, new double[] {3, 2});
    sequence.scaleTimes(8);

    assertArrayEquals(new float[] {0, -1, NAN, 1}, sequence.values());
    assertArrayEquals(new double[] {0, 0.5}, sequence.times());
  }

  private static ChannelMoments moments(List<RawSequence> sequences) {
    ChannelMoments moments = new ChannelMoments(2);
    sequences.forEach(moments::add);
    return moments;
  }

  private static RawSequence sequence(float... values) {
    return new RawSequence(7, "sequence 7", 2, values, null, null);
  }

  private static Counts treat(MissingValuePolicy policy, RawSequence sequence) {
    return new MissingValueTreatment(policy, CHANNELS).apply(sequence);
  }
}
