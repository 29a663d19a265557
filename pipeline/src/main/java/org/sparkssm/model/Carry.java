package org.sparkssm.model;

import java.util.ArrayList;
import java.util.List;

/**
 * How numbers that are carried along a sequence come out of a segment of it, as a function of how
 * they went in, all else being equal. Every kind but {@link Kind#SEQUENTIAL} is a map that a few
 * runs over the segment tell, so that segments can be run at the same time and joined afterwards.
 *
 * @param size of blocks or rows, by the kind
 */
public record Carry(Kind kind, int size) {
  /** What the map looks like. */
  public enum Kind {
    /** Nothing is known: segments are run one after the other. */
    SEQUENTIAL,
    /** The last {@code size} rows so far, oldest first. */
    LAST_ROWS,
    /** A sum over all rows: {@code x + b}. */
    SUM,
    /** {@code a x + b} element by element. */
    ELEMENTWISE,
    /**
     * The same of complex numbers: blocks of {@code size} real and {@code size} imaginary parts.
     */
    COMPLEX,
    /** {@code A x + b} with a matrix A. */
    AFFINE
  }

  static final Carry SEQUENTIAL = new Carry(Kind.SEQUENTIAL, 0);
  static final Carry SUM = new Carry(Kind.SUM, 0);
  static final Carry ELEMENTWISE = new Carry(Kind.ELEMENTWISE, 0);
  static final Carry AFFINE = new Carry(Kind.AFFINE, 0);

  static Carry lastRows(int rows) {
    return new Carry(Kind.LAST_ROWS, rows);
  }

  static Carry complex(int block) {
    return new Carry(Kind.COMPLEX, block);
  }

  /**
   * What to let in to learn the map: nothing, and what the kind needs beside.
   *
   * @param columns how many numbers are carried
   */
  List<double[]> probes(int columns) {
    List<double[]> probes = new ArrayList<>();
    probes.add(new double[columns]);
    switch (kind) {
      case ELEMENTWISE, COMPLEX -> {
        double[] ones = new double[columns];
        for (int k = 0; k < columns; k++) {
          ones[k] = isReal(k) ? 1 : 0;
        }
        probes.add(ones);
      }
      case AFFINE -> {
        for (int k = 0; k < columns; k++) {
          double[] unit = new double[columns];
          unit[k] = 1;
          probes.add(unit);
        }
      }
      case LAST_ROWS, SUM, SEQUENTIAL -> {}
    }
    return probes;
  }

  private boolean isReal(int k) {
    return kind == Kind.ELEMENTWISE || k / size % 2 == 0;
  }

  /**
   * What comes out of a segment.
   *
   * @param steps of the segment
   * @param found what came out for each of {@link #probes}
   * @param in what goes in
   */
  double[] out(long steps, List<double[]> found, double[] in) {
    double[] out = found.get(0).clone();
    switch (kind) {
      case LAST_ROWS -> {
        int columns = in.length / Math.max(1, size);
        int kept = (int) Math.max(0, size - steps) * columns;
        System.arraycopy(in, in.length - kept, out, 0, kept);
      }
      case SUM -> {
        for (int k = 0; k < out.length; k++) {
          out[k] += in[k];
        }
      }
      case ELEMENTWISE -> {
        for (int k = 0; k < out.length; k++) {
          out[k] += (found.get(1)[k] - found.get(0)[k]) * in[k];
        }
      }
      case COMPLEX -> rotate(found, in, out);
      case AFFINE -> {
        for (int k = 0; k < in.length; k++) {
          for (int n = 0; n < out.length; n++) {
            out[n] += (found.get(k + 1)[n] - found.get(0)[n]) * in[k];
          }
        }
      }
      case SEQUENTIAL -> throw new IllegalStateException("the map of a segment is not known");
    }
    return out;
  }

  private void rotate(List<double[]> found, double[] in, double[] out) {
    for (int re = 0; re < out.length; re++) {
      if (isReal(re)) {
        int im = re + size;
        double factorRe = found.get(1)[re] - found.get(0)[re];
        double factorIm = found.get(1)[im] - found.get(0)[im];
        out[re] += factorRe * in[re] - factorIm * in[im];
        out[im] += factorRe * in[im] + factorIm * in[re];
      }
    }
  }
}
