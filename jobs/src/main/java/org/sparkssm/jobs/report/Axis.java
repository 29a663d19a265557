package org.sparkssm.jobs.report;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * An axis of a {@link Plot}: a range, linear or logarithmic, with round ticks.
 *
 * @param title what is along it
 * @param low value at its beginning
 * @param high value at its end
 * @param logarithmic whether equal distances are equal ratios
 * @param ticks values that are marked
 */
public record Axis(String title, double low, double high, boolean logarithmic, List<Double> ticks) {
  private static final int TICKS = 5;

  /** A linear axis over the values, a little wider; any range if there are none. */
  public static Axis linear(String title, double[] values) {
    double low = Double.POSITIVE_INFINITY;
    double high = Double.NEGATIVE_INFINITY;
    for (double value : values) {
      if (Double.isFinite(value)) {
        low = Math.min(low, value);
        high = Math.max(high, value);
      }
    }
    if (low > high) {
      return between(title, 0, 1);
    }
    double margin = high > low ? 0.04 * (high - low) : Math.max(0.5, 0.1 * Math.abs(low));
    return between(title, low - margin, high + margin);
  }

  /** A linear axis from {@code low} to {@code high}. */
  public static Axis between(String title, double low, double high) {
    double rough = (high - low) / TICKS;
    double power = Math.pow(10, Math.floor(Math.log10(rough)));
    double fraction = rough / power;
    double step = power * (fraction > 5 ? 10 : fraction > 2 ? 5 : fraction > 1 ? 2 : 1);
    List<Double> ticks = new ArrayList<>();
    for (double k = Math.ceil(low / step); k * step <= high + 1e-9 * step; k++) {
      ticks.add(k * step);
    }
    return new Axis(title, low, high, false, ticks);
  }

  /** A logarithmic axis over the positive values; linear if they span less than a factor of 3. */
  public static Axis logarithmic(String title, double[] values) {
    double low = Double.POSITIVE_INFINITY;
    double high = 0;
    for (double value : values) {
      if (Double.isFinite(value) && value > 0) {
        low = Math.min(low, value);
        high = Math.max(high, value);
      }
    }
    if (high < 3 * low) {
      return linear(title, values);
    }
    double from = low / 1.15;
    double to = high * 1.15;
    List<Double> ticks = new ArrayList<>();
    int[] multiples = to / from > 30 ? new int[] {1} : new int[] {1, 2, 5};
    for (int power = (int) Math.floor(Math.log10(from)); Math.pow(10, power) <= to; power++) {
      for (int multiple : multiples) {
        double tick = multiple * Math.pow(10, power);
        if (tick >= from && tick <= to) {
          ticks.add(tick);
        }
      }
    }
    return new Axis(title, from, to, true, ticks);
  }

  /** Where a value lies: 0 at the beginning, 1 at the end. */
  double position(double value) {
    return logarithmic
        ? Math.log(value / low) / Math.log(high / low)
        : (value - low) / (high - low);
  }

  /** Whether a value can be drawn. */
  boolean holds(double value) {
    return Double.isFinite(value) && (!logarithmic || value > 0);
  }

  /** A short form of a number. */
  public static String text(double value) {
    double size = Math.abs(value);
    if (size < 1e-12) {
      return "0";
    }
    String text =
        size >= 1e5 || size < 1e-3
            ? String.format(Locale.ROOT, "%.3g", value).replaceFirst("\\.?0+e", "e")
            : String.format(Locale.ROOT, "%.4f", value);
    return text.contains("e")
        ? text.replace("e-0", "e-").replace("e+0", "e")
        : text.replaceFirst("\\.?0+$", "");
  }
}
