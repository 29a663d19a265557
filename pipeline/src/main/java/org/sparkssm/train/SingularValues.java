package org.sparkssm.train;

import org.apache.commons.math3.linear.Array2DRowRealMatrix;
import org.apache.commons.math3.linear.SingularValueDecomposition;
import org.bytedeco.openblas.global.openblas;

/**
 * The singular value decomposition {@code A = U diag(s) V^T} of a small square matrix.
 *
 * <p>LAPACK's dgesdd on one thread where OpenBLAS can be loaded, and Commons Math (about a hundred
 * times slower at 1,000 columns) elsewhere. Both have a relative error of s of a few units of
 * rounding times s[0].
 *
 * @param n rows and columns
 * @param u [n, n], row-major
 * @param s [n], descending
 * @param vt [n, n], row-major: V transposed
 */
@SuppressWarnings("ArrayRecordComponent") // a carrier of results, never compared
record SingularValues(int n, double[] u, double[] s, double[] vt) {

  /**
   * Decomposes {@code a}.
   *
   * @param a [n, n], row-major, finite; not modified
   */
  static SingularValues of(int n, double[] a) {
    return OpenBlas.AVAILABLE ? byLapack(n, a) : byCommonsMath(n, a);
  }

  static SingularValues byLapack(int n, double[] a) {
    double[] s = new double[n];
    double[] u = new double[n * n];
    double[] vt = new double[n * n];
    int info =
        openblas.LAPACKE_dgesdd(
            openblas.LAPACK_ROW_MAJOR, (byte) 'A', n, n, a.clone(), n, s, u, n, vt, n);
    if (info != 0) {
      throw new ArithmeticException(
          "the singular value decomposition of a " + n + " x " + n + " matrix failed: " + info);
    }
    return new SingularValues(n, u, s, vt);
  }

  static SingularValues byCommonsMath(int n, double[] a) {
    Array2DRowRealMatrix matrix = new Array2DRowRealMatrix(n, n);
    for (int i = 0; i < n; i++) {
      for (int j = 0; j < n; j++) {
        matrix.setEntry(i, j, a[i * n + j]);
      }
    }
    SingularValueDecomposition decomposition = new SingularValueDecomposition(matrix);
    return new SingularValues(
        n,
        rowMajor(decomposition.getU().getData()),
        decomposition.getSingularValues(),
        rowMajor(decomposition.getVT().getData()));
  }

  private static double[] rowMajor(double[][] matrix) {
    int n = matrix.length;
    double[] dense = new double[n * n];
    for (int i = 0; i < n; i++) {
      System.arraycopy(matrix[i], 0, dense, i * n, n);
    }
    return dense;
  }

  private static final class OpenBlas {
    static final boolean AVAILABLE = load();

    private OpenBlas() {}

    private static boolean load() {
      try {
        openblas.blas_set_num_threads(1);
        return true;
      } catch (LinkageError missing) {
        return false;
      }
    }
  }
}
