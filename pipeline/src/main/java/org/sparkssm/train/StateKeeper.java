package org.sparkssm.train;

import java.util.function.Supplier;

/** Keeps states of a training, so that it can go on after an interruption. */
public interface StateKeeper {
  /** Keeps nothing. */
  StateKeeper NONE =
      new StateKeeper() {
        @Override
        public long stepsToNext(double secondsPerStep) {
          return Long.MAX_VALUE / 2;
        }

        @Override
        public void keep(long step, Supplier<TrainingState> state) {}
      };

  /** After how many further steps the state is due. Of several workers the first is heeded. */
  long stepsToNext(double secondsPerStep);

  /**
   * The state is due.
   *
   * @param state a copy; the training goes on as soon as this method returns
   */
  void keep(long step, Supplier<TrainingState> state);
}
