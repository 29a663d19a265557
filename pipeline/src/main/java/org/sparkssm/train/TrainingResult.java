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
    double sequencesPerSecond) {}
