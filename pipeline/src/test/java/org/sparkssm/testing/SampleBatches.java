package org.sparkssm.testing;

import java.util.Arrays;
import java.util.function.DoubleSupplier;
import org.apache.commons.rng.UniformRandomProvider;
import org.sparkssm.data.SeededRandom;
import org.sparkssm.kernel.Segments;
import org.sparkssm.model.SequenceBatch;

/** Small random batches. */
public final class SampleBatches {
  private SampleBatches() {}

  /** Uniform values in (-1, 1), with increasing times; ids from 10 on; no labels. */
  public static SequenceBatch values(long seed, int channels, int... lengths) {
    UniformRandomProvider random = SeededRandom.create(seed);
    Segments segments = Segments.ofLengths(lengths);
    float[] values = new float[segments.rows() * channels];
    for (int i = 0; i < values.length; i++) {
      values[i] = 2 * random.nextFloat() - 1;
    }
    double[] times = new double[segments.rows()];
    for (int b = 0; b < segments.batch(); b++) {
      double time = random.nextDouble();
      for (int r = segments.offset(b); r < segments.offset(b) + segments.length(b); r++) {
        times[r] = time;
        time += 0.1 + random.nextDouble();
      }
    }
    return new SequenceBatch(
        ids(lengths.length), segments, channels, values, times, null, null, false);
  }

  /** Uniform tokens; ids from 10 on; no labels. */
  public static SequenceBatch tokens(long seed, int vocabulary, int... lengths) {
    UniformRandomProvider random = SeededRandom.create(seed);
    Segments segments = Segments.ofLengths(lengths);
    int[] tokens = new int[segments.rows()];
    Arrays.setAll(tokens, i -> random.nextInt(vocabulary));
    return new SequenceBatch(
        ids(lengths.length), segments, 0, new float[0], null, tokens, null, false);
  }

  /** The same batch with numbers as labels. */
  public static SequenceBatch withNumbers(SequenceBatch batch, long seed, boolean perStep) {
    UniformRandomProvider random = SeededRandom.create(seed);
    return withLabels(batch, perStep, () -> 2 * random.nextDouble() - 1);
  }

  /** The same batch with classes as labels. */
  public static SequenceBatch withClasses(
      SequenceBatch batch, long seed, int classes, boolean perStep) {
    UniformRandomProvider random = SeededRandom.create(seed);
    return withLabels(batch, perStep, () -> random.nextInt(classes));
  }

  private static SequenceBatch withLabels(
      SequenceBatch batch, boolean perStep, DoubleSupplier label) {
    double[] labels = new double[perStep ? batch.segments().rows() : batch.size()];
    Arrays.setAll(labels, i -> label.getAsDouble());
    return new SequenceBatch(
        batch.ids(),
        batch.segments(),
        batch.channels(),
        batch.values(),
        batch.times(),
        batch.tokens(),
        labels,
        perStep);
  }

  private static long[] ids(int count) {
    long[] ids = new long[count];
    Arrays.setAll(ids, i -> 10 + i);
    return ids;
  }
}
