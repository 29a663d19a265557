package org.sparkssm.ml;

import java.util.Iterator;
import org.apache.spark.sql.catalyst.InternalRow;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.spark.PartitionMap;

/** Rows in the order of their first column, an id, as long as no id repeats. */
final class DistinctIds implements PartitionMap.Function {
  private static final long serialVersionUID = 1L;

  @Override
  public Iterator<InternalRow> apply(Iterator<InternalRow> rows) {
    return new Iterator<>() {
      private boolean hasLast;
      private long last;

      @Override
      public boolean hasNext() {
        return rows.hasNext();
      }

      @Override
      public InternalRow next() {
        InternalRow row = rows.next();
        long id = row.getLong(0);
        if (hasLast && id == last) {
          throw new InvalidInputException(
              "two rows have id = " + id + ", expected a row of its own for each id");
        }
        hasLast = true;
        last = id;
        return row;
      }
    };
  }
}
