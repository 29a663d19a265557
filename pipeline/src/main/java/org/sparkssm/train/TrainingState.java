package org.sparkssm.train;

import java.util.List;
import org.sparkssm.model.LossSums;
import org.sparkssm.model.SequenceModel;

/**
 * Where a training stands between two steps. With the model, the settings and the data it decides
 * every bit of what follows; the step is also the place in the data.
 *
 * @param parameters [P]; no array is copied
 * @param firstMoment of AdamW, [P]
 * @param secondMoment of AdamW, [P]
 * @param step optimizer steps done; after the last one of an epoch, the epoch is in the history
 * @param epochSums over the training rows of the epoch so far
 * @param history one record for each finished epoch
 * @param best nullable: the parameters of the best epoch so far, [P]
 * @param bestEpoch from 1; 0: none
 * @param sequences training sequences so far
 * @param stepSeconds time of the steps so far
 * @param seconds time of the training so far
 */
@SuppressWarnings("ArrayRecordComponent") // a carrier, never compared
public record TrainingState(
    float[] parameters,
    float[] firstMoment,
    float[] secondMoment,
    long step,
    LossSums epochSums,
    List<EpochRecord> history,
    float[] best,
    int bestEpoch,
    long sequences,
    double stepSeconds,
    double seconds) {

  /** Copies the history. */
  public TrainingState {
    history = List.copyOf(history);
  }

  /** The beginning, with the parameters that the model draws from its seed. */
  public static TrainingState initial(SequenceModel model) {
    double[] initial = model.layout().initialValues(model.spec().seed());
    float[] parameters = new float[initial.length];
    for (int i = 0; i < initial.length; i++) {
      parameters[i] = (float) initial[i];
    }
    return from(parameters);
  }

  /**
   * The beginning, with given parameters.
   *
   * @param parameters [P]
   */
  public static TrainingState from(float[] parameters) {
    int size = parameters.length;
    return new TrainingState(
        parameters,
        new float[size],
        new float[size],
        0,
        LossSums.ZERO,
        List.of(),
        null,
        0,
        0,
        0,
        0);
  }
}
