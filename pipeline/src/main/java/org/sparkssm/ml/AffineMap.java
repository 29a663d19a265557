package org.sparkssm.ml;

import java.io.Serializable;
import org.apache.spark.ml.linalg.Vector;
import org.sparkssm.data.InvalidInputException;

/**
 * {@code y = weights^T x + intercepts} in double precision, summed in the order of the inputs.
 *
 * @param weights [inputs, outputs], row-major
 * @param intercepts [outputs]
 */
@SuppressWarnings("ArrayRecordComponent") // a carrier, never compared
record AffineMap(int inputs, int outputs, double[] weights, double[] intercepts)
    implements Serializable {

  /**
   * The image of one row.
   *
   * @return [outputs]
   * @throws InvalidInputException if the vector is missing or of another size
   */
  double[] apply(Vector row) {
    if (row == null || row.size() != inputs) {
      throw new InvalidInputException(
          "a row has %s, expected %d features as in training"
              .formatted(row == null ? "no features" : row.size() + " features", inputs));
    }
    double[] x = row.toArray();
    double[] y = intercepts.clone();
    for (int j = 0; j < inputs; j++) {
      for (int k = 0; k < outputs; k++) {
        y[k] += x[j] * weights[j * outputs + k];
      }
    }
    return y;
  }
}
