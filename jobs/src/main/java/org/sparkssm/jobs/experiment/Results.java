package org.sparkssm.jobs.experiment;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.DoubleFunction;
import java.util.function.ToDoubleFunction;

/**
 * Results of cells, to be chosen from by their parameters.
 *
 * @param all in the order of the grid
 */
record Results(List<Result> all) {

  /** Lowest, mean and highest of some numbers. */
  record Band(double low, double mean, double high) {
    static Band of(double... values) {
      return new Band(
          Arrays.stream(values).min().orElse(Double.NaN),
          Arrays.stream(values).average().orElse(Double.NaN),
          Arrays.stream(values).max().orElse(Double.NaN));
    }

    /** Lowest to highest in words; one number where both read the same. */
    String text(DoubleFunction<String> number) {
      String from = number.apply(low);
      String to = number.apply(high);
      return from.equals(to) ? from : from + " to " + to;
    }

    /** Shares as percentages with one decimal. */
    String percent() {
      return text(share -> String.format(Locale.ROOT, "%.1f", 100 * share)) + " %";
    }
  }

  /** Those whose parameter has this value. */
  Results where(String name, Object value) {
    return new Results(
        all.stream()
            .filter(result -> result.cell().parameters().path(name).asText().equals("" + value))
            .toList());
  }

  /** The results by the values of a parameter, in the order of the grid. */
  Map<String, Results> by(String name) {
    Map<String, List<Result>> groups = new LinkedHashMap<>();
    for (Result result : all) {
      groups.computeIfAbsent(result.cell().word(name), key -> new ArrayList<>()).add(result);
    }
    Map<String, Results> results = new LinkedHashMap<>();
    groups.forEach((value, group) -> results.put(value, new Results(group)));
    return results;
  }

  boolean isEmpty() {
    return all.isEmpty();
  }

  /** Over the seeds, or whatever else differs. */
  Band band(String name) {
    return band(result -> result.number(name));
  }

  Band band(ToDoubleFunction<Result> value) {
    return Band.of(all.stream().mapToDouble(value).toArray());
  }
}
