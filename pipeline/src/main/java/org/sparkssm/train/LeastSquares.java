package org.sparkssm.train;

/**
 * The linear map of least squared error and, among those, of least norm, from the triangular factor
 * of the data.
 *
 * <p>The rows behind the factor are {@code [1, x, y]} with an intercept and {@code [x, y]} without.
 * With an intercept, the factor's rows below the first belong to the centred data, so the intercept
 * takes no part in the norm. Features are scaled to equal norms where {@code standardized}; then
 * singular values up to {@code tolerance} times the largest one count as zero, and the norm that is
 * least is that of the scaled weights.
 *
 * @param features number of features, p
 * @param outputs number of outputs, k
 * @param rows number of rows fitted
 * @param rank singular values kept
 * @param condition largest over smallest singular value kept; 1 at rank 0
 * @param weights [p, k], row-major, in the units of the data; 0 for a constant feature
 * @param intercepts [k]; 0 without an intercept
 * @param residualSquares [k], sum of squared residuals
 * @param totalSquares [k], sum of squares of y, about its mean with an intercept
 */
@SuppressWarnings("ArrayRecordComponent") // a carrier of results, never compared
public record LeastSquares(
    int features,
    int outputs,
    long rows,
    int rank,
    double condition,
    double[] weights,
    double[] intercepts,
    double[] residualSquares,
    double[] totalSquares) {

  /**
   * Solves for the weights.
   *
   * @param factor of rows {@code [1, x, y]} or {@code [x, y]}
   * @param outputs k, at least 1
   * @param tolerance at least 0 and below 1
   * @throws ArithmeticException if the factor is not finite
   */
  public static LeastSquares solve(
      TriangularFactor factor,
      int outputs,
      boolean intercept,
      boolean standardized,
      double tolerance) {
    int first = intercept ? 1 : 0;
    int p = factor.columns() - outputs - first;
    double[] scales = columnNorms(factor, first, p);
    if (!standardized) {
      for (int j = 0; j < p; j++) {
        scales[j] = scales[j] > 0 ? 1 : 0;
      }
    }
    double[] a = scaledFeatures(factor, first, p, scales);
    SingularValues decomposition = SingularValues.of(p, a);
    int rank = rank(decomposition.s(), tolerance);
    double[] weights = new double[p * outputs];
    double[] intercepts = new double[outputs];
    double[] residualSquares = new double[outputs];
    double[] totalSquares = new double[outputs];
    for (int k = 0; k < outputs; k++) {
      int column = first + p + k;
      double[] target = column(factor, first, first + p, column);
      double[] scaled = minimumNorm(decomposition, rank, target);
      for (int j = 0; j < p; j++) {
        weights[j * outputs + k] = scales[j] > 0 ? scaled[j] / scales[j] : 0;
      }
      double outside = sumOfSquares(column(factor, first + p, column + 1, column));
      residualSquares[k] = residualSquare(a, p, scaled, target) + outside;
      totalSquares[k] = sumOfSquares(target) + outside;
      if (intercept) {
        intercepts[k] = intercept(factor, weights, p, outputs, k);
      }
    }
    double condition = rank == 0 ? 1 : decomposition.s()[0] / decomposition.s()[rank - 1];
    return new LeastSquares(
        p,
        outputs,
        factor.rows(),
        rank,
        condition,
        weights,
        intercepts,
        residualSquares,
        totalSquares);
  }

  /** Share of the variance of output {@code k} that is explained; 1 for a constant one. */
  public double r2(int k) {
    return totalSquares[k] > 0 ? 1 - residualSquares[k] / totalSquares[k] : 1;
  }

  /** Root mean squared error of output {@code k} on the rows fitted. */
  public double rootMeanSquaredError(int k) {
    return Math.sqrt(residualSquares[k] / rows);
  }

  private static double[] columnNorms(TriangularFactor factor, int first, int p) {
    double[] norms = new double[p];
    for (int j = 0; j < p; j++) {
      double whole = Math.sqrt(sumOfSquares(column(factor, 0, first + j + 1, first + j)));
      double norm = Math.sqrt(sumOfSquares(column(factor, first, first + j + 1, first + j)));
      if (!Double.isFinite(whole)) {
        throw new ArithmeticException("feature " + j + " is not finite or its square overflows");
      }
      // what is left of a constant feature after centring is rounding
      norms[j] = norm > factor.columns() * Math.ulp(1.0) * whole ? norm : 0;
    }
    return norms;
  }

  private static double[] scaledFeatures(
      TriangularFactor factor, int first, int p, double[] scales) {
    double[] a = new double[Math.multiplyExact(p, p)];
    for (int i = 0; i < p; i++) {
      for (int j = i; j < p; j++) {
        a[i * p + j] = scales[j] > 0 ? factor.get(first + i, first + j) / scales[j] : 0;
      }
    }
    return a;
  }

  private static int rank(double[] s, double tolerance) {
    int rank = 0;
    while (rank < s.length && s[rank] > tolerance * s[0]) {
      rank++;
    }
    return rank;
  }

  /** {@code V diag(1 / s) U^T target} over the leading {@code rank} singular values. */
  private static double[] minimumNorm(SingularValues svd, int rank, double[] target) {
    int p = svd.n();
    double[] solution = new double[p];
    double[] u = svd.u();
    double[] vt = svd.vt();
    for (int i = 0; i < rank; i++) {
      double projection = 0;
      for (int j = 0; j < p; j++) {
        projection += u[j * p + i] * target[j];
      }
      double coordinate = projection / svd.s()[i];
      for (int j = 0; j < p; j++) {
        solution[j] += coordinate * vt[i * p + j];
      }
    }
    return solution;
  }

  private static double residualSquare(double[] a, int p, double[] solution, double[] target) {
    double sum = 0;
    for (int i = 0; i < p; i++) {
      double residual = target[i];
      for (int j = i; j < p; j++) {
        residual -= a[i * p + j] * solution[j];
      }
      sum += residual * residual;
    }
    return sum;
  }

  /** Mean of output k less the weighted means of the features; row 0 holds the means. */
  private static double intercept(
      TriangularFactor factor, double[] weights, int p, int outputs, int k) {
    double sum = factor.get(0, 1 + p + k);
    for (int j = 0; j < p; j++) {
      sum -= factor.get(0, 1 + j) * weights[j * outputs + k];
    }
    return sum / factor.get(0, 0);
  }

  private static double[] column(TriangularFactor factor, int from, int to, int column) {
    double[] values = new double[to - from];
    for (int i = from; i < to; i++) {
      values[i - from] = factor.get(i, column);
    }
    return values;
  }

  private static double sumOfSquares(double[] values) {
    double sum = 0;
    for (double value : values) {
      sum += value * value;
    }
    return sum;
  }
}
