package org.sparkssm.train;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.sparkssm.data.Sequence;
import org.sparkssm.data.SequenceGenerator;
import org.sparkssm.kernel.HostKernels;
import org.sparkssm.kernel.Tensor;
import org.sparkssm.model.ModelSpec;
import org.sparkssm.model.Scaling;
import org.sparkssm.model.SequenceBatch;
import org.sparkssm.model.SequenceModel;

/**
 * Trains one block on a task of tokens with a class for every step, and measures it on the last
 * steps of other sequences.
 *
 * @param vocabulary of the task, and how many classes it has
 * @param width of the model
 * @param epochs of training
 * @param rate greatest learning rate
 */
record WordLearning(int vocabulary, int classes, int width, int epochs, double rate) {
  private static final int MICRO_SHARDS = 8;
  private static final int BATCH = 64;
  private static final int TESTED = 500;

  /**
   * Trains a model and tests it.
   *
   * @param layer JSON of the block's layer
   * @param training sequences {@code 0} to {@code count - 1} of it are trained on
   * @param tested of which later sequences are tested
   * @return accuracy at the last step of the tested ones
   */
  double accuracy(String layer, SequenceGenerator training, int count, SequenceGenerator tested) {
    ModelSpec spec =
        ModelSpec.parse(
            """
            {"input": {"kind": "tokens", "vocabulary": %d}, "width": %d, "readout": "every-step",
             "blocks": [{"layer": %s, "activation": "glu"}],
             "head": {"kind": "token-classification", "outputs": %d}, "seed": 1}
            """
                .formatted(vocabulary, width, layer, classes));
    SequenceModel model = new SequenceModel(spec, Scaling.identity(0));
    float[] parameters = train(model, training, count);
    List<LabelledSequence> sequences = sequences(tested, count, count + TESTED);
    return accuracy(model, parameters, packed(sequences).range(0, TESTED));
  }

  private float[] train(SequenceModel model, SequenceGenerator task, int count) {
    TrainingSettings settings =
        new TrainingSettings(
            epochs,
            BATCH,
            0,
            LearningRate.of(rate, Schedule.COSINE, 0.1),
            OptimizerSettings.adamW(0.01, 1),
            MICRO_SHARDS,
            1,
            false,
            0,
            0);
    EpochOrder order = EpochOrder.of(count, settings);
    List<MicroShard> shards = new ArrayList<>();
    for (int m = 0; m < MICRO_SHARDS; m++) {
      List<LabelledSequence> own = new ArrayList<>();
      for (int id = m; id < count; id += MICRO_SHARDS) {
        own.addAll(sequences(task, id, id + 1));
      }
      shards.add(new MicroShard(m, packed(own), packed(List.of())));
    }
    int threads = Runtime.getRuntime().availableProcessors();
    try (LocalExchange exchange =
            new LocalExchange(model, shards, order, threads, HostKernels::new);
        HostKernels kernels = new HostKernels()) {
      return new Trainer(model, settings, order, exchange, TrainingListener.NONE)
          .train(kernels)
          .parameters();
    }
  }

  private static double accuracy(SequenceModel model, float[] parameters, SequenceBatch batch) {
    try (HostKernels kernels = new HostKernels()) {
      Tensor weights = kernels.allocate(1, parameters.length);
      kernels.write(weights, parameters, 0);
      float[] logits = model.score(kernels, weights, batch);
      int classes = model.spec().head().outputs();
      int correct = 0;
      for (int b = 0; b < batch.size(); b++) {
        int row = batch.segments().offset(b) + batch.segments().length(b) - 1;
        int best = 0;
        for (int c = 1; c < classes; c++) {
          if (logits[row * classes + c] > logits[row * classes + best]) {
            best = c;
          }
        }
        correct += best == batch.labels()[row] ? 1 : 0;
      }
      return (double) correct / batch.size();
    }
  }

  private static List<LabelledSequence> sequences(SequenceGenerator task, int from, int to) {
    List<LabelledSequence> sequences = new ArrayList<>();
    for (int id = from; id < to; id++) {
      Sequence sequence = task.sequence(id);
      double[] labels =
          Arrays.stream(sequence.labels()).mapToDouble(Integer::doubleValue).toArray();
      sequences.add(LabelledSequence.ofTokens(id, "a word", sequence.tokens(), null, labels));
    }
    return sequences;
  }

  private static PackedSequences packed(List<LabelledSequence> sequences) {
    PackedSequences.Builder builder = PackedSequences.builder(true);
    sequences.forEach(builder::add);
    return builder.build();
  }
}
