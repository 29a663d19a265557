package org.sparkssm.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CancellationException;
import java.util.function.Supplier;
import org.apache.commons.rng.UniformRandomProvider;
import org.junit.jupiter.api.Test;
import org.sparkssm.data.SeededRandom;
import org.sparkssm.kernel.Device;
import org.sparkssm.kernel.Kernels;
import org.sparkssm.model.ModelSpec;
import org.sparkssm.model.NonFiniteException;
import org.sparkssm.model.Scaling;
import org.sparkssm.model.SequenceModel;

class TrainerTest {
  private static final int MICRO_SHARDS = 4;
  private static final ModelSpec SPEC =
      ModelSpec.parse(
          """
          {"input": {"channels": 1}, "width": 4, "readout": "last",
           "blocks": [{"layer": {"kind": "linear-cde", "state": 4, "controls": 1}, "dropout": 0.1}],
           "head": {"kind": "classification", "outputs": 2}}
          """);

  private static final SequenceModel MODEL = new SequenceModel(SPEC, Scaling.identity(1));

  private final List<MicroShard> shards = shards(64);

  @Test
  void aSmallModelLearnsWhichWayAPathGoes() {
    TrainingResult result = train(settings(30, 0.02, false, 0), 1, TrainingListener.NONE);
    assertEquals(30, result.history().size());
    assertTrue(result.history().get(29).trainingLoss() < 0.2, () -> result.history().toString());
    assertTrue(result.history().get(29).validation().get("accuracy") > 0.9);
  }

  @Test
  void weightsHaveTheSameBitsForAnyNumberOfThreads() {
    TrainingSettings settings = settings(3, 0.02, false, 0);
    float[] one = train(settings, 1, TrainingListener.NONE).parameters();
    assertArrayEquals(one, train(settings, 2, TrainingListener.NONE).parameters(), 0);
    assertArrayEquals(one, train(settings, 3, TrainingListener.NONE).parameters(), 0);
    assertArrayEquals(one, train(settings, 8, TrainingListener.NONE).parameters(), 0);
  }

  @Test
  void theBestEpochIsKeptIfAskedFor() {
    TrainingResult result = train(settings(12, 0.3, true, 0), 2, TrainingListener.NONE);
    EpochRecord kept = result.history().get(result.epoch() - 1);
    assertTrue(
        result.history().stream()
            .noneMatch(other -> Metrics.areBetter(other.validation(), kept.validation())));
    SequenceModel model = new SequenceModel(SPEC, Scaling.identity(1));
    try (Kernels kernels = Device.REFERENCE.open();
        LocalExchange exchange = exchange(model, settings(1, 1, true, 0), 1)) {
      Weights best = new Weights(kernels, result.parameters());
      assertEquals(kept.validation(), Metrics.of(SPEC.head().kind(), exchange.evaluate(best)));
    }
  }

  @Test
  void trainingEndsWhenValidationNoLongerImproves() {
    TrainingResult result =
        train(with(settings(60, 0.3, false, 0), adamW(), 0, 3), 2, TrainingListener.NONE);
    assertTrue(result.history().size() < 60, "all epochs were run");
    assertEquals(result.history().size(), result.epoch() + 3);
  }

  @Test
  void microBatchesAddUpToTheBatch() {
    TrainingSettings whole = settings(2, 0.02, false, 0);
    TrainingSettings parts = with(whole, adamW(), 1, 0);
    float[] expected = train(whole, 1, TrainingListener.NONE).parameters();
    float[] actual = train(parts, 1, TrainingListener.NONE).parameters();
    assertArrayEquals(expected, actual, 1e-4f);
    assertArrayEquals(actual, train(parts, 3, TrainingListener.NONE).parameters(), 0);
  }

  @Test
  void everyOptimizerLearns() {
    for (OptimizerSettings optimizer :
        List.of(
            new OptimizerSettings(OptimizerKind.ADAM, 0, 0.01, 1),
            new OptimizerSettings(OptimizerKind.SGD, 0.9, 0.001, 1))) {
      TrainingSettings settings = with(settings(40, 0.05, false, 0), optimizer, 0, 0);
      double loss = train(settings, 2, TrainingListener.NONE).history().get(39).trainingLoss();
      assertTrue(loss < 0.25, optimizer + ": " + loss);
    }
  }

  @Test
  void trainingEndsAfterTheEpochInWhichTimeRunsOut() {
    assertEquals(
        1, train(settings(50, 0.01, false, 1e-9), 2, TrainingListener.NONE).history().size());
  }

  @Test
  void theListenerHearsOfEveryEpoch() {
    List<Integer> epochs = new ArrayList<>();
    train(
        settings(3, 0.01, false, 0),
        2,
        new TrainingListener() {
          @Override
          public void epochEnds(EpochRecord record) {
            epochs.add(record.epoch());
          }
        });
    assertEquals(List.of(1, 2, 3), epochs);
  }

  @Test
  void trainingThatBlowsUpStopsWithStepAndPlace() {
    NonFiniteException e =
        assertThrows(
            NonFiniteException.class,
            () -> train(settings(50, 900, false, 0), 2, TrainingListener.NONE));
    assertTrue(
        e.getMessage().matches("training stopped at step \\d+ of epoch \\d+: .*"), e::getMessage);
  }

