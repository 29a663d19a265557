package org.sparkssm.model;

import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;
import org.apache.commons.math3.linear.Array2DRowRealMatrix;
import org.apache.commons.math3.linear.EigenDecomposition;
import org.apache.commons.math3.linear.RealVector;

/**
 * Eigenvalues and eigenvectors of the normal part of HiPPO-LegS of size M = 2 N (Gu, Goel and Ré
 * 2022, arXiv 2111.00396, theorem 1): {@code -1/2 I + S} with the skew-symmetric {@code S_{nk} =
 * -sqrt((n + 1/2) (k + 1/2))} for n &gt; k. They come in conjugate pairs {@code -1/2 ± i w}; the N
 * with positive imaginary part are kept, by rising frequency w.
 */
final class HippoBasis {
  private final double[] frequencies;
  private final double[][] real;
  private final double[][] imaginary;

  private HippoBasis(int states) {
    frequencies = new double[states];
    real = new double[states][];
    imaginary = new double[states][];
  }

  /**
   * @param states N
   */
  static HippoBasis of(int states) {
    EigenDecomposition decomposition = new EigenDecomposition(skewPart(2 * states));
    double[] imaginaryParts = decomposition.getImagEigenvalues();
    List<Integer> kept =
        IntStream.range(0, 2 * states)
            .filter(i -> imaginaryParts[i] > 0)
            .boxed()
            .sorted(Comparator.comparingDouble(i -> imaginaryParts[i]))
            .toList();
    HippoBasis basis = new HippoBasis(states);
    for (int s = 0; s < states; s++) {
      // The eigenvector of a pair stands in two columns, real and imaginary part.
      RealVector re = decomposition.getEigenvector(kept.get(s));
      RealVector im = decomposition.getEigenvector(kept.get(s) + 1);
      double length = Math.hypot(re.getNorm(), im.getNorm());
      basis.frequencies[s] = imaginaryParts[kept.get(s)];
      basis.real[s] = re.mapDivide(length).toArray();
      basis.imaginary[s] = im.mapDivide(length).toArray();
    }
    return basis;
  }

  private static Array2DRowRealMatrix skewPart(int size) {
    Array2DRowRealMatrix matrix = new Array2DRowRealMatrix(size, size);
    for (int n = 0; n < size; n++) {
      for (int k = 0; k < n; k++) {
        double entry = Math.sqrt((n + 0.5) * (k + 0.5));
        matrix.setEntry(n, k, -entry);
        matrix.setEntry(k, n, entry);
      }
    }
    return matrix;
  }

  /** w of all eigenvalues. */
  double[] frequencies() {
    return frequencies.clone();
  }

  /** Real part of entry n of eigenvector s, which has unit length. */
  double real(int n, int s) {
    return real[s][n];
  }

  /** Imaginary part of entry n of eigenvector s. */
  double imaginary(int n, int s) {
    return imaginary[s][n];
  }
}
