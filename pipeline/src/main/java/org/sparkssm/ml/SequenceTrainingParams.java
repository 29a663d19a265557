package org.sparkssm.ml;

import org.apache.spark.ml.param.BooleanParam;
import org.apache.spark.ml.param.DoubleParam;
import org.apache.spark.ml.param.IntParam;
import org.apache.spark.ml.param.LongParam;
import org.apache.spark.ml.param.Param;
import org.apache.spark.ml.param.ParamValidators;
import org.sparkssm.spark.DataParallelTrainer;
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
  private final DoubleParam learningRate;
  private final Param<String> schedule;
  private final DoubleParam warmupFraction;
  private final DoubleParam weightDecay;
  private final DoubleParam gradientClip;
  private final IntParam microShards;
  private final LongParam seed;
  private final DoubleParam validationFraction;
  private final BooleanParam keepBest;
  private final DoubleParam maxSeconds;
  private final Param<String> device;
  private final Param<String> mode;

  SequenceTrainingParams(String uid) {
    super(uid);
    epochs =
        new IntParam(this, "epochs", "passes over the training split", ParamValidators.gtEq(1));
    batchSize =
        new IntParam(this, "batchSize", "sequences per optimizer step", ParamValidators.gtEq(1));
    learningRate =
        new DoubleParam(this, "learningRate", "greatest rate of AdamW", ParamValidators.gt(0));
    schedule =
        new Param<>(
            this,
            "schedule",
            "of the learning rate after the warm-up: constant or cosine",
            words(Schedule.words()));
    warmupFraction =
        new DoubleParam(
            this,
            "warmupFraction",
            "share of the steps over which the learning rate rises, in [0, 1)",
            ParamValidators.inRange(0, 1, true, false));
    weightDecay =
        new DoubleParam(
            this, "weightDecay", "of AdamW, on weight matrices", ParamValidators.gtEq(0));
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
            "where micro-shards live: local (this process), elastic (Spark's cache, "
                + "a job per step), or auto: local if Spark runs in this process",
            words(DataParallelTrainer.Mode.words()));
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
  }

  final TrainingSettings settings() {
    return new TrainingSettings(
        (int) getOrDefault(epochs),
        (int) getOrDefault(batchSize),
        (double) getOrDefault(learningRate),
        Schedule.of(getOrDefault(schedule)),
        (double) getOrDefault(warmupFraction),
        (double) getOrDefault(weightDecay),
        (double) getOrDefault(gradientClip),
        (int) getOrDefault(microShards),
        (long) getOrDefault(seed),
        (boolean) getOrDefault(keepBest),
        (double) getOrDefault(maxSeconds));
  }

  public final IntParam epochs() {
    return epochs;
  }

  public final IntParam batchSize() {
    return batchSize;
  }

  public final DoubleParam learningRate() {
    return learningRate;
  }

  public final Param<String> schedule() {
    return schedule;
  }

  public final DoubleParam warmupFraction() {
    return warmupFraction;
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

  public final DoubleParam maxSeconds() {
    return maxSeconds;
  }

  public final Param<String> device() {
    return device;
  }

  public final Param<String> mode() {
    return mode;
  }

  public final E setEpochs(int value) {
    set(epochs, value);
    return self();
  }

  public final E setBatchSize(int value) {
    set(batchSize, value);
    return self();
  }

  public final E setLearningRate(double value) {
    set(learningRate, value);
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
}