  @Test
  void aTrainingThatGoesOnFromAnyStateEndsWithTheSameBits() {
    TrainingSettings settings = settings(3, 0.02, true, 0);
    Map<Long, TrainingState> states = new TreeMap<>();
    TrainingResult whole = train(settings, TrainingState.initial(MODEL), everyStep(states));
    assertEquals(3 * 7 - 1, states.size(), "all but the first, after which the keeper is asked");

    for (TrainingState state : states.values()) {
      TrainingResult rest = train(settings, state, StateKeeper.NONE);
      assertArrayEquals(whole.parameters(), rest.parameters(), 0);
      assertEquals(whole.epoch(), rest.epoch());
      assertEquals(losses(whole), losses(rest));
    }
  }

  private static StateKeeper everyStep(Map<Long, TrainingState> states) {
    return new StateKeeper() {
      @Override
      public long stepsToNext(double secondsPerStep) {
        return 1;
      }

      @Override
      public void keep(long step, Supplier<TrainingState> state) {
        states.put(step, state.get());
      }
    };
  }

  private static List<Object> losses(TrainingResult result) {
    return result.history().stream()
        .<Object>map(record -> List.of(record.trainingLoss(), record.validation()))
        .toList();
  }

  @Test
  void anInterruptedTrainingEnds() throws InterruptedException {
    List<Throwable> ends = new ArrayList<>();
    Thread thread =
        new Thread(
            () -> {
              Thread.currentThread().interrupt();
              try {
                train(settings(1000, 0.01, false, 0), 2, TrainingListener.NONE);
              } catch (CancellationException e) {
                ends.add(e);
              }
            });
    thread.start();
    thread.join(20_000);
    assertFalse(thread.isAlive());
    assertEquals("training was interrupted", ends.get(0).getMessage());
  }

  private TrainingResult train(TrainingSettings settings, TrainingState start, StateKeeper keeper) {
    try (Kernels kernels = Device.REFERENCE.open();
        LocalExchange exchange = exchange(MODEL, settings, 1)) {
      return new Trainer(MODEL, settings, order(settings), exchange, TrainingListener.NONE)
          .train(kernels, start, keeper);
    }
  }

  private TrainingResult train(TrainingSettings settings, int threads, TrainingListener listener) {
    SequenceModel model = new SequenceModel(SPEC, Scaling.identity(1));
    try (Kernels kernels = Device.REFERENCE.open();
        LocalExchange exchange = exchange(model, settings, threads)) {
      return new Trainer(model, settings, order(settings), exchange, listener).train(kernels);
    }
  }

  private LocalExchange exchange(SequenceModel model, TrainingSettings settings, int threads) {
    return new LocalExchange(model, shards, order(settings), threads, Device.REFERENCE::open);
  }

  private EpochOrder order(TrainingSettings settings) {
    long rows = shards.stream().mapToLong(shard -> shard.training().size()).sum();
    return EpochOrder.of(rows, settings);
  }

  private static TrainingSettings settings(
      int epochs, double learningRate, boolean keepBest, double maxSeconds) {
    return new TrainingSettings(
        epochs,
        10,
        0,
        LearningRate.of(learningRate, Schedule.COSINE, 0.1),
        OptimizerSettings.adamW(0.01, keepBest ? 0 : 1),
        MICRO_SHARDS,
        5,
        keepBest,
        0,
        maxSeconds);
  }

  private static OptimizerSettings adamW() {
    return OptimizerSettings.adamW(0.01, 1);
  }

  private static TrainingSettings with(
      TrainingSettings settings, OptimizerSettings optimizer, int microBatch, int patience) {
    return new TrainingSettings(
        settings.epochs(),
        settings.batchSize(),
        microBatch,
        settings.learningRate(),
        optimizer,
        settings.microShards(),
        settings.seed(),
        false,
        patience,
        0);
  }

  /** Random walks with a drift up or down; the class is the direction. */
  private static List<MicroShard> shards(int count) {
    List<MicroShard> shards = new ArrayList<>();
    for (int m = 0; m < MICRO_SHARDS; m++) {
      PackedSequences.Builder training = PackedSequences.builder(false);
      PackedSequences.Builder validation = PackedSequences.builder(false);
      for (int id = m; id < count + 16; id += MICRO_SHARDS) {
        (id < count ? training : validation).add(walk(id));
      }
      shards.add(new MicroShard(m, training.build(), validation.build()));
    }
    return shards;
  }

  private static LabelledSequence walk(long id) {
    UniformRandomProvider random = SeededRandom.create(9, id);
    int direction = random.nextInt(2);
    float[] values = new float[3 + random.nextInt(5)];
    for (int l = 1; l < values.length; l++) {
      values[l] = values[l - 1] + random.nextFloat() - 0.5f + (direction == 1 ? 0.6f : -0.6f);
    }
    return new LabelledSequence(id, values.length, 1, values, null, null, new double[] {direction});
  }
}
