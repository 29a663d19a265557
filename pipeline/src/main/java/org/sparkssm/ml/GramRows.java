package org.sparkssm.ml;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.sparkssm.spark.PartitionMap;

/** Joins the parts of each row of a Gram matrix, which come in the order of ids and blocks. */
final class GramRows implements PartitionMap.Function {
  private static final long serialVersionUID = 1L;

  @Override
  public Iterator<InternalRow> apply(Iterator<InternalRow> parts) {
    return new Iterator<>() {
      private InternalRow ahead = parts.hasNext() ? parts.next() : null;

      @Override
      public boolean hasNext() {
        return ahead != null;
      }

      @Override
      public InternalRow next() {
        if (ahead == null) {
          throw new NoSuchElementException();
        }
        long id = ahead.getLong(0);
        List<double[]> own = new ArrayList<>();
        int size = 0;
        while (ahead != null && ahead.getLong(0) == id) {
          double[] part = ahead.getArray(2).toDoubleArray();
          own.add(part);
          size += part.length;
          ahead = parts.hasNext() ? parts.next() : null;
        }
        double[] row = new double[size];
        int at = 0;
        for (double[] part : own) {
          System.arraycopy(part, 0, row, at, part.length);
          at += part.length;
        }
        return new GenericInternalRow(new Object[] {id, DenseVectors.of(row)});
      }
    };
  }
}
