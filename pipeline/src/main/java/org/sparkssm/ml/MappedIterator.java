package org.sparkssm.ml;

import java.util.Iterator;
import java.util.function.UnaryOperator;
import org.apache.spark.sql.catalyst.InternalRow;

/** One row for each row. */
record MappedIterator(Iterator<InternalRow> rows, UnaryOperator<InternalRow> map)
    implements Iterator<InternalRow> {
  @Override
  public boolean hasNext() {
    return rows.hasNext();
  }

  @Override
  public InternalRow next() {
    return map.apply(rows.next());
  }
}
