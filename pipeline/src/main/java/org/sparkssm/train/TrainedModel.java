package org.sparkssm.train;

import java.util.List;
import org.sparkssm.model.ModelSpec;
import org.sparkssm.model.Scaling;
import org.sparkssm.model.SequenceModel;

/**
 * A model with its parameters and everything that scoring raw sequences takes.
 *
 * @param parameters [P]; not copied
 * @param classes names of the classes by index; empty for numbers and for classes without names
 * @param training how it came about
 */
@SuppressWarnings("ArrayRecordComponent") // a carrier, never compared
public record TrainedModel(
    ModelSpec spec, Scaling scaling, float[] parameters, List<String> classes, Training training) {

  /**
   * How a model was trained.
   *
   * @param rows training sequences
   * @param validationRows validation sequences
   * @param validationFraction share of rows kept for validation by {@link
   *     org.sparkssm.data.Split#isValidation}
   * @param seed of the split, the order of rows and dropout
   * @param epoch whose parameters these are
   * @param device description of the kernels
   * @param seconds of steps and validations
   * @param sequencesPerSecond training sequences over the time of the steps
   * @param history one record an epoch
   */
  public record Training(
      long rows,
      long validationRows,
      double validationFraction,
      long seed,
      int epoch,
      String device,
      double seconds,
      double sequencesPerSecond,
      List<EpochRecord> history) {
    /** Copies the history. */
    public Training {
      history = history == null ? List.of() : List.copyOf(history);
    }
  }

  /** Copies the names. */
  public TrainedModel {
    classes = List.copyOf(classes);
    int expected = new SequenceModel(spec, scaling).layout().size();
    if (parameters.length != expected) {
      throw new IllegalArgumentException(
          "the model has " + expected + " parameters, found " + parameters.length);
    }
  }

  /** The model without its parameters. */
  public SequenceModel model() {
    return new SequenceModel(spec, scaling);
  }

  /** Hash of the parameters' bits (little-endian, in the order of the layout), hexadecimal. */
  public String weightsSha256() {
    return WeightsHash.hexadecimal(WeightsHash.of(parameters));
  }
}
