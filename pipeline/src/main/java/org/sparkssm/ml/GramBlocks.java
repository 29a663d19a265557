package org.sparkssm.ml;

import java.util.Iterator;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.catalyst.expressions.UnsafeArrayData;
import org.sparkssm.signature.SignatureKernel;
import org.sparkssm.spark.PartitionMap;

/** The kernels of pairs of blocks. */
record GramBlocks(GramKernel kernel, boolean isSymmetric) implements PartitionMap.Function {
  private static final long serialVersionUID = 1L;

  @Override
  public Iterator<InternalRow> apply(Iterator<InternalRow> pairs) {
    SignatureKernel one = kernel.create();
    return new MappedIterator(
        pairs,
        row -> {
          BlockPair pair = new BlockPair(row, isSymmetric);
          return new GenericInternalRow(
              new Object[] {
                pair.rowBlock,
                pair.columnBlock,
                UnsafeArrayData.fromPrimitiveArray(pair.rowIds),
                UnsafeArrayData.fromPrimitiveArray(pair.columnIds),
                UnsafeArrayData.fromPrimitiveArray(pair.kernels(one, kernel.isFloat()))
              });
        });
  }
}
