package org.sparkssm.ml;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.catalyst.expressions.JoinedRow;
import org.sparkssm.train.LabelledSequence;

/** Appends columns to rows, a batch of sequences at a time; reads ahead by one batch. */
final class RowBatches implements Iterator<InternalRow> {

  /** How a batch is read and worked on. */
  interface Work {
    /** Reads and checks the sequence of a row. */
    LabelledSequence read(InternalRow row);

    /**
     * The columns to append to each row, in Spark's internal form.
     *
     * @param sequences those of the rows
     */
    List<Object[]> columns(List<InternalRow> rows, List<LabelledSequence> sequences);
  }

  private final Iterator<InternalRow> rows;
  private final int mostRows;
  private final long mostSteps;
  private final Work work;
  private final Deque<InternalRow> ready = new ArrayDeque<>();

  /**
   * @param mostSteps of the sequences of a batch together; a longer one is a batch by itself
   */
  RowBatches(Iterator<InternalRow> rows, int mostRows, long mostSteps, Work work) {
    this.rows = rows;
    this.mostRows = mostRows;
    this.mostSteps = mostSteps;
    this.work = work;
  }

  @Override
  public boolean hasNext() {
    return !ready.isEmpty() || rows.hasNext();
  }

  @Override
  public InternalRow next() {
    if (ready.isEmpty()) {
      if (!rows.hasNext()) {
        throw new NoSuchElementException();
      }
      workOnABatch();
    }
    return ready.remove();
  }

  private void workOnABatch() {
    List<InternalRow> batch = new ArrayList<>();
    List<LabelledSequence> sequences = new ArrayList<>();
    long steps = 0;
    while (rows.hasNext() && batch.size() < mostRows && steps < mostSteps) {
      InternalRow row = rows.next();
      LabelledSequence sequence = work.read(row);
      batch.add(row);
      sequences.add(sequence);
      steps += sequence.length();
    }
    List<Object[]> columns = work.columns(batch, sequences);
    for (int b = 0; b < batch.size(); b++) {
      ready.add(new JoinedRow(batch.get(b), new GenericInternalRow(columns.get(b))));
    }
  }
}
