package org.sparkssm.ml;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.catalyst.expressions.UnsafeArrayData;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.sparkssm.signature.SignatureSize;
import org.sparkssm.spark.PartitionMap;

/**
 * Gathers paths into blocks. Input rows are {@code id}, {@code path}, {@code rank}, {@code block}
 * in the order of blocks and ranks.
 */
final class PathBlocks implements PartitionMap.Function {
  private static final long serialVersionUID = 1L;

  /** A block: the ids of its paths, the number of values of each, and all values in turn. */
  static final StructType SCHEMA =
      new StructType()
          .add("block", DataTypes.IntegerType, false)
          .add("ids", DataTypes.createArrayType(DataTypes.LongType, false), false)
          .add("sizes", DataTypes.createArrayType(DataTypes.IntegerType, false), false)
          .add("values", DataTypes.createArrayType(DataTypes.DoubleType, false), false);

  private final int channels;
  private final long maxBytes;

  PathBlocks(int channels, long maxBytes) {
    this.channels = channels;
    this.maxBytes = maxBytes;
  }

  @Override
  public Iterator<InternalRow> apply(Iterator<InternalRow> rows) {
    return new Iterator<>() {
      private InternalRow ahead = rows.hasNext() ? rows.next() : null;

      @Override
      public boolean hasNext() {
        return ahead != null;
      }

      @Override
      public InternalRow next() {
        if (ahead == null) {
          throw new NoSuchElementException();
        }
        int block = ahead.getInt(3);
        List<InternalRow> paths = new ArrayList<>();
        while (ahead != null && ahead.getInt(3) == block) {
          paths.add(ahead);
          ahead = rows.hasNext() ? rows.next() : null;
        }
        return gathered(block, paths);
      }
    };
  }

  private InternalRow gathered(int block, List<InternalRow> paths) {
    long[] ids = new long[paths.size()];
    int[] sizes = new int[paths.size()];
    long total = 0;
    for (int i = 0; i < ids.length; i++) {
      ids[i] = paths.get(i).getLong(0);
      sizes[i] = paths.get(i).getBinary(1).length / Double.BYTES;
      total += sizes[i];
    }
    int size =
        SignatureSize.requireWithin(
            "a block of " + ids.length + " paths of " + channels + " channels",
            total,
            Double.BYTES,
            maxBytes);
    double[] values = new double[size];
    int at = 0;
    for (InternalRow path : paths) {
      byte[] bytes = path.getBinary(1);
      ByteBuffer.wrap(bytes).asDoubleBuffer().get(values, at, bytes.length / Double.BYTES);
      at += bytes.length / Double.BYTES;
    }
    return new GenericInternalRow(
        new Object[] {
          block,
          UnsafeArrayData.fromPrimitiveArray(ids),
          UnsafeArrayData.fromPrimitiveArray(sizes),
          UnsafeArrayData.fromPrimitiveArray(values)
        });
  }
}
