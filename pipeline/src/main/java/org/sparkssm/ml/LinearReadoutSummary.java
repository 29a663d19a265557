package org.sparkssm.ml;

import org.sparkssm.train.LeastSquares;

/**
 * How a linear readout came out on the rows it was fitted to.
 *
 * @param rows number of rows
 * @param rank singular values above the tolerance; below the number of features if some are
 *     collinear or constant
 * @param condition largest over smallest singular value kept
 * @param rootMeanSquaredErrors one per output
 * @param r2 one per output: share of the variance explained
 */
@SuppressWarnings("ArrayRecordComponent") // a carrier of results, never compared
public record LinearReadoutSummary(
    long rows, int rank, double condition, double[] rootMeanSquaredErrors, double[] r2) {

  static LinearReadoutSummary of(LeastSquares solution) {
    double[] errors = new double[solution.outputs()];
    double[] r2 = new double[solution.outputs()];
    for (int k = 0; k < solution.outputs(); k++) {
      errors[k] = solution.rootMeanSquaredError(k);
      r2[k] = solution.r2(k);
    }
    return new LinearReadoutSummary(
        solution.rows(), solution.rank(), solution.condition(), errors, r2);
  }
}
