package org.sparkssm.ml;

import org.apache.spark.ml.param.Param;
import org.apache.spark.ml.param.Params;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.StructType;

/** Column Params that a linear readout and its model share. */
final class ReadoutColumns {
  private ReadoutColumns() {}

  static Param<String> featuresCol(Params parent) {
    return new Param<>(parent, "featuresCol", "column of features: a vector or array of numbers");
  }

  static Param<String> predictionCol(Params parent) {
    return new Param<>(
        parent, "predictionCol", "column for predictions: a number, or a vector for many outputs");
  }

  static void checkFeatures(StructType schema, String name) {
    DataType type = Columns.type(schema, name, "a vector or array of numbers");
    if (!Columns.isVectorOrNumbers(type)) {
      throw Columns.wrongType(name, type, "a vector or array of numbers");
    }
  }
}
