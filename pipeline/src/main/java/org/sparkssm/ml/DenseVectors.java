package org.sparkssm.ml;

import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.catalyst.expressions.UnsafeArrayData;

/** MLlib's dense vectors in Spark's internal form. */
final class DenseVectors {
  /** How a dense vector is marked in MLlib's vector type. */
  private static final byte DENSE = 1;

  private DenseVectors() {}

  static InternalRow of(double[] values) {
    return new GenericInternalRow(
        new Object[] {DENSE, null, null, UnsafeArrayData.fromPrimitiveArray(values)});
  }

  static InternalRow of(float[] values) {
    double[] wide = new double[values.length];
    for (int i = 0; i < wide.length; i++) {
      wide[i] = values[i];
    }
    return of(wide);
  }
}
