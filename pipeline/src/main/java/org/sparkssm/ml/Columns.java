package org.sparkssm.ml;

import java.util.Arrays;
import org.apache.spark.ml.linalg.SQLDataTypes;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.NumericType;
import org.apache.spark.sql.types.StructType;
import org.sparkssm.data.InvalidInputException;

/** Checks of column names and types for {@code transformSchema}. */
final class Columns {
  private Columns() {}

  /**
   * The type of a column.
   *
   * @param expected what the caller needs, for the message
   * @throws InvalidInputException if there is no such column
   */
  static DataType type(StructType schema, String name, String expected) {
    if (!Arrays.asList(schema.fieldNames()).contains(name)) {
      throw new InvalidInputException(
          "there is no column "
              + name
              + ", expected "
              + expected
              + "; the columns are "
              + String.join(", ", schema.fieldNames()));
    }
    return schema.apply(name).dataType();
  }

  static InvalidInputException wrongType(String name, DataType found, String expected) {
    return new InvalidInputException(
        "column " + name + " is of type " + found.simpleString() + ", expected " + expected);
  }

  static boolean isVectorOrNumbers(DataType type) {
    return type.equals(SQLDataTypes.VectorType())
        || (type instanceof ArrayType array && array.elementType() instanceof NumericType);
  }

  /**
   * The schema with one more column.
   *
   * @throws InvalidInputException if the name is taken
   */
  static StructType append(StructType schema, String name, DataType type, boolean nullable) {
    if (Arrays.asList(schema.fieldNames()).contains(name)) {
      throw new InvalidInputException(
          "column " + name + " exists already, expected a free name for the output");
    }
    return schema.add(name, type, nullable);
  }
}
