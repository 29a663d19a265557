package org.sparkssm.ml;

import java.io.Serializable;
import java.util.Arrays;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.util.ArrayData;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.train.LabelledSequence;

/**
 * Where rows have their sequence, and how it is read without boxing.
 *
 * @param schema of the rows
 * @param input index of values (float or double) or tokens (int)
 * @param times index of the times, double; negative: uniform
 * @param id index of the column that names a row in messages; negative: none
 */
record SequenceFields(StructType schema, int input, int times, int id) implements Serializable {

  /**
   * By the names of columns.
   *
   * @param times nullable
   * @param id the column may be absent
   */
  static SequenceFields of(StructType schema, String input, String times, String id) {
    return new SequenceFields(
        schema,
        schema.fieldIndex(input),
        times == null ? -1 : schema.fieldIndex(times),
        Arrays.asList(schema.fieldNames()).indexOf(id));
  }

  /**
   * The path of a row, checked.
   *
   * @throws InvalidInputException if a number is missing or not finite, or their count does not fit
   */
  LabelledSequence path(InternalRow row, int channels) {
    ArrayData values = array(row, input);
    float[] floats = isDouble() ? narrowed(values.toDoubleArray()) : values.toFloatArray();
    return LabelledSequence.ofValues(0, name(row), channels, floats, instants(row), null);
  }

  /**
   * The tokens of a row, checked.
   *
   * @throws InvalidInputException if one is missing
   */
  LabelledSequence tokens(InternalRow row) {
    int[] tokens = array(row, input).toIntArray();
    return LabelledSequence.ofTokens(0, name(row), tokens, instants(row), null);
  }

  /** Names a row in messages. */
  String name(InternalRow row) {
    if (id < 0 || row.isNullAt(id)) {
      return "a row";
    }
    return "the sequence with id " + row.get(id, schema.apply(id).dataType());
  }

  private boolean isDouble() {
    return schema.apply(input).dataType() instanceof ArrayType type
        && type.elementType().equals(DataTypes.DoubleType);
  }

  private double[] instants(InternalRow row) {
    return times < 0 ? null : array(row, times).toDoubleArray();
  }

  private ArrayData array(InternalRow row, int column) {
    String columnName = schema.apply(column).name();
    if (row.isNullAt(column)) {
      throw new InvalidInputException(
          name(row) + " is null in column " + columnName + ", expected an array");
    }
    ArrayData array = row.getArray(column);
    for (int i = 0; i < array.numElements(); i++) {
      if (array.isNullAt(i)) {
        throw new InvalidInputException(
            name(row) + " has a null at index " + i + " of column " + columnName);
      }
    }
    return array;
  }

  private static float[] narrowed(double[] wide) {
    float[] values = new float[wide.length];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) wide[i];
    }
    return values;
  }
}
