package org.sparkssm.spark;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.function.BooleanSupplier;
import org.apache.spark.SparkEnv;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.util.LongAccumulator;
import org.apache.spark.util.SerializableConfiguration;
import org.sparkssm.kernel.Device;
import org.sparkssm.kernel.Kernels;
import org.sparkssm.model.ModelSpec;
import org.sparkssm.model.NonFiniteException;
import org.sparkssm.model.Scaling;
import org.sparkssm.model.SequenceModel;
import org.sparkssm.train.EpochOrder;
import org.sparkssm.train.MicroShard;
import org.sparkssm.train.ShardWorker;
import org.sparkssm.train.StateFile;
import org.sparkssm.train.StateKeeper;
import org.sparkssm.train.Trainer;
import org.sparkssm.train.TrainingListener;
import org.sparkssm.train.TrainingResult;
import org.sparkssm.train.TrainingSettings;
import org.sparkssm.train.TrainingState;
import scala.Function1;
import scala.jdk.javaapi.CollectionConverters;
import scala.reflect.ClassTag;
import scala.reflect.ClassTag$;

/**
 * One barrier job for a whole training: its tasks are the workers, each with a range of
 * micro-shards. They exchange gradients directly ({@link BarrierExchange}) and all make the same
 * optimizer steps; worker 0 speaks for them to the driver.
 */
final class BarrierTraining {
  private final JavaSparkContext context;
  private final JavaRDD<MicroShard> shards;
  private final TrainingCoordinator coordinator;
  private final Setup setup;

  /**
   * What a task needs; travels with every task.
   *
   * @param checkpointFolder nullable
   * @param hadoop nullable where there are no checkpoints
   * @param trained counts sequences, for Spark's pages
   */
  record Setup(
      long run,
      int workers,
      String spec,
      Scaling scaling,
      TrainingSettings settings,
      EpochOrder order,
      Device device,
      String checkpointFolder,
      SerializableConfiguration hadoop,
      LongAccumulator trained)
      implements Serializable {

    String coordinator() {
      return TrainingRun.coordinator(run);
    }
  }

  /**
   * @param shards one partition a worker
   */
  BarrierTraining(
      JavaSparkContext context,
      JavaRDD<MicroShard> shards,
      TrainingCoordinator coordinator,
      Setup setup) {
    this.context = context;
    this.shards = shards;
    this.coordinator = coordinator;
    this.setup = setup;
  }

  /**
   * Trains from a state to the end.
   *
   * @param attempt from 0; later ones go on where earlier ones failed
   */
  WorkerOutcome run(TrainingState start, int attempt) {
    coordinator.begin((long) attempt << 16, setup.workers());
    Broadcast<byte[]> state = context.broadcast(bytes(start));
    try {
      Setup taskSetup = setup;
      ClassTag<WorkerOutcome> tag = ClassTag$.MODULE$.apply(WorkerOutcome.class);
      Function1<scala.collection.Iterator<MicroShard>, scala.collection.Iterator<WorkerOutcome>>
          task =
              (Function1<
                          scala.collection.Iterator<MicroShard>,
                          scala.collection.Iterator<WorkerOutcome>>
                      & Serializable)
                  part -> {
                    Iterator<MicroShard> own = CollectionConverters.asJava(part);
                    WorkerOutcome outcome = work(own, taskSetup, state.value(), attempt);
                    return CollectionConverters.asScala(List.of(outcome).iterator());
                  };
      JavaRDD<WorkerOutcome> job =
          new JavaRDD<>(shards.rdd().barrier().mapPartitions(task, false, tag), tag);
      return agreed(SparkJobs.result(job.collectAsync(), coordinator::tellIfNobodyCame));
    } finally {
      state.destroy();
    }
  }

