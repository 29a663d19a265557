package org.sparkssm.train;

import java.util.List;

/**
 * What a training came to.
 *
 * @param parameters [P]; not copied
 * @param history one record an epoch
 * @param epoch whose parameters were kept
 * @param seconds of the steps and validations
 * @param sequencesPerSecond training sequences over the time of the steps
 */
@SuppressWarnings("ArrayRecordComponent") // a carrier, never compared
public record TrainingResult(
    float[] parameters,
    List<EpochRecord> history,
    int epoch,
    double seconds,
    double sequencesPerSecond) {

  /** The same with other parameters. */
  public TrainingResult withParameters(float[] others) {
    return new TrainingResult(others, history, epoch, seconds, sequencesPerSecond);
  }
}
