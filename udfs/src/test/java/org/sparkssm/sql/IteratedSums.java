package org.sparkssm.sql;

import java.util.Arrays;

/**
 * Signatures up to level 3 from the definition: with x the increment since the first point and dx
 * that of a step, over the steps in order,
 *
 * <pre>
 * S_i += dx_i,  S_ij += (x_i + dx_i / 2) dx_j,  S_ijk += (S_ij + x_i dx_j / 2 + dx_i dx_j / 6) dx_k
 * </pre>
 *
 * <p>Sums have 31 digits: over millions of steps they may grow large before they cancel.
 */
final class IteratedSums {
  private final int channels;
  private final Extended[] first;
  private final Extended[] second;
  private final Extended[] third;
  private double[] last;

  IteratedSums(int channels) {
    this.channels = channels;
    first = zeros(channels);
    second = zeros(channels * channels);
    third = zeros(channels * channels * channels);
  }

  /** Of a path, {@code [length, channels]} row-major. */
  static double[] of(double[] path, int channels) {
    IteratedSums sums = new IteratedSums(channels);
    for (int l = 0; l < path.length / channels; l++) {
      sums.add(Arrays.copyOfRange(path, l * channels, (l + 1) * channels));
    }
    return sums.upTo(3);
  }

  /** Takes the next point. */
  void add(double... point) {
    if (last != null) {
      Extended[] dx = new Extended[channels];
      for (int c = 0; c < channels; c++) {
        dx[c] = Extended.difference(point[c], last[c]);
      }
      for (int i = 0; i < channels; i++) {
        for (int j = 0; j < channels; j++) {
          int ij = i * channels + j;
          Extended inner =
              second[ij].plus(first[i].times(dx[j]).half()).plus(dx[i].times(dx[j]).over(6));
          for (int k = 0; k < channels; k++) {
            third[ij * channels + k] = third[ij * channels + k].plus(inner.times(dx[k]));
          }
          second[ij] = second[ij].plus(first[i].plus(dx[i].half()).times(dx[j]));
        }
      }
      for (int i = 0; i < channels; i++) {
        first[i] = first[i].plus(dx[i]);
      }
    }
    last = point.clone();
  }

  /** The levels up to {@code depth} one after another. */
  double[] upTo(int depth) {
    Extended[][] levels = {first, second, third};
    return Arrays.stream(levels, 0, depth)
        .flatMap(Arrays::stream)
        .mapToDouble(Extended::high)
        .toArray();
  }

  private static Extended[] zeros(int size) {
    Extended[] zeros = new Extended[size];
    Arrays.fill(zeros, Extended.ZERO);
    return zeros;
  }
}
