package org.sparkssm.train;

import java.io.Serializable;
import org.sparkssm.kernel.Segments;
import org.sparkssm.model.ModelSpec;
import org.sparkssm.model.Scaling;
import org.sparkssm.model.SequenceBatch;

/**
 * Means and sums of squared deviations of the channels and labels of training rows, for {@link
 * Scaling}. One pass by Welford's update; parts merge by Chan, Golub and LeVeque's formula, along
 * {@link FixedTree} so that the bits do not depend on who computed them.
 */
public final class Moments implements Serializable {
  private static final long serialVersionUID = 1L;

  /** The last one stands for the labels. */
  private final double[] counts;

  private final double[] means;
  private final double[] squares;
  private double longest;

  private Moments(int channels) {
    counts = new double[channels + 1];
    means = new double[channels + 1];
    squares = new double[channels + 1];
  }

  /**
   * The moments of a micro-shard's training rows.
   *
   * @param channels C of the data set, since a micro-shard may be empty; 0 for tokens
   */
  public static Moments of(MicroShard shard, int channels) {
    Moments moments = new Moments(channels);
    for (int row = 0; row < shard.training().size(); row++) {
      moments.add(shard.training().batch(row));
    }
    return moments;
  }

  private void add(SequenceBatch sequence) {
    int channels = counts.length - 1;
    float[] values = sequence.values();
    for (int i = 0; i < values.length; i++) {
      add(i % channels, values[i]);
    }
    for (double label : sequence.labels()) {
      if (!Double.isNaN(label)) {
        add(channels, label);
      }
    }
    Segments segments = sequence.segments();
    if (segments.rows() > 0) {
      double[] times = sequence.times();
      double duration =
          times == null ? segments.rows() - 1.0 : times[segments.rows() - 1] - times[0];
      longest = Math.max(longest, duration);
    }
  }

  private void add(int column, double value) {
    counts[column]++;
    double shift = value - means[column];
    means[column] += shift / counts[column];
    squares[column] += shift * (value - means[column]);
  }

  /** The moments of both parts; neither is changed. */
  public Moments plus(Moments other) {
    Moments sum = new Moments(counts.length - 1);
    for (int c = 0; c < counts.length; c++) {
      double count = counts[c] + other.counts[c];
      double shift = other.means[c] - means[c];
      double share = count == 0 ? 0 : other.counts[c] / count;
      sum.counts[c] = count;
      sum.means[c] = means[c] + shift * share;
      sum.squares[c] = squares[c] + other.squares[c] + shift * shift * counts[c] * share;
    }
    sum.longest = Math.max(longest, other.longest);
    return sum;
  }

  /**
   * What the model asks for: standardized channels or not; labels of regression always. A channel
   * (or label) that never changes is shifted and not scaled.
   */
  public Scaling scaling(ModelSpec spec, boolean numbers) {
    int channels = counts.length - 1;
    Scaling identity = Scaling.identity(channels);
    double[] mean = identity.mean();
    double[] deviation = identity.deviation();
    for (int c = 0; c < channels && spec.input().standardize(); c++) {
      mean[c] = means[c];
      deviation[c] = deviation(c);
    }
    return new Scaling(
        mean,
        deviation,
        longest > 0 ? longest : 1,
        numbers ? means[channels] : 0,
        numbers ? deviation(channels) : 1);
  }

  private double deviation(int column) {
    double variance = counts[column] == 0 ? 0 : squares[column] / counts[column];
    double deviation = Math.sqrt(variance);
    return deviation > 1e-12 * Math.max(1e-30, Math.abs(means[column])) ? deviation : 1;
  }
}
