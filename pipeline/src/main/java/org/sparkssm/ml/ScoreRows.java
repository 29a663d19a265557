package org.sparkssm.ml;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.function.MapPartitionsFunction;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.util.TaskCompletionListener;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.kernel.Device;
import org.sparkssm.kernel.Kernels;
import org.sparkssm.kernel.Tensor;
import org.sparkssm.model.ModelSpec;
import org.sparkssm.model.Scaling;
import org.sparkssm.model.SequenceModel;
import org.sparkssm.train.LabelledSequence;
import org.sparkssm.train.PackedSequences;

/**
 * Appends a model's predictions to the rows of a partition, gathering rows into batches of bounded
 * size.
 *
 * @param input index of the sequences' column: float[], double[] or int[]
 * @param times index of the times' column, double[]; negative: uniform
 * @param id index of the id column, for messages; negative: none
 * @param spec the model as JSON
 */
record ScoreRows(
    int input,
    int times,
    int id,
    OutputColumns outputs,
    String spec,
    Scaling scaling,
    Broadcast<float[]> parameters,
    Device device)
    implements MapPartitionsFunction<Row, Row> {
  private static final int BATCH_ROWS = 64;
  private static final int BATCH_STEPS = 1 << 13;

  @Override
  public Iterator<Row> call(Iterator<Row> rows) {
    Kernels kernels = device.open();
    TaskCompletionListener close = context -> kernels.close();
    TaskContext.get().addTaskCompletionListener(close);
    SequenceModel model = new SequenceModel(ModelSpec.parse(spec), scaling);
    Tensor weights = kernels.allocate(1, model.layout().size());
    kernels.write(weights, parameters.value(), 0);
    return new Scored(rows, model, kernels, weights);
  }

  private LabelledSequence sequence(Row row, SequenceModel model) {
    String name = id < 0 || row.isNullAt(id) ? "a row" : "the sequence with id " + row.get(id);
    double[] instants = null;
    if (times >= 0) {
      if (row.isNullAt(times)) {
        throw new InvalidInputException(name + " has no times");
      }
      instants = row.getAs(times);
    }
    Object content = row.get(input);
    if (model.spec().input().tokens()) {
      return LabelledSequence.ofTokens(0, name, (int[]) content, instants, null);
    }
    float[] values = content instanceof double[] wide ? narrowed(wide) : (float[]) content;
    int channels = model.spec().input().channels();
    return LabelledSequence.ofValues(0, name, channels, values, instants, null);
  }

  private static float[] narrowed(double[] wide) {
    float[] values = new float[wide.length];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) wide[i];
    }
    return values;
  }

  /** Reads ahead by a batch. */
  private final class Scored implements Iterator<Row> {
    private final Iterator<Row> rows;
    private final SequenceModel model;
    private final Kernels kernels;
    private final Tensor weights;
    private final Deque<Row> ready = new ArrayDeque<>();

    Scored(Iterator<Row> rows, SequenceModel model, Kernels kernels, Tensor weights) {
      this.rows = rows;
      this.model = model;
      this.kernels = kernels;
      this.weights = weights;
    }

    @Override
    public boolean hasNext() {
      if (ready.isEmpty() && rows.hasNext()) {
        score();
      }
      return !ready.isEmpty();
    }

    @Override
    public Row next() {
      if (!hasNext()) {
        throw new NoSuchElementException();
      }
      return ready.removeFirst();
    }

    private void score() {
      List<Row> batch = new ArrayList<>();
      PackedSequences.Builder sequences = PackedSequences.builder(false);
      while (rows.hasNext() && batch.size() < BATCH_ROWS && sequences.steps() < BATCH_STEPS) {
        Row row = rows.next();
        sequences.add(sequence(row, model));
        batch.add(row);
      }
      PackedSequences packed = sequences.build();
      float[] scores = model.score(kernels, weights, packed.range(0, packed.size()));
      int from = 0;
      for (int b = 0; b < batch.size(); b++) {
        int count = outputs.perStep() ? packed.length(b) : 1;
        List<Object> row = new ArrayList<>();
        for (int field = 0; field < batch.get(b).size(); field++) {
          row.add(batch.get(b).get(field));
        }
        outputs.append(row, scores, from, count);
        from += count;
        ready.add(RowFactory.create(row.toArray()));
      }
    }
  }
}
