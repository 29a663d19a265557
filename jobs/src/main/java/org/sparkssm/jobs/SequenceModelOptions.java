package org.sparkssm.jobs;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.sparkssm.ml.SequenceEstimator;
import picocli.CommandLine.Option;

/** Options of {@code train} that describe a sequence model. */
final class SequenceModelOptions {
  @Option(names = "--blocks", paramLabel = "K", description = "Number of blocks; default 2.")
  private Integer blocks;

  @Option(names = "--width", paramLabel = "D", description = "Model width; default 64.")
  private Integer width;

  @Option(
      names = "--state",
      paramLabel = "N",
      description = "State size; default: the layer's own.")
  private Integer state;

  @Option(
      names = "--activation",
      paramLabel = "NAME",
      description = "After each layer: none (default), gelu, glu or gelu-glu.")
  private String activation;

  @Option(
      names = "--dropout",
      paramLabel = "P",
      description = "Rate of dropout in each block; default 0.")
  private Double dropout;

  @Option(
      names = "--readout",
      paramLabel = "NAME",
      description =
          "Rows the head sees: last or mean (default) where a sequence has one label, every-step"
              + " where each step has one.")
  private String readout;

  @Option(names = "--time-channel", description = "Time since the start becomes an input channel.")
  private boolean timeChannel;

  boolean timeChannel() {
    return timeChannel;
  }

  /** What was given, by option. */
  Map<String, Object> given() {
    Map<String, Object> given = new LinkedHashMap<>();
    given.put("--blocks", blocks);
    given.put("--width", width);
    given.put("--state", state);
    given.put("--activation", activation);
    given.put("--dropout", dropout);
    given.put("--readout", readout);
    given.put("--time-channel", timeChannel ? true : null);
    given.values().removeIf(value -> value == null);
    return given;
  }

  void set(SequenceEstimator<?, ?> estimator) {
    Optional.ofNullable(blocks).ifPresent(estimator::setBlocks);
    Optional.ofNullable(width).ifPresent(estimator::setWidth);
    Optional.ofNullable(state).ifPresent(estimator::setStateSize);
    Optional.ofNullable(activation).ifPresent(estimator::setActivation);
    Optional.ofNullable(dropout).ifPresent(estimator::setDropout);
    Optional.ofNullable(readout).ifPresent(estimator::setReadout);
    if (timeChannel) {
      estimator.setTimeChannel(true);
    }
  }
}
