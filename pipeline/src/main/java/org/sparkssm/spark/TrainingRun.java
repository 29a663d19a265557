package org.sparkssm.spark;

import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ThreadLocalRandom;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.Dataset;
import org.apache.spark.storage.StorageLevel;
import org.apache.spark.util.LongAccumulator;
import org.apache.spark.util.SerializableConfiguration;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.kernel.Device;
import org.sparkssm.kernel.Kernels;
import org.sparkssm.model.HeadKind;
import org.sparkssm.model.Scaling;
import org.sparkssm.model.SequenceModel;
import org.sparkssm.train.DataFingerprint;
import org.sparkssm.train.EpochOrder;
import org.sparkssm.train.MicroShard;
import org.sparkssm.train.Moments;
import org.sparkssm.train.StateKeeper;
import org.sparkssm.train.TrainedModel;
import org.sparkssm.train.Trainer;
import org.sparkssm.train.TrainingIdentity;
import org.sparkssm.train.TrainingResult;
import org.sparkssm.train.TrainingState;
import org.sparkssm.train.WeightsHash;
import scala.Tuple2;

/**
 * One run of a {@link DataParallelTrainer}: attempts, of which a later one goes on from the last
 * checkpoint where an earlier one lost an executor or a task.
 */
final class TrainingRun implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(TrainingRun.class);

  /** How long the first attempt waits for executors that were asked for, as long as Spark does. */
  private static final Duration REGISTRATION = Duration.ofSeconds(30);

  /** How long a new attempt waits for lost executors to be replaced. */
  private static final Duration REPLACEMENT = Duration.ofSeconds(30);

  private static final String DESCRIPTION = "spark.job.description";

  private final DataParallelTrainer trainer;
  private final JavaSparkContext context;
  private final Dataset<?> dataset;
  private final SequenceReader reader;
  private final DataParallelTrainer.Mode mode;
  private final long run = ThreadLocalRandom.current().nextLong();
  private final Configuration hadoop;
  private final LongAccumulator trained;
  private final String jobDescription;

  private MicroShards micro;
  private JavaRDD<MicroShard> shards;
  private SequenceModel model;
  private CheckpointFolder checkpoints;
  private CheckpointLease lease;
  private TrainingIdentity identity;
  private String kernels;

  TrainingRun(
      DataParallelTrainer trainer,
      JavaSparkContext context,
      Dataset<?> dataset,
      SequenceReader reader) {
    this.trainer = trainer;
    this.context = context;
    this.dataset = dataset;
    this.reader = reader;
    this.mode = trainer.mode().chosen(context);
    this.hadoop = context.hadoopConfiguration();
    this.trained = context.sc().longAccumulator("sequences trained on");
    this.jobDescription = context.getLocalProperty(DESCRIPTION);
  }

  /** What Spark's pages call the next jobs. */
  private void describe(String what) {
    context.setJobDescription(jobDescription == null ? what : jobDescription + ", " + what);
  }

  /** The name under which a run's coordinator is found. */
  static String coordinator(long run) {
    return "spark-ssm-training-" + Long.toHexString(run);
  }

  /**
   * Trains.
   *
   * @param classes names of the classes; empty if they have none
   */
  TrainedModel train(List<String> classes) {
    claimCheckpoints();
    load(workers(Slots.asked(context.getConf()), REGISTRATION));
    model = new SequenceModel(trainer.spec(), scaling());
    adapt(shards.getNumPartitions(), Duration.ZERO);
    TrainingState initial = initial();
    if (checkpoints != null) {
      identity = identity(initial);
    }
    TrainingState start = latest(initial);
    return trained(attempts(initial, start), classes);
  }

  // ---------------------------------------------------------------- data

  /** One partition a worker. */
  private void load(int workers) {
    unload();
    describe("placing of rows in micro-shards");
    micro =
        MicroShards.of(
            reader.read(dataset),
            reader.labelPerStep(),
            reader.idColumn().isEmpty(),
            trainer.settings().microShards(),
            workers,
            trainer.validationFraction(),
            trainer.settings().seed());
    shards = micro.shards().persist(StorageLevel.MEMORY_AND_DISK());
  }

  private void unload() {
    if (shards != null) {
      shards.unpersist(false);
    }
  }

  /** Where the first attempt starts without a checkpoint. */
  private TrainingState initial() {
    return trainer.initial() == null
        ? TrainingState.initial(model)
        : TrainingState.from(trainer.initial().parameters());
  }

  private Scaling scaling() {
    if (trainer.initial() != null) {
      return trainer.initial().scaling();
    }
    int channels = reader.channels();
    boolean numbers = trainer.spec().head().kind() == HeadKind.REGRESSION;
    return micro
        .sum(shard -> Moments.of(shard, channels), Moments::plus)
        .scaling(trainer.spec(), numbers);
  }

  /** At most one a micro-shard, and, in barrier mode, one a slot. */
  private int workers(int wanted, Duration timeout) {
    int microShards = trainer.settings().microShards();
    int slots =
        mode == DataParallelTrainer.Mode.BARRIER
            ? Slots.await(context, Math.min(wanted, microShards), timeout)
            : Math.max(1, context.defaultParallelism());
    if (slots > microShards) {
      LOG.warn(
          "{} micro-shards keep at most {} of {} slots busy; more are used with a greater number of"
              + " micro-shards (--micro-shards, microShards), which is another model",
          microShards,
          microShards,
          slots);
    }
    return Math.min(slots, microShards);
  }

  // ---------------------------------------------------------------- checkpoints

  private void claimCheckpoints() {
    DataParallelTrainer.Checkpoints wanted = trainer.checkpoints();
    if (wanted == null) {
      return;
    }
    checkpoints = new CheckpointFolder(wanted.folder(), hadoop);
    lease =
        checkpoints.lease(
            coordinator(run),
            "application %s, driver at %s, process %d"
                .formatted(
                    context.sc().applicationId(),
                    context.getConf().get("spark.driver.host", "this machine"),
                    ProcessHandle.current().pid()),
            TrainingKeys.checkpointLease(context.getConf()));
    Optional<Long> step = checkpoints.latestStep();
    if (step.isPresent() && !wanted.resume()) {
      throw new InvalidInputException(
          "the checkpoint folder %s holds a training at step %d; resume it (--resume), or choose another folder"
              .formatted(wanted.folder(), step.get()));
    }
  }

  private TrainingState latest(TrainingState initial) {
    return checkpoints == null ? initial : checkpoints.latest(identity).orElse(initial);
  }

  private TrainingIdentity identity(TrainingState initial) {
    Device device = trainer.device();
    TreeMap<Integer, byte[]> hashes = new TreeMap<>();
    TreeSet<String> found = new TreeSet<>();
    shards
        .mapToPair(
            shard -> {
              try (Kernels opened = TaskDevice.open(device)) {
                return new Tuple2<>(
                    shard.number(), new Tuple2<>(DataFingerprint.of(shard), opened.description()));
              }
            })
        .collect()
        .forEach(
            pair -> {
              hashes.put(pair._1, pair._2._1);
              found.add(pair._2._2);
            });
    return TrainingIdentity.of(
        trainer.spec(),
        model.scaling(),
        trainer.settings(),
        DataFingerprint.of(
            micro.trainingRows(), micro.validationRows(), List.copyOf(hashes.values())),
        String.join(" and ", found),
        WeightsHash.hexadecimal(WeightsHash.of(initial.parameters())));
  }

  /** Makes a written state a checkpoint. */
  private void commit(CheckpointFolder.Written written) throws IOException {
    lease.require();
    checkpoints.commit(written, identity);
  }

  // ---------------------------------------------------------------- attempts

  private TrainingResult attempts(TrainingState initial, TrainingState start) {
    int restarts = TrainingKeys.maxRestarts(context.getConf());
    TrainingState from = start;
    try (TrainingCoordinator coordinator =
        new TrainingCoordinator(coordinator(run), trainer.listener(), this::commit)) {
      for (int attempt = 0; ; attempt++) {
        try {
          return attempt(coordinator, from, attempt);
        } catch (RuntimeException e) {
          if (!SparkJobs.mayPass(e) || context.sc().isStopped() || attempt == restarts) {
            throw e;
          }
          from = latest(initial);
          LOG.warn(
              "The training failed and goes on from step {} (restart {} of at most {}): {}",
              from.step(),
              attempt + 1,
              restarts,
              e.getMessage());
          adapt(shards.getNumPartitions(), REPLACEMENT);
        }
      }
    }
  }

  /** Executors may have come or gone; the weights do not depend on how many there are. */
  private void adapt(int wanted, Duration timeout) {
    if (mode != DataParallelTrainer.Mode.BARRIER) {
      return;
    }
    int before = shards.getNumPartitions();
    int workers = workers(wanted, timeout);
    if (workers != before) {
      LOG.info("There are slots for {} workers, before there were {}", workers, before);
      load(workers);
    }
  }

  private TrainingResult attempt(TrainingCoordinator coordinator, TrainingState from, int attempt) {
    EpochOrder order = EpochOrder.of(micro.trainingRows(), trainer.settings());
    describe(
        "training, mode %s%s".formatted(mode.word(), attempt == 0 ? "" : ", restart " + attempt));
    return mode == DataParallelTrainer.Mode.BARRIER
        ? barrier(coordinator, order, from, attempt)
        : elastic(order, from, attempt);
  }

  private TrainingResult barrier(
      TrainingCoordinator coordinator, EpochOrder order, TrainingState from, int attempt) {
    int workers = shards.getNumPartitions();
    begins(
        "%d workers in one barrier job, %d micro-shards".formatted(workers, micro.count()),
        from,
        attempt);
    BarrierTraining.Setup setup =
        new BarrierTraining.Setup(
            run,
            workers,
            trainer.spec().toJson(),
            model.scaling(),
            trainer.settings(),
            order,
            trainer.device(),
            checkpoints == null ? null : trainer.checkpoints().folder(),
            checkpoints == null ? null : new SerializableConfiguration(hadoop),
            trained);
    WorkerOutcome outcome =
        new BarrierTraining(context, shards, coordinator, setup).run(from, attempt);
    kernels = outcome.kernels();
    coordinator.tellRest(outcome.result().history());
    return outcome.result();
  }

  private TrainingResult elastic(EpochOrder order, TrainingState from, int attempt) {
    try (Kernels optimizer = TaskDevice.openOnDriver(trainer.device());
        ElasticExchange exchange =
            new ElasticExchange(
                context,
                shards,
                model,
                order,
                trainer.device(),
                trained,
                optimizer.description())) {
      begins(exchange.description(), from, attempt);
      kernels = optimizer.description();
      Trainer steps = new Trainer(model, trainer.settings(), order, exchange, trainer.listener());
      if (checkpoints == null) {
        return steps.train(optimizer, from, StateKeeper.NONE);
      }
      try (CheckpointKeeper keeper =
          new CheckpointKeeper(
              checkpoints,
              Long.toHexString(run),
              (long) attempt << 16,
              TrainingKeys.checkpointInterval(context.getConf()),
              this::commit)) {
        TrainingResult result = steps.train(optimizer, from, keeper);
        keeper.finish();
        return result;
      }
    }
  }

  private void begins(String description, TrainingState from, int attempt) {
    if (attempt == 0) {
      trainer
          .listener()
          .begins(
              "mode %s (%s): %s%s"
                  .formatted(
                      mode.word(),
                      trainer.mode().reason(context),
                      description,
                      from.step() > 0
                          ? "; goes on from the checkpoint of step " + from.step()
                          : ""),
              micro.trainingRows(),
              micro.validationRows());
    }
  }

  private TrainedModel trained(TrainingResult result, List<String> classes) {
    return new TrainedModel(
        trainer.spec(),
        model.scaling(),
        result.parameters(),
        classes,
        new TrainedModel.Training(
            micro.trainingRows(),
            micro.validationRows(),
            trainer.validationFraction(),
            trainer.settings().seed(),
            result.epoch(),
            kernels,
            result.seconds(),
            result.sequencesPerSecond(),
            result.history()));
  }

  @Override
  public void close() {
    context.setJobDescription(jobDescription);
    unload();
    if (lease != null) {
      lease.close();
    }
  }
}