  private static WorkerOutcome agreed(List<WorkerOutcome> outcomes) {
    WorkerOutcome first = outcomes.get(0);
    if (first.nonFinite() != null) {
      throw new NonFiniteException(first.nonFinite());
    }
    if (outcomes.stream().map(WorkerOutcome::weightsSha256).distinct().count() > 1) {
      throw new IllegalStateException(
          "the workers ended with different weights, which must not happen: "
              + outcomes.stream().map(WorkerOutcome::weightsSha256).toList());
    }
    return first;
  }

  private static byte[] bytes(TrainingState state) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try {
      StateFile.write(state, out);
    } catch (IOException e) {
      throw new UncheckedIOException(e); // does not happen in memory
    }
    return out.toByteArray();
  }

  /** A task. */
  private static WorkerOutcome work(
      Iterator<MicroShard> part, Setup setup, byte[] state, int ownAttempt) {
    TaskContext task = TaskContext.get();
    int worker = task.partitionId();
    long attempt = ((long) ownAttempt << 16) + task.stageAttemptNumber();
    Duration timeout = TrainingKeys.exchangeTimeout(SparkEnv.get().conf());
    BooleanSupplier cancelled = task::isInterrupted;
    List<MicroShard> own = new ArrayList<>();
    part.forEachRemaining(own::add);
    CoordinatorClient driver =
        new CoordinatorClient(setup.coordinator(), attempt, timeout, cancelled);
    SequenceModel model = new SequenceModel(ModelSpec.parse(setup.spec()), setup.scaling());
    try (Kernels kernels = TaskDevice.open(setup.device());
        BarrierExchange exchange =
            new BarrierExchange(
                worker,
                WorkerGroup.join(
                    setup.run(),
                    attempt,
                    timeout,
                    mailbox -> network(setup.run(), attempt, timeout, mailbox)),
                new ShardWorker(model, setup.order(), setup.order().seed(), kernels),
                own,
                setup.order(),
                cancelled,
                setup.trained()::add)) {
      WorkerGroup group = exchange.group();
      List<String> addresses = driver.join(worker, group.address(), kernels.description());
      group.start(
          WorkerLayout.of(addresses, setup.order().microShards()), worker, model.layout().size());
      TrainingListener listener = worker == 0 ? driver : TrainingListener.NONE;
      Trainer trainer = new Trainer(model, setup.settings(), setup.order(), exchange, listener);
      TrainingState start = StateFile.read(new ByteArrayInputStream(state), "the state");
      TrainingResult result =
          worker == 0 && setup.checkpointFolder() != null
              ? keeping(trainer, kernels, start, setup, attempt, driver)
              : trainer.train(kernels, start, StateKeeper.NONE);
      exchange.finish();
      return worker == 0
          ? WorkerOutcome.whole(result, kernels.description())
          : WorkerOutcome.hashOnly(result);
    } catch (NonFiniteException e) {
      return WorkerOutcome.nonFinite(e.getMessage());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static TrainingResult keeping(
      Trainer trainer,
      Kernels kernels,
      TrainingState start,
      Setup setup,
      long attempt,
      CoordinatorClient driver) {
    try (CheckpointKeeper keeper =
        new CheckpointKeeper(
            new CheckpointFolder(setup.checkpointFolder(), setup.hadoop().value()),
            Long.toHexString(setup.run()),
            attempt,
            TrainingKeys.checkpointInterval(SparkEnv.get().conf()),
            driver::commit)) {
      TrainingResult result = trainer.train(kernels, start, keeper);
      keeper.finish();
      return result;
    }
  }

  /** Null in a process that all workers share. */
  private static PeerNetwork network(long run, long attempt, Duration timeout, Mailbox mailbox) {
    SparkEnv env = SparkEnv.get();
    if (env.executorId().equals("driver")) {
      return null;
    }
    return new PeerNetwork(
        env.conf(),
        env.securityManager(),
        env.blockManager().blockManagerId().host(),
        run,
        attempt,
        timeout,
        mailbox);
  }
}
