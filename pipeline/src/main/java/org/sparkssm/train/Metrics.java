package org.sparkssm.train;

import java.util.Map;
import java.util.TreeMap;
import org.sparkssm.model.HeadKind;
import org.sparkssm.model.LossSums;

/** Metrics by name from loss sums. */
public final class Metrics {
  private Metrics() {}

  /**
   * {@code loss} and, for numbers, {@code rmse} and {@code mae} in units of the label and {@code
   * r2}, or, for classes, {@code accuracy} and {@code logLoss}; empty if nothing was summed. {@code
   * r2} is missing where all labels are equal.
   */
  public static Map<String, Double> of(HeadKind head, LossSums sums) {
    Map<String, Double> metrics = new TreeMap<>();
    if (sums.weight() == 0) {
      return metrics;
    }
    metrics.put("loss", sums.loss() / sums.weight());
    if (head == HeadKind.REGRESSION) {
      metrics.put("rmse", Math.sqrt(sums.squaredError() / sums.weight()));
      metrics.put("mae", sums.absoluteError() / sums.weight());
      double mean = sums.label() / sums.weight();
      double variance = sums.squaredLabel() / sums.weight() - mean * mean;
      if (variance > 1e-12) {
        metrics.put("r2", 1 - sums.loss() / sums.weight() / variance);
      }
    } else {
      metrics.put("logLoss", sums.loss() / sums.weight());
      metrics.put("accuracy", sums.correct() / sums.weight());
    }
    return metrics;
  }

  /** Whether the first metrics are better: more accurate, or of less loss where that is equal. */
  static boolean areBetter(Map<String, Double> metrics, Map<String, Double> others) {
    int accuracy =
        Double.compare(metrics.getOrDefault("accuracy", 0.0), others.getOrDefault("accuracy", 0.0));
    return accuracy != 0 ? accuracy > 0 : metrics.get("loss") < others.get("loss");
  }
}
