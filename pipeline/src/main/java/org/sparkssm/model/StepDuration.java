package org.sparkssm.model;

import org.sparkssm.kernel.Segments;
import org.sparkssm.kernel.Tensor;

/**
 * How long the steps of irregular sequences last: {@code clock (t_l - t_{l-1})} with times in units
 * of the time scale, and 1 for the first row of a sequence. With {@code clock} about the number of
 * steps in a unit of time, a usual step lasts about 1, as step sizes are drawn for.
 */
final class StepDuration {
  private final double clock;
  private final StateSlot lastTime;

  private StepDuration(double clock, ParameterLayout layout) {
    this.clock = clock;
    lastTime = layout.addState("time", 1, Carry.lastRows(1));
  }

  /** Reads option {@code clock}; null where it is 0: every step lasts 1. */
  static StepDuration of(Options options, ParameterLayout layout) {
    double clock = options.number("clock", 0, 0, Double.MAX_VALUE);
    return clock == 0 ? null : new StepDuration(clock, layout);
  }

  /** The durations of a pass, [T]. */
  double[] of(Pass pass) {
    Segments segments = pass.segments();
    double[] times = pass.kernels().toDoubles(pass.times());
    Tensor before = pass.before(lastTime);
    double[] earlier = before == null ? null : pass.kernels().toDoubles(before);
    double[] durations = new double[times.length];
    for (int b = 0; b < segments.batch(); b++) {
      int first = segments.offset(b);
      for (int r = first; r < first + segments.length(b); r++) {
        if (r > first) {
          durations[r] = clock * (times[r] - times[r - 1]);
        } else {
          durations[r] = pass.position(b) == 0 ? 1 : clock * (times[r] - earlier[b]);
        }
      }
    }
    if (pass.carries()) {
      pass.carryLastRow(lastTime, pass.times());
    }
    return durations;
  }
}
