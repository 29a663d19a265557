package org.sparkssm.bench;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.sparkssm.kernel.HostKernels;
import org.sparkssm.kernel.Tensor;
import org.sparkssm.model.ModelSpec;
import org.sparkssm.model.Scaling;
import org.sparkssm.model.SequenceModel;
import org.sparkssm.train.EpochOrder;
import org.sparkssm.train.EpochRecord;
import org.sparkssm.train.LabelledSequence;
import org.sparkssm.train.LearningRate;
import org.sparkssm.train.LocalExchange;
import org.sparkssm.train.MicroShard;
import org.sparkssm.train.OptimizerKind;
import org.sparkssm.train.OptimizerSettings;
import org.sparkssm.train.PackedSequences;
import org.sparkssm.train.Schedule;
import org.sparkssm.train.Trainer;
import org.sparkssm.train.TrainingListener;
import org.sparkssm.train.TrainingSettings;

/** Times of training steps of a model on random walks with random labels. */
final class TrainingTiming {
  private static final double SECONDS = 6;
  private static final int STEPS = 10;
  private static final int MICRO_SHARDS = 8;

  private final SequenceModel model;

  TrainingTiming(ModelSpec spec) {
    model = new SequenceModel(spec, Scaling.identity(spec.input().channels()));
  }

  /** Seconds of one optimizer step, the mean of the epoch of 10 steps that took the least. */
  double step(int batch, int length, int threads) {
    TrainingSettings settings =
        new TrainingSettings(
            Integer.MAX_VALUE / STEPS,
            batch,
            0,
            LearningRate.of(1e-3, Schedule.CONSTANT, 0),
            new OptimizerSettings(OptimizerKind.ADAM, 0, 0, 0),
            MICRO_SHARDS,
            1,
            false,
            0,
            SECONDS);
    EpochOrder order = EpochOrder.of((long) batch * STEPS, settings);
    try (LocalExchange exchange =
            new LocalExchange(model, shards(order, length), order, threads, HostKernels::new);
        HostKernels kernels = new HostKernels()) {
      List<EpochRecord> epochs =
          new Trainer(model, settings, order, exchange, TrainingListener.NONE)
              .train(kernels)
              .history();
      double shortest = Double.POSITIVE_INFINITY;
      for (int e = 1; e < epochs.size(); e++) {
        double seconds = epochs.get(e).seconds() - epochs.get(e - 1).seconds();
        shortest = Math.min(shortest, seconds / STEPS);
      }
      return shortest;
    }
  }

  /** Seconds and bytes of the loss and gradient of one sequence. */
  record Gradient(double seconds, long bytes) {}

  Gradient gradient(int length) {
    PackedSequences.Builder one = PackedSequences.builder(false);
    one.add(walk(0, length));
    PackedSequences sequences = one.build();
    try (HostKernels kernels = new HostKernels()) {
      Tensor parameters = kernels.allocate(1, model.layout().size());
      kernels.write(parameters, model.layout().initialValues(model.spec().seed()));
      Tensor gradients = kernels.zeros(1, model.layout().size());
      double shortest = Double.POSITIVE_INFINITY;
      for (int i = 0; i < 4; i++) {
        long before = System.nanoTime();
        model.lossAndGradient(kernels, parameters, gradients, sequences.batch(0), null);
        shortest = Math.min(shortest, (System.nanoTime() - before) * 1e-9);
      }
      return new Gradient(shortest, kernels.bytes());
    }
  }

  private List<MicroShard> shards(EpochOrder order, int length) {
    List<MicroShard> shards = new ArrayList<>();
    for (int m = 0; m < order.microShards(); m++) {
      PackedSequences.Builder training = PackedSequences.builder(false);
      for (int id = m; id < order.rows(); id += order.microShards()) {
        training.add(walk(id, length));
      }
      shards.add(new MicroShard(m, training.build(), PackedSequences.builder(false).build()));
    }
    return shards;
  }

  private LabelledSequence walk(int id, int length) {
    SplittableRandom random = new SplittableRandom(id);
    float[] values = new float[length * model.spec().input().channels()];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextDouble() - 0.5f;
    }
    double[] label = {random.nextDouble()};
    return new LabelledSequence(
        id, length, model.spec().input().channels(), values, null, null, label);
  }
}
