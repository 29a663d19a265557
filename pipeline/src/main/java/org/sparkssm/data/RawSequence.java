package org.sparkssm.data;

/**
 * A sequence as a foreign source had it: times and values still unscaled, missing values NaN.
 *
 * <p>The arrays belong to the sequence and may be changed by whoever prepares it.
 */
public final class RawSequence {
  private final long id;
  private final String name;
  private int channels;
  private float[] values;
  private double[] times;
  private Object[] stepLabels;

  /**
   * A sequence.
   *
   * @param name how messages call it, for example its key
   * @param values [length x channels] row-major, NaN where missing
   * @param times nullable, [length]
   * @param stepLabels nullable, [length]
   */
  public RawSequence(
      long id, String name, int channels, float[] values, double[] times, Object[] stepLabels) {
    this.id = id;
    this.name = name;
    this.channels = channels;
    this.values = values;
    this.times = times;
    this.stepLabels = stepLabels;
  }

  /** Its id. */
  public long id() {
    return id;
  }

  /** How messages call it. */
  public String name() {
    return name;
  }

  /** Number of channels, C. */
  public int channels() {
    return channels;
  }

  /** Number of steps, L. */
  public int length() {
    return values.length / channels;
  }

  /** [L x C], not copied. */
  public float[] values() {
    return values;
  }

  /** [L] or null, not copied. */
  public double[] times() {
    return times;
  }

  /** [L] or null, not copied. */
  public Object[] stepLabels() {
    return stepLabels;
  }

  /** Last time minus first, or 0 without times. */
  public double duration() {
    return times == null || times.length == 0 ? 0 : times[times.length - 1] - times[0];
  }

  /**
   * Checks that times are finite and strictly increasing and that no value is infinite.
   *
   * @throws InvalidInputException naming sequence, step and, for a value, channel
   */
  public void check(java.util.List<String> channelNames) {
    for (int l = 0; times != null && l < times.length; l++) {
      if (Double.isNaN(times[l]) || Double.isInfinite(times[l])) {
        throw new InvalidInputException(
            name + " has the time " + times[l] + " at step " + l + ", expected a finite number");
      }
      if (l > 0 && times[l] <= times[l - 1]) {
        throw new InvalidInputException(
            name
                + " has times that do not increase: "
                + times[l - 1]
                + " at step "
                + (l - 1)
                + " and "
                + times[l]
                + " at step "
                + l
                + ", expected strictly increasing times");
      }
    }
    for (int i = 0; i < values.length; i++) {
      if (Float.isInfinite(values[i])) {
        throw new InvalidInputException(
            name
                + " has a value that is infinite or beyond single precision at step "
                + i / channels
                + " in channel '"
                + channelNames.get(i % channels)
                + "', expected finite numbers");
      }
    }
  }

  /**
   * Replaces values by (value - mean) / deviation per channel; missing ones stay so.
   *
   * @param mean [C]
   * @param deviation [C]
   */
  public void standardize(double[] mean, double[] deviation) {
    for (int i = 0; i < values.length; i++) {
      int c = i % channels;
      values[i] = (float) ((values[i] - mean[c]) / deviation[c]);
    }
  }

  /** Replaces times by (time - first time) / scale. */
  public void scaleTimes(double scale) {
    if (times == null || times.length == 0) {
      return;
    }
    double first = times[0];
    for (int l = 0; l < times.length; l++) {
      times[l] = (times[l] - first) / scale;
    }
  }

  void replace(int newChannels, float[] newValues, double[] newTimes, Object[] newStepLabels) {
    this.channels = newChannels;
    this.values = newValues;
    this.times = newTimes;
    this.stepLabels = newStepLabels;
  }
}
