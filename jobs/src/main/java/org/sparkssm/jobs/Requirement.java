package org.sparkssm.jobs;

import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.sparkssm.data.InvalidInputException;

/**
 * What a metric must reach, as in {@code rmse<=0.01}.
 *
 * @param text as given
 */
record Requirement(String text, String metric, String relation, double bound) {
  private static final Pattern FORM =
      Pattern.compile("\\s*([A-Za-z0-9_]+)\\s*(<=|>=|<|>)\\s*(\\S+)\\s*");

  static Requirement parse(String text) {
    Matcher matcher = FORM.matcher(text);
    if (!matcher.matches()) {
      throw malformed(text, null);
    }
    try {
      double bound = Double.parseDouble(matcher.group(3));
      return new Requirement(text.strip(), matcher.group(1), matcher.group(2), bound);
    } catch (NumberFormatException e) {
      throw malformed(text, e);
    }
  }

  private static InvalidInputException malformed(String text, Exception cause) {
    return new InvalidInputException(
        "--require is '" + text + "', expected a metric and a bound as in rmse<=0.01", cause);
  }

  /**
   * Checks the metrics.
   *
   * @throws InvalidInputException if there is no such metric
   * @throws JobFailedException if it misses the bound
   */
  void check(Map<String, Double> metrics) {
    Double value = metrics.get(metric);
    if (value == null) {
      throw new InvalidInputException(
          "--require names the metric "
              + metric
              + ", expected one of "
              + String.join(", ", metrics.keySet()));
    }
    boolean met =
        switch (relation) {
          case "<=" -> value <= bound;
          case ">=" -> value >= bound;
          case "<" -> value < bound;
          default -> value > bound;
        };
    if (!met) {
      throw new JobFailedException(metric + " is " + value + ", required was " + text);
    }
  }
}
