package org.sparkssm.spark;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.apache.commons.rng.UniformRandomProvider;
import org.junit.jupiter.api.Test;
import org.sparkssm.data.SeededRandom;
import org.sparkssm.kernel.CudaKernels;
import org.sparkssm.kernel.EmulatedCuda;
import org.sparkssm.kernel.Kernels;
import org.sparkssm.model.LossSums;
import org.sparkssm.model.ModelSpec;
import org.sparkssm.model.Scaling;
import org.sparkssm.model.SequenceModel;
import org.sparkssm.train.EpochOrder;
import org.sparkssm.train.GradientExchange;
import org.sparkssm.train.GradientSum;
import org.sparkssm.train.LabelledSequence;
import org.sparkssm.train.LearningRate;
import org.sparkssm.train.LocalExchange;
import org.sparkssm.train.MicroShard;
import org.sparkssm.train.OptimizerSettings;
import org.sparkssm.train.PackedSequences;
import org.sparkssm.train.Schedule;
import org.sparkssm.train.ShardStep;
import org.sparkssm.train.ShardWorker;
import org.sparkssm.train.Trainer;
import org.sparkssm.train.TrainingListener;
import org.sparkssm.train.TrainingSettings;
import org.sparkssm.train.Weights;

class BarrierExchangeTest {
  private static final int MICRO_SHARDS = 4;
  private static final int ROWS = 32;
  private static final int STEPS = 4;
  private static final SequenceModel MODEL =
      new SequenceModel(
          ModelSpec.parse(
              """
              {"input": {"channels": 1}, "width": 16, "readout": "last",
               "blocks": [{"norm": "layer", "layer": {"kind": "mamba", "state": 4}}],
               "head": {"kind": "regression", "outputs": 1}}
              """),
          Scaling.identity(1));
  private static final TrainingSettings SETTINGS =
      new TrainingSettings(
          1,
          ROWS / STEPS,
          0,
          LearningRate.of(0.01, Schedule.COSINE, 0.1),
          OptimizerSettings.adamW(0.01, 1),
          MICRO_SHARDS,
          5,
          false,
          0,
          0);
  private static final EpochOrder ORDER = EpochOrder.of(ROWS, SETTINGS);

  /** Told of the beginning of every step. */
  private record Observed(GradientExchange exchange, Runnable step) implements GradientExchange {
    @Override
    public String description() {
      return exchange.description();
    }

    @Override
    public GradientSum gradient(Weights weights, ShardStep shardStep) {
      step.run();
      return exchange.gradient(weights, shardStep);
    }

    @Override
    public LossSums evaluate(Weights weights) {
      return exchange.evaluate(weights);
    }

    @Override
    public void close() {
      exchange.close();
    }
  }

  @Test
  void betweenStepsNoWeightsLeaveTheGpu() {
    try (CudaKernels cuda = EmulatedCuda.open()) {
      List<CudaKernels.Transfers> moments = new ArrayList<>();
      float[] trained = train(cuda, () -> moments.add(cuda.transfers()));
      assertEquals(STEPS, moments.size());
      long bytesOfParameters = (long) Float.BYTES * trained.length;
      for (int step = 1; step < STEPS; step++) {
        CudaKernels.Transfers moved = moments.get(step).since(moments.get(step - 1));
        // Each micro-batch; then the sum of the gradients of all workers.
        assertEquals(MICRO_SHARDS + 1, moved.toGpu(), moved::toString);
        // The gradient, the losses and norms of all micro-batches, and the norm of the sum.
        assertEquals(3, moved.fromGpu(), moved::toString);
        // One gradient either way, and nothing else of its size.
        for (long bytes : new long[] {moved.bytesToGpu(), moved.bytesFromGpu()}) {
          assertTrue(bytes >= bytesOfParameters, moved::toString);
          assertTrue(bytes < 2 * bytesOfParameters, moved::toString);
        }
      }
    }
  }

  @Test
  void weightsThatStayHaveTheBitsOfThoseThatAreSent() {
    float[] stayed;
    try (CudaKernels cuda = EmulatedCuda.open()) {
      stayed = train(cuda, () -> {});
    }
    try (Kernels optimizer = EmulatedCuda.open();
        LocalExchange exchange = new LocalExchange(MODEL, shards(), ORDER, 2, EmulatedCuda::open)) {
      assertArrayEquals(
          new Trainer(MODEL, SETTINGS, ORDER, exchange, TrainingListener.NONE)
              .train(optimizer)
              .parameters(),
          stayed,
          0);
    }
  }

  /** By the only worker of a group. */
  private static float[] train(CudaKernels cuda, Runnable step) {
    WorkerGroup group = WorkerGroup.join(1, 0, Duration.ofSeconds(20), mailbox -> null);
    ShardWorker worker = new ShardWorker(MODEL, ORDER, ORDER.seed(), cuda);
    try (BarrierExchange exchange =
        new BarrierExchange(0, group, worker, shards(), ORDER, () -> false, sequences -> {})) {
      group.start(
          WorkerLayout.of(List.of(group.address()), MICRO_SHARDS), 0, MODEL.layout().size());
      float[] trained =
          new Trainer(MODEL, SETTINGS, ORDER, new Observed(exchange, step), TrainingListener.NONE)
              .train(cuda)
              .parameters();
      exchange.finish();
      return trained;
    }
  }

  /** Random walks; the label is where one ends. */
  private static List<MicroShard> shards() {
    List<MicroShard> shards = new ArrayList<>();
    for (int m = 0; m < MICRO_SHARDS; m++) {
      PackedSequences.Builder training = PackedSequences.builder(false);
      for (int id = m; id < ROWS; id += MICRO_SHARDS) {
        training.add(walk(id));
      }
      shards.add(new MicroShard(m, training.build(), PackedSequences.builder(false).build()));
    }
    return shards;
  }

  private static LabelledSequence walk(long id) {
    UniformRandomProvider random = SeededRandom.create(9, id);
    float[] values = new float[3 + random.nextInt(5)];
    for (int l = 1; l < values.length; l++) {
      values[l] = values[l - 1] + random.nextFloat() - 0.5f;
    }
    double label = values[values.length - 1];
    return new LabelledSequence(id, values.length, 1, values, null, null, new double[] {label});
  }
}
