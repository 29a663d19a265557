package org.sparkssm.ml;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Iterator;
import java.util.NoSuchElementException;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.catalyst.expressions.UnsafeArrayData;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.sparkssm.spark.PartitionMap;

/**
 * The rows of blocks of a Gram matrix: each row's share, with the number of the block of columns it
 * covers. A block above the diagonal of a symmetric matrix gives those of its transpose too.
 */
record GramRowParts(boolean isSymmetric) implements PartitionMap.Function {
  private static final long serialVersionUID = 1L;

  static final StructType SCHEMA =
      new StructType()
          .add("id", DataTypes.LongType, false)
          .add("block", DataTypes.IntegerType, false)
          .add("part", DataTypes.createArrayType(DataTypes.DoubleType, false), false);

  @Override
  public Iterator<InternalRow> apply(Iterator<InternalRow> blocks) {
    return new Iterator<>() {
      private final Deque<InternalRow> ready = new ArrayDeque<>();

      @Override
      public boolean hasNext() {
        return !ready.isEmpty() || blocks.hasNext();
      }

      @Override
      public InternalRow next() {
        if (ready.isEmpty()) {
          if (!blocks.hasNext()) {
            throw new NoSuchElementException();
          }
          split(blocks.next(), ready);
        }
        return ready.remove();
      }
    };
  }

  private void split(InternalRow block, Deque<InternalRow> parts) {
    int rowBlock = block.getInt(0);
    int columnBlock = block.getInt(1);
    long[] rowIds = block.getArray(2).toLongArray();
    long[] columnIds = block.getArray(3).toLongArray();
    double[] values = block.getArray(4).toDoubleArray();
    int columns = columnIds.length;
    for (int i = 0; i < rowIds.length; i++) {
      parts.add(part(rowIds[i], columnBlock, values, i * columns, 1, columns));
    }
    if (isSymmetric && rowBlock != columnBlock) {
      for (int j = 0; j < columns; j++) {
        parts.add(part(columnIds[j], rowBlock, values, j, columns, rowIds.length));
      }
    }
  }

  private static InternalRow part(
      long id, int block, double[] values, int start, int stride, int size) {
    double[] part = new double[size];
    for (int i = 0; i < size; i++) {
      part[i] = values[start + i * stride];
    }
    return new GenericInternalRow(
        new Object[] {id, block, UnsafeArrayData.fromPrimitiveArray(part)});
  }
}
