package org.sparkssm.ml;

import java.nio.ByteBuffer;
import java.util.Iterator;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.catalyst.util.ArrayData;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.data.SequenceSchema;
import org.sparkssm.spark.PartitionMap;

/** Checks paths and packs their doubles into bytes, which travel through Spark unboxed. */
final class PackedPaths implements PartitionMap.Function {
  private static final long serialVersionUID = 1L;

  static final StructType SCHEMA =
      new StructType()
          .add(SequenceSchema.ID, DataTypes.LongType, false)
          .add("path", DataTypes.BinaryType, false);

  private final int channels;
  private final boolean isFloat;

  PackedPaths(int channels, ArrayType type) {
    this.channels = channels;
    isFloat = type.elementType().equals(DataTypes.FloatType);
  }

  @Override
  public Iterator<InternalRow> apply(Iterator<InternalRow> rows) {
    return new MappedIterator(rows, this::packed);
  }

  private InternalRow packed(InternalRow row) {
    if (row.isNullAt(0)) {
      throw new InvalidInputException("a row has no id, expected a whole number");
    }
    long id = row.getLong(0);
    if (row.isNullAt(1)) {
      throw invalid(id, "no values, expected an array");
    }
    ArrayData values = row.getArray(1);
    int size = values.numElements();
    if (size % channels != 0) {
      throw invalid(id, size + " values, expected a multiple of " + channels + " channels");
    }
    ByteBuffer bytes = ByteBuffer.allocate(Math.multiplyExact(size, Double.BYTES));
    for (int i = 0; i < size; i++) {
      double value =
          values.isNullAt(i) ? Double.NaN : isFloat ? values.getFloat(i) : values.getDouble(i);
      if (!Double.isFinite(value)) {
        throw invalid(
            id,
            (values.isNullAt(i) ? "a null" : value)
                + " at step "
                + i / channels
                + ", channel "
                + (i % channels + 1)
                + ", expected a finite number");
      }
      bytes.putDouble(value);
    }
    return new GenericInternalRow(new Object[] {id, bytes.array()});
  }

  private static InvalidInputException invalid(long id, String what) {
    return new InvalidInputException("row id = " + id + " has " + what);
  }
}
