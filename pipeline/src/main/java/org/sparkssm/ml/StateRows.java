package org.sparkssm.ml;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.function.MapPartitionsFunction;
import org.apache.spark.ml.linalg.Vectors;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.util.TaskCompletionListener;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.kernel.CdeSolver;
import org.sparkssm.kernel.Device;
import org.sparkssm.kernel.Kernels;
import org.sparkssm.model.RandomLinearCdeStates;
import org.sparkssm.model.RandomLinearCdeStates.Path;

/**
 * Appends to each row of a partition the final state of a random Linear CDE along its path; rows
 * are gathered into batches of bounded size.
 *
 * @param values index of the paths' column, float[]
 * @param times index of the times' column, double[]; negative: uniform
 * @param id index of the id column, for messages; negative: none
 * @param asVector whether states are written as MLlib vectors, or as float[]
 * @param device where the arithmetic runs
 */
record StateRows(
    int values,
    int times,
    int id,
    int channels,
    int stateSize,
    CdeSolver solver,
    double scaling,
    long seed,
    boolean asVector,
    Device device)
    implements MapPartitionsFunction<Row, Row> {
  private static final int BATCH_ROWS = 256;
  private static final int BATCH_VALUES = 1 << 20;

  @Override
  public Iterator<Row> call(Iterator<Row> rows) {
    Kernels kernels = device.open();
    TaskCompletionListener close = context -> kernels.close();
    TaskContext.get().addTaskCompletionListener(close);
    return new Batches(
        rows, new RandomLinearCdeStates(kernels, channels, stateSize, solver, scaling, seed));
  }

  private Path path(Row row) {
    if (row.isNullAt(values)) {
      throw new InvalidInputException(name(row) + " has no values");
    }
    float[] path = row.getAs(values);
    if (path.length == 0 || path.length % channels != 0) {
      throw new InvalidInputException(
          "%s has %d values, expected a positive multiple of %d channels"
              .formatted(name(row), path.length, channels));
    }
    return new Path(path, times < 0 ? null : times(row, path.length / channels));
  }

  private double[] times(Row row, int points) {
    if (row.isNullAt(times)) {
      throw new InvalidInputException(name(row) + " has no times");
    }
    double[] instants = row.getAs(times);
    if (instants.length != points) {
      throw new InvalidInputException(
          "%s has %d times, expected %d, one per step"
              .formatted(name(row), instants.length, points));
    }
    for (int l = 1; l < points; l++) {
      if (!(instants[l] > instants[l - 1])) {
        throw new InvalidInputException(
            "the times of %s do not increase at step %d: %s after %s"
                .formatted(name(row), l, instants[l], instants[l - 1]));
      }
    }
    return instants;
  }

  private String name(Row row) {
    return id < 0 ? "a sequence" : "sequence " + row.get(id);
  }

  private Row append(Row row, float[] state) {
    Object[] columns = new Object[row.size() + 1];
    for (int i = 0; i < row.size(); i++) {
      columns[i] = row.get(i);
    }
    columns[row.size()] = asVector ? Vectors.dense(toDoubles(state)) : state;
    return RowFactory.create(columns);
  }

  private static double[] toDoubles(float[] state) {
    double[] numbers = new double[state.length];
    for (int n = 0; n < numbers.length; n++) {
      numbers[n] = state[n];
    }
    return numbers;
  }

  private final class Batches implements Iterator<Row> {
    private final Iterator<Row> rows;
    private final RandomLinearCdeStates states;
    private final Deque<Row> ready = new ArrayDeque<>();

    Batches(Iterator<Row> rows, RandomLinearCdeStates states) {
      this.rows = rows;
      this.states = states;
    }

    @Override
    public boolean hasNext() {
      return !ready.isEmpty() || rows.hasNext();
    }

    @Override
    public Row next() {
      if (ready.isEmpty()) {
        solveBatch();
      }
      return ready.remove();
    }

    private void solveBatch() {
      if (!rows.hasNext()) {
        throw new NoSuchElementException();
      }
      List<Row> batch = new ArrayList<>();
      List<Path> paths = new ArrayList<>();
      long numbers = 0;
      while (rows.hasNext() && batch.size() < BATCH_ROWS && numbers < BATCH_VALUES) {
        Row row = rows.next();
        Path path = path(row);
        batch.add(row);
        paths.add(path);
        numbers += path.values().length;
      }
      float[][] solved = states.of(paths);
      for (int b = 0; b < solved.length; b++) {
        ready.add(append(batch.get(b), checked(batch.get(b), solved[b])));
      }
    }

    private float[] checked(Row row, float[] state) {
      for (float number : state) {
        if (!Float.isFinite(number)) {
          throw new InvalidInputException(
              "the state of "
                  + name(row)
                  + " is not finite: its path has values that are not, or moves too far; scale the"
                  + " values down");
        }
      }
      return state;
    }
  }
}
