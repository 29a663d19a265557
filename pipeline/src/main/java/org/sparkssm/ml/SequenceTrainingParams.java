package org.sparkssm.ml;

import org.apache.spark.ml.param.BooleanParam;
import org.apache.spark.ml.param.DoubleParam;
import org.apache.spark.ml.param.IntParam;
import org.apache.spark.ml.param.LongParam;
import org.apache.spark.ml.param.Param;
import org.apache.spark.ml.param.ParamValidators;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.spark.DataParallelTrainer;
import org.sparkssm.train.LearningRate;
import org.sparkssm.train.OptimizerKind;
import org.sparkssm.train.OptimizerSettings;
import org.sparkssm.train.Schedule;
import org.sparkssm.train.TrainingSettings;

/**
 * How an estimator of sequence models trains, and where.
 *
 * @param <E> the estimator
 * @param <M> its model
 */
public abstract class SequenceTrainingParams<
        E extends SequenceEstimator<E, M>, M extends SequenceModelTransformer<M>>
    extends SequenceModelParams<E, M> {
  private static final long serialVersionUID = 1L;

  private final IntParam epochs;
  private final IntParam batchSize;
  private final IntParam microBatch;
  private final DoubleParam learningRate;
  private final Param<String> optimizer;
  private final DoubleParam momentum;
  private final Param<String> schedule;
  private final DoubleParam warmupFraction;
  private final IntParam stepEpochs;
  private final DoubleParam stepFactor;
  private final DoubleParam weightDecay;
  private final DoubleParam gradientClip;
  private final IntParam microShards;
  private final LongParam seed;
  private final DoubleParam validationFraction;
  private final BooleanParam keepBest;
  private final IntParam patience;
  private final DoubleParam maxSeconds;
  private final Param<String> device;
  private final Param<String> mode;
  private final Param<String> checkpointDir;
  private final BooleanParam resume;
  private final Param<String> initialModel;

  SequenceTrainingParams(String uid) {
    super(uid);
    epochs =
        new IntParam(this, "epochs", "passes over the training split", ParamValidators.gtEq(1));
    batchSize =
        new IntParam(this, "batchSize", "sequences per optimizer step", ParamValidators.gtEq(1));
    microBatch =
        new IntParam(
            this,
            "microBatch",
            "sequences of one micro-shard that are in memory at a time, whose gradients are added up; bounds memory, part of the result's bits; 0: all of a batch",
            ParamValidators.gtEq(0));
    learningRate =
        new DoubleParam(
            this, "learningRate", "greatest rate of the schedule", ParamValidators.gt(0));
    optimizer =
        new Param<>(
            this,
            "optimizer",
            "adamw (weight decay apart from the gradient), adam, or sgd (with momentum)",
            words(OptimizerKind.words()));
    momentum =
        new DoubleParam(
            this,
            "momentum",
            "of the optimizer sgd, in [0, 1)",
            ParamValidators.inRange(0, 1, true, false));
    schedule =
        new Param<>(
            this,
            "schedule",
            "of the learning rate after the warm-up: constant, cosine or step",
            words(Schedule.words()));
    warmupFraction =
        new DoubleParam(
            this,
            "warmupFraction",
            "share of the steps over which the learning rate rises, in [0, 1)",
            ParamValidators.inRange(0, 1, true, false));
    stepEpochs =
        new IntParam(
            this,
            "stepEpochs",
            "with the schedule step: epochs between two drops of the learning rate",
            ParamValidators.gtEq(1));
    stepFactor =
        new DoubleParam(
            this,
            "stepFactor",
            "with the schedule step: what the learning rate is multiplied by in a drop, in (0, 1]",
            ParamValidators.inRange(0, 1, false, true));
    weightDecay =
        new DoubleParam(
            this,
            "weightDecay",
            "on weight matrices; not on biases, gains, embeddings and transitions",
            ParamValidators.gtEq(0));
    gradientClip =
        new DoubleParam(
            this,
            "gradientClip",
            "greatest norm of the mean gradient; 0: no limit",
            ParamValidators.gtEq(0));
    microShards =
        new IntParam(
            this,
            "microShards",
            "number of parts of a batch that are summed separately, a power of two; "
                + "part of the result's bits, and the greatest useful number of cores",
            new PowerOfTwo());
    seed =
        new LongParam(
            this, "seed", "seed of initial weights, order of rows, dropout and validation split");
    validationFraction =
        new DoubleParam(
            this,
            "validationFraction",
            "share of rows kept for validation, in [0, 1)",
            ParamValidators.inRange(0, 1, true, false));
    keepBest =
        new BooleanParam(
            this,
            "keepBest",
            "whether the epoch with the best validation metric is kept instead of "
                + "the last one");
    patience =
        new IntParam(
            this,
            "patience",
            "training ends after so many epochs without a better validation metric, and keeps the best epoch; 0: never",
            ParamValidators.gtEq(0));
    maxSeconds =
        new DoubleParam(
            this,
            "maxSeconds",
            "training ends after the epoch in which this time runs out; 0: no limit",
            ParamValidators.gtEq(0));
    device =
        new Param<>(
            this,
            "device",
            "auto, cpu, gpu or reference; not set: spark.ssm.device, else auto",
            words(new String[] {"auto", "cpu", "gpu", "reference"}));
    mode =
        new Param<>(
            this,
            "mode",
            "how workers run: barrier (one job for the whole training), elastic (a job per "
                + "step, executors may come and go), or auto: barrier without dynamic allocation",
            words(DataParallelTrainer.Mode.words()));
    checkpointDir =
        new Param<>(
            this,
            "checkpointDir",
            "folder for checkpoints on any Hadoop file system; empty: none are kept");
    resume =
        new BooleanParam(
            this,
            "resume",
            "whether a training that is kept in checkpointDir goes on; if there is none, it begins");
    initialModel =
        new Param<>(
            this,
            "initialModel",
            "folder of a trained sequence model whose weights and scaling the training starts from;"
                + " not set: weights are drawn from the seed");
    setDefault(epochs, 20);
    setDefault(batchSize, 32);
    setDefault(learningRate, 0.003);
    setDefault(schedule, "cosine");
    setDefault(warmupFraction, 0.05);
    setDefault(weightDecay, 0.01);
    setDefault(gradientClip, 1.0);
    setDefault(microShards, 8);
    setDefault(seed, 0L);
    setDefault(validationFraction, 0.0);
    setDefault(keepBest, false);
    setDefault(maxSeconds, 0.0);
    setDefault(mode, "auto");
    setDefault(checkpointDir, "");
    setDefault(resume, false);
    setDefault(microBatch, 0);
    setDefault(optimizer, "adamw");
    setDefault(momentum, 0.9);
    setDefault(stepEpochs, 10);
    setDefault(stepFactor, 0.1);
    setDefault(patience, 0);
  }

  /** Refuses Params that do not go together. */
  final void checkTraining() {
    boolean asksForBest = (boolean) getOrDefault(keepBest) || (int) getOrDefault(patience) > 0;
    boolean hasColumn = isSet(validationIndicatorCol());
    boolean hasFraction = (double) getOrDefault(validationFraction) > 0;
    if (asksForBest && !hasColumn && !hasFraction) {
      throw new InvalidInputException(
          "keepBest and patience need validation rows; set validationFraction or"
              + " validationIndicatorCol");
    }
    if (hasColumn && hasFraction) {
      throw new InvalidInputException(
          "validationFraction and validationIndicatorCol are set, expected one of them");
    }
  }

  final TrainingSettings settings() {
    return new TrainingSettings(
        (int) getOrDefault(epochs),
        (int) getOrDefault(batchSize),
        (int) getOrDefault(microBatch),
        new LearningRate(
            (double) getOrDefault(learningRate),
            Schedule.of(getOrDefault(schedule)),
            (double) getOrDefault(warmupFraction),
            (int) getOrDefault(stepEpochs),
            (double) getOrDefault(stepFactor)),
        new OptimizerSettings(
            OptimizerKind.of(getOrDefault(optimizer)),
            (double) getOrDefault(momentum),
            (double) getOrDefault(weightDecay),
            (double) getOrDefault(gradientClip)),
        (int) getOrDefault(microShards),
        (long) getOrDefault(seed),
        (boolean) getOrDefault(keepBest),
        (int) getOrDefault(patience),
        (double) getOrDefault(maxSeconds));
  }

  /** Null: none are kept. */
  final DataParallelTrainer.Checkpoints checkpoints() {
    if (getOrDefault(checkpointDir).isEmpty()) {
      if ((boolean) getOrDefault(resume)) {
        throw new InvalidInputException("resume is set without checkpointDir, expected both");
      }
      return null;
    }
    return new DataParallelTrainer.Checkpoints(
        getOrDefault(checkpointDir), (boolean) getOrDefault(resume));
  }

  public final IntParam epochs() {
    return epochs;
  }

  public final IntParam batchSize() {
    return batchSize;
  }

  public final IntParam microBatch() {
    return microBatch;
  }

  public final DoubleParam learningRate() {
    return learningRate;
  }

  public final Param<String> optimizer() {
    return optimizer;
  }

  public final DoubleParam momentum() {
    return momentum;
  }

  public final Param<String> schedule() {
    return schedule;
  }

  public final DoubleParam warmupFraction() {
    return warmupFraction;
  }

  public final IntParam stepEpochs() {
    return stepEpochs;
  }

  public final DoubleParam stepFactor() {
    return stepFactor;
  }

  public final DoubleParam weightDecay() {
    return weightDecay;
  }

  public final DoubleParam gradientClip() {
    return gradientClip;
  }

  public final IntParam microShards() {
    return microShards;
  }

  public final LongParam seed() {
    return seed;
  }

  public final DoubleParam validationFraction() {
    return validationFraction;
  }

  public final BooleanParam keepBest() {
    return keepBest;
  }

  public final IntParam patience() {
    return patience;
  }

  public final DoubleParam maxSeconds() {
    return maxSeconds;
  }

  public final Param<String> device() {
    return device;
  }

  public final Param<String> mode() {
    return mode;
  }

  public final Param<String> checkpointDir() {
    return checkpointDir;
  }

  public final BooleanParam resume() {
    return resume;
  }

  public final Param<String> initialModel() {
    return initialModel;
  }

  public final E setEpochs(int value) {
    set(epochs, value);
    return self();
  }

  public final E setBatchSize(int value) {
    set(batchSize, value);
    return self();
  }

  public final E setMicroBatch(int value) {
    set(microBatch, value);
    return self();
  }

  public final E setLearningRate(double value) {
    set(learningRate, value);
    return self();
  }

  public final E setOptimizer(String value) {
    set(optimizer, value);
    return self();
  }

  public final E setMomentum(double value) {
    set(momentum, value);
    return self();
  }

  public final E setSchedule(String value) {
    set(schedule, value);
    return self();
  }

  public final E setWarmupFraction(double value) {
    set(warmupFraction, value);
    return self();
  }

  public final E setStepEpochs(int value) {
    set(stepEpochs, value);
    return self();
  }

  public final E setStepFactor(double value) {
    set(stepFactor, value);
    return self();
  }

  public final E setWeightDecay(double value) {
    set(weightDecay, value);
    return self();
  }

  public final E setGradientClip(double value) {
    set(gradientClip, value);
    return self();
  }

  public final E setMicroShards(int value) {
    set(microShards, value);
    return self();
  }

  public final E setSeed(long value) {
    set(seed, value);
    return self();
  }

  public final E setValidationFraction(double value) {
    set(validationFraction, value);
    return self();
  }

  public final E setKeepBest(boolean value) {
    set(keepBest, value);
    return self();
  }

  public final E setPatience(int value) {
    set(patience, value);
    return self();
  }

  public final E setMaxSeconds(double value) {
    set(maxSeconds, value);
    return self();
  }

  public final E setDevice(String value) {
    set(device, value);
    return self();
  }

  public final E setMode(String value) {
    set(mode, value);
    return self();
  }

  public final E setCheckpointDir(String value) {
    set(checkpointDir, value);
    return self();
  }

  public final E setResume(boolean value) {
    set(resume, value);
    return self();
  }

  public final E setInitialModel(String value) {
    set(initialModel, value);
    return self();
  }
}
