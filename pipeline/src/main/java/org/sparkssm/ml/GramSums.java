package org.sparkssm.ml;

import java.util.Iterator;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.sparkssm.signature.SignatureKernel;
import org.sparkssm.spark.PartitionMap;

/**
 * The sums of the kernels of pairs of blocks; where both blocks are of one data set, without those
 * of a path with itself.
 */
record GramSums(GramKernel kernel, boolean isSymmetric) implements PartitionMap.Function {
  private static final long serialVersionUID = 1L;

  @Override
  public Iterator<InternalRow> apply(Iterator<InternalRow> pairs) {
    SignatureKernel one = kernel.create();
    return new MappedIterator(pairs, row -> sum(new BlockPair(row, isSymmetric), one));
  }

  private InternalRow sum(BlockPair pair, SignatureKernel one) {
    int columns = pair.columnIds.length;
    boolean isDiagonal = isSymmetric && pair.rowBlock == pair.columnBlock;
    double[] values = pair.kernels(one, kernel.isFloat());
    double sum = 0;
    for (int i = 0; i < values.length; i++) {
      sum += isDiagonal && i / columns == i % columns ? 0 : values[i];
    }
    return new GenericInternalRow(
        new Object[] {pair.rowBlock, pair.columnBlock, pair.rowIds.length, columns, sum});
  }
}
