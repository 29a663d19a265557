package org.sparkssm.jobs;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.ml.SequenceClassifier;
import org.sparkssm.ml.SequenceEstimator;
import picocli.CommandLine.Option;

/** Options of {@code train} that say how a sequence model learns. */
final class LearningOptions {
  @Option(names = "--epochs", paramLabel = "E", description = "Passes over the data; default 20.")
  private Integer epochs;

  @Option(
      names = "--batch",
      paramLabel = "B",
      description = "Sequences per optimizer step; default 32.")
  private Integer batch;

  @Option(
      names = "--micro-batch",
      paramLabel = "M",
      description =
          "Sequences of one micro-shard in memory at a time, whose gradients are added up; part of"
              + " the result. Default 0: all of a batch.")
  private Integer microBatch;

  @Option(
      names = "--optimizer",
      paramLabel = "NAME",
      description = "adamw (default), adam, or sgd (with momentum).")
  private String optimizer;

  @Option(names = "--momentum", paramLabel = "M", description = "Of sgd; default 0.9.")
  private Double momentum;

  @Option(
      names = "--learning-rate",
      paramLabel = "R",
      description = "Greatest learning rate; default 0.003.")
  private Double learningRate;

  @Option(
      names = "--schedule",
      paramLabel = "NAME",
      description = "Of the learning rate after the warm-up: cosine (default), constant or step.")
  private String schedule;

  @Option(
      names = "--warmup",
      paramLabel = "F",
      description = "Share of the steps over which the learning rate rises; default 0.05.")
  private Double warmup;

  @Option(
      names = "--step-epochs",
      paramLabel = "E",
      description = "With --schedule step: epochs between two drops; default 10.")
  private Integer stepEpochs;

  @Option(
      names = "--step-factor",
      paramLabel = "F",
      description = "With --schedule step: what a drop multiplies by; default 0.1.")
  private Double stepFactor;

  @Option(
      names = "--weight-decay",
      paramLabel = "W",
      description = "On weight matrices, not on biases, norms and transitions; default 0.01.")
  private Double weightDecay;

  @Option(
      names = "--gradient-clip",
      paramLabel = "C",
      description = "Greatest norm of the mean gradient; default 1, 0: no limit.")
  private Double gradientClip;

  @Option(
      names = "--weight-column",
      paramLabel = "COL",
      description = "Column with the weight of each row.")
  private String weightColumn;

  @Option(
      names = "--class-weights",
      paramLabel = "W,W",
      split = ",",
      description = "What a label of each class counts for, in the order of classes.")
  private double[] classWeights;

  @Option(
      names = "--keep-best",
      description = "Keep the epoch with the best validation metric instead of the last.")
  private boolean keepBest;

  @Option(
      names = "--patience",
      paramLabel = "E",
      description =
          "Stop after E epochs without a better validation metric, and keep the best; default 0:"
              + " never.")
  private Integer patience;

  /** What was given, by option. */
  Map<String, Object> given() {
    Map<String, Object> given = new LinkedHashMap<>();
    given.put("--epochs", epochs);
    given.put("--batch", batch);
    given.put("--micro-batch", microBatch);
    given.put("--optimizer", optimizer);
    given.put("--momentum", momentum);
    given.put("--learning-rate", learningRate);
    given.put("--schedule", schedule);
    given.put("--warmup", warmup);
    given.put("--step-epochs", stepEpochs);
    given.put("--step-factor", stepFactor);
    given.put("--weight-decay", weightDecay);
    given.put("--gradient-clip", gradientClip);
    given.put("--weight-column", weightColumn);
    given.put("--class-weights", classWeights);
    given.put("--keep-best", keepBest ? true : null);
    given.put("--patience", patience);
    given.values().removeIf(value -> value == null);
    return given;
  }

  void set(SequenceEstimator<?, ?> estimator) {
    Optional.ofNullable(epochs).ifPresent(estimator::setEpochs);
    Optional.ofNullable(batch).ifPresent(estimator::setBatchSize);
    Optional.ofNullable(microBatch).ifPresent(estimator::setMicroBatch);
    Optional.ofNullable(optimizer).ifPresent(estimator::setOptimizer);
    Optional.ofNullable(momentum).ifPresent(estimator::setMomentum);
    Optional.ofNullable(learningRate).ifPresent(estimator::setLearningRate);
    Optional.ofNullable(schedule).ifPresent(estimator::setSchedule);
    Optional.ofNullable(warmup).ifPresent(estimator::setWarmupFraction);
    Optional.ofNullable(stepEpochs).ifPresent(estimator::setStepEpochs);
    Optional.ofNullable(stepFactor).ifPresent(estimator::setStepFactor);
    Optional.ofNullable(weightDecay).ifPresent(estimator::setWeightDecay);
    Optional.ofNullable(gradientClip).ifPresent(estimator::setGradientClip);
    Optional.ofNullable(weightColumn).ifPresent(estimator::setWeightCol);
    Optional.ofNullable(patience).ifPresent(estimator::setPatience);
    estimator.setKeepBest(keepBest);
    if (classWeights != null) {
      if (!(estimator instanceof SequenceClassifier classifier)) {
        throw new InvalidInputException("--class-weights is given, but the labels are numbers");
      }
      classifier.setClassWeights(classWeights);
    }
  }
}
