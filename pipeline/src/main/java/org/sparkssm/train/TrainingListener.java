package org.sparkssm.train;

/** Hears how a training goes, on the training thread. */
public interface TrainingListener {
  /** A listener that does nothing. */
  TrainingListener NONE = new TrainingListener() {};

  /**
   * Where a training stands.
   *
   * @param loss mean training loss of the epoch so far
   * @param secondsLeft estimate until the last step
   */
  record Progress(
      int epoch,
      int epochs,
      long step,
      long steps,
      double loss,
      double sequencesPerSecond,
      double secondsLeft) {

    @Override
    public String toString() {
      return "epoch %d/%d, step %d/%d, loss %.5g, %.0f sequences/s, %.0f s left"
          .formatted(epoch, epochs, step, steps, loss, sequencesPerSecond, secondsLeft);
    }
  }

  /** Before the first step: what runs where. */
  default void begins(String description, long trainingRows, long validationRows) {}

  /** After an optimizer step, at most once a second. */
  default void progresses(Progress progress) {}

  /** After an epoch and its validation. */
  default void epochEnds(EpochRecord record) {}
}
