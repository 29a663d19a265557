package org.sparkssm.train;

import com.fasterxml.jackson.annotation.JsonInclude;
import java.util.Map;

/**
 * What one epoch came to.
 *
 * @param epoch from 1
 * @param steps optimizer steps so far
 * @param trainingLoss mean loss of the training rows as they were met
 * @param learningRate of the last step
 * @param validation metrics by name ({@code loss} and {@code rmse}, {@code mae}, or {@code
 *     accuracy}); empty without validation rows
 * @param seconds since the training began
 */
@JsonInclude(JsonInclude.Include.NON_EMPTY)
public record EpochRecord(
    int epoch,
    long steps,
    double trainingLoss,
    double learningRate,
    Map<String, Double> validation,
    double seconds) {

  /** Copies the metrics. */
  public EpochRecord {
    validation = validation == null ? Map.of() : Map.copyOf(validation);
  }
}
