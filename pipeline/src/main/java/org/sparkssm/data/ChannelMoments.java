package org.sparkssm.data;

import java.io.Serializable;
import java.math.BigDecimal;
import java.math.MathContext;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Mean and deviation per channel over sequences, and their longest duration, the same to the bit
 * for any order and grouping of the sequences.
 *
 * <p>Within a sequence, mean m and sum of squared deviations M2 come from Welford's recurrence;
 * over sequences, n m, n m^2 and M2 are added without rounding, so mean = sum n m / sum n and
 * variance = (sum n (sum M2 + sum n m^2) - (sum n m)^2) / (sum n)^2. Missing values (NaN) are left
 * out.
 */
public final class ChannelMoments implements Serializable {
  private static final long serialVersionUID = 1L;

  private final long[] count;
  private final BigDecimal[] sum;
  private final BigDecimal[] meanSquares;
  private final BigDecimal[] squaredDeviations;
  private double longestDuration;

  /** Moments of no sequence. */
  public ChannelMoments(int channels) {
    count = new long[channels];
    sum = zeros(channels);
    meanSquares = zeros(channels);
    squaredDeviations = zeros(channels);
  }

  private static BigDecimal[] zeros(int size) {
    BigDecimal[] zeros = new BigDecimal[size];
    Arrays.fill(zeros, BigDecimal.ZERO);
    return zeros;
  }

  /** Adds the observed values of a sequence. */
  public void add(RawSequence sequence) {
    int channels = count.length;
    float[] values = sequence.values();
    for (int c = 0; c < channels; c++) {
      long n = 0;
      double mean = 0;
      double squares = 0;
      for (int i = c; i < values.length; i += channels) {
        if (!Float.isNaN(values[i])) {
          n++;
          double delta = values[i] - mean;
          mean += delta / n;
          squares += delta * (values[i] - mean);
        }
      }
      BigDecimal exactMean = new BigDecimal(mean);
      BigDecimal exactSum = exactMean.multiply(BigDecimal.valueOf(n));
      count[c] += n;
      sum[c] = sum[c].add(exactSum);
      meanSquares[c] = meanSquares[c].add(exactSum.multiply(exactMean));
      squaredDeviations[c] = squaredDeviations[c].add(new BigDecimal(squares));
    }
    longestDuration = Math.max(longestDuration, sequence.duration());
  }

  /** Adds the moments of other sequences. */
  public ChannelMoments add(ChannelMoments other) {
    for (int c = 0; c < count.length; c++) {
      count[c] += other.count[c];
      sum[c] = sum[c].add(other.sum[c]);
      meanSquares[c] = meanSquares[c].add(other.meanSquares[c]);
      squaredDeviations[c] = squaredDeviations[c].add(other.squaredDeviations[c]);
    }
    longestDuration = Math.max(longestDuration, other.longestDuration);
    return this;
  }

  /** The longest duration of a sequence; 1 if none lasts. */
  public double timeScale() {
    return longestDuration > 0 ? longestDuration : 1;
  }

  /**
   * Mean and population deviation per channel; deviation 1 for a constant channel.
   *
   * @param fittedOn name of the split, for the manifest
   * @throws InvalidInputException if a channel has no value
   */
  public DataSetManifest.Standardization standardization(List<String> channels, String fittedOn) {
    List<Double> means = new ArrayList<>();
    List<Double> deviations = new ArrayList<>();
    for (int c = 0; c < count.length; c++) {
      if (count[c] == 0) {
        throw new InvalidInputException(
            "the channel '"
                + channels.get(c)
                + "' has no value in the split "
                + fittedOn
                + ", so it cannot be standardized");
      }
      BigDecimal n = BigDecimal.valueOf(count[c]);
      // times n squared, so that nothing is rounded and a constant channel has exactly 0
      BigDecimal scaledVariance =
          squaredDeviations[c].add(meanSquares[c]).multiply(n).subtract(sum[c].multiply(sum[c]));
      double variance = scaledVariance.divide(n.multiply(n), MathContext.DECIMAL128).doubleValue();
      means.add(sum[c].divide(n, MathContext.DECIMAL128).doubleValue());
      double deviation = Math.sqrt(Math.max(0, variance));
      deviations.add(deviation > 0 ? deviation : 1);
    }
    return new DataSetManifest.Standardization(means, deviations, fittedOn);
  }
}
