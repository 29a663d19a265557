package org.sparkssm.ml;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import org.apache.spark.TaskContext;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.UnsafeArrayData;
import org.apache.spark.util.TaskCompletionListener;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.kernel.CdeSolver;
import org.sparkssm.kernel.Device;
import org.sparkssm.kernel.Kernels;
import org.sparkssm.model.RandomLinearCdeStates;
import org.sparkssm.spark.PartitionMap;
import org.sparkssm.spark.TaskDevice;
import org.sparkssm.train.LabelledSequence;

/**
 * Appends to each row of a partition the final state of a random Linear CDE along its path; rows
 * are gathered into batches of bounded size.
 *
 * @param fields nullable where there are no rows to read
 * @param asVector whether states are written as MLlib vectors, or as array of float
 * @param device where the arithmetic runs
 */
record StateRows(
    SequenceFields fields,
    int channels,
    int stateSize,
    CdeSolver solver,
    double scaling,
    long seed,
    boolean asVector,
    Device device)
    implements PartitionMap.Function {
  private static final int BATCH_ROWS = 256;
  private static final int BATCH_VALUES = 1 << 20;

  @Override
  public Iterator<InternalRow> apply(Iterator<InternalRow> rows) {
    Kernels kernels = TaskDevice.open(device);
    TaskCompletionListener close = context -> kernels.close();
    TaskContext.get().addTaskCompletionListener(close);
    RandomLinearCdeStates states =
        new RandomLinearCdeStates(kernels, channels, stateSize, solver, scaling, seed);
    return new RowBatches(rows, BATCH_ROWS, BATCH_VALUES / channels, new Solve(states));
  }

  private final class Solve implements RowBatches.Work {
    private final RandomLinearCdeStates states;

    Solve(RandomLinearCdeStates states) {
      this.states = states;
    }

    @Override
    public LabelledSequence read(InternalRow row) {
      LabelledSequence path = fields.path(row, channels);
      if (path.length() == 0) {
        throw new InvalidInputException(
            fields.name(row) + " has no point, expected at least one to start from");
      }
      return path;
    }

    @Override
    public List<Object[]> columns(List<InternalRow> rows, List<LabelledSequence> sequences) {
      float[][] solved =
          states.of(
              sequences.stream()
                  .map(path -> new RandomLinearCdeStates.Path(path.values(), path.times()))
                  .toList());
      List<Object[]> columns = new ArrayList<>();
      for (int b = 0; b < solved.length; b++) {
        float[] state = checked(rows.get(b), solved[b]);
        columns.add(
            new Object[] {
              asVector ? DenseVectors.of(state) : UnsafeArrayData.fromPrimitiveArray(state)
            });
      }
      return columns;
    }

    private float[] checked(InternalRow row, float[] state) {
      for (float number : state) {
        if (!Float.isFinite(number)) {
          throw new InvalidInputException(
              "the state of "
                  + fields.name(row)
                  + " is not finite: its path moves too far; scale the values down");
        }
      }
      return state;
    }
  }
}
