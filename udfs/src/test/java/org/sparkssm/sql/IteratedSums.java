package org.sparkssm.sql;

import java.util.Arrays;

/**
 * Signatures up to level 3 from the definition: with x the increment since the first point and dx
 * that of a step, over the steps in order,
 *
 * <pre>
 * S_i += dx_i,  S_ij += (x_i + dx_i / 2) dx_j,  S_ijk += (S_ij + x_i dx_j / 2 + dx_i dx_j / 6) dx_k
 * </pre>
 */
final class IteratedSums {
  private final int channels;
  private final double[] first;
  private final double[] second;
  private final double[] third;
  private double[] last;

  IteratedSums(int channels) {
    this.channels = channels;
    first = new double[channels];
    second = new double[channels * channels];
    third = new double[channels * channels * channels];
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
      double[] dx = new double[channels];
      for (int c = 0; c < channels; c++) {
        dx[c] = point[c] - last[c];
      }
      for (int i = 0; i < channels; i++) {
        for (int j = 0; j < channels; j++) {
          int ij = i * channels + j;
          double inner = second[ij] + first[i] * dx[j] / 2 + dx[i] * dx[j] / 6;
          for (int k = 0; k < channels; k++) {
            third[ij * channels + k] += inner * dx[k];
          }
          second[ij] += (first[i] + dx[i] / 2) * dx[j];
        }
      }
      for (int i = 0; i < channels; i++) {
        first[i] += dx[i];
      }
    }
    last = point.clone();
  }

  /** The levels up to {@code depth} one after another. */
  double[] upTo(int depth) {
    double[][] levels = {first, second, third};
    int size = 0;
    for (int k = 0; k < depth; k++) {
      size += levels[k].length;
    }
    double[] out = new double[size];
    for (int k = 0, at = 0; k < depth; at += levels[k].length, k++) {
      System.arraycopy(levels[k], 0, out, at, levels[k].length);
    }
    return out;
  }
}
