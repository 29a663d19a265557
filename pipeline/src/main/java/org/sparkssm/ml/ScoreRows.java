package org.sparkssm.ml;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import org.apache.spark.TaskContext;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.util.TaskCompletionListener;
import org.sparkssm.kernel.Device;
import org.sparkssm.kernel.Kernels;
import org.sparkssm.kernel.Tensor;
import org.sparkssm.model.ModelSpec;
import org.sparkssm.model.Scaling;
import org.sparkssm.model.SequenceModel;
import org.sparkssm.spark.PartitionMap;
import org.sparkssm.spark.TaskDevice;
import org.sparkssm.train.LabelledSequence;
import org.sparkssm.train.PackedSequences;

/**
 * Appends a model's predictions to the rows of a partition, gathering rows into batches of bounded
 * size.
 *
 * @param spec the model as JSON
 */
record ScoreRows(
    SequenceFields fields,
    OutputColumns outputs,
    String spec,
    Scaling scaling,
    Broadcast<float[]> parameters,
    Device device)
    implements PartitionMap.Function {
  private static final int BATCH_ROWS = 64;
  private static final int BATCH_STEPS = 1 << 13;

  @Override
  public Iterator<InternalRow> apply(Iterator<InternalRow> rows) {
    Kernels kernels = TaskDevice.open(device);
    TaskCompletionListener close = context -> kernels.close();
    TaskContext.get().addTaskCompletionListener(close);
    SequenceModel model = new SequenceModel(ModelSpec.parse(spec), scaling);
    Tensor weights = kernels.allocate(1, model.layout().size());
    kernels.write(weights, parameters.value(), 0);
    return new RowBatches(rows, BATCH_ROWS, BATCH_STEPS, new Score(model, kernels, weights));
  }

  private final class Score implements RowBatches.Work {
    private final SequenceModel model;
    private final Kernels kernels;
    private final Tensor weights;

    Score(SequenceModel model, Kernels kernels, Tensor weights) {
      this.model = model;
      this.kernels = kernels;
      this.weights = weights;
    }

    @Override
    public LabelledSequence read(InternalRow row) {
      ModelSpec.Input input = model.spec().input();
      return input.tokens() ? fields.tokens(row) : fields.path(row, input.channels());
    }

    @Override
    public List<Object[]> columns(List<InternalRow> rows, List<LabelledSequence> sequences) {
      PackedSequences.Builder builder = PackedSequences.builder(false);
      sequences.forEach(builder::add);
      PackedSequences packed = builder.build();
      float[] scores = model.score(kernels, weights, packed.range(0, packed.size()));
      List<Object[]> columns = new ArrayList<>();
      int from = 0;
      for (int b = 0; b < packed.size(); b++) {
        int count = outputs.perStep() ? packed.length(b) : 1;
        columns.add(outputs.of(scores, from, count));
        from += count;
      }
      return columns;
    }
  }
}
