package org.sparkssm.jobs.experiment;

import java.util.ArrayList;
import java.util.List;
import org.sparkssm.jobs.experiment.Results.Band;

/** Exponents of errors that go as a power of a size. */
final class PowerLaw {
  private PowerLaw() {}

  /**
   * The slope of least squares through the logarithms of positive numbers.
   *
   * @return NaN with fewer than two different sizes
   */
  static double slope(double[] sizes, double[] errors) {
    double n = sizes.length;
    double x = 0;
    double y = 0;
    for (int k = 0; k < n; k++) {
      x += Math.log(sizes[k]) / n;
      y += Math.log(errors[k]) / n;
    }
    double products = 0;
    double squares = 0;
    for (int k = 0; k < n; k++) {
      double distance = Math.log(sizes[k]) - x;
      products += distance * (Math.log(errors[k]) - y);
      squares += distance * distance;
    }
    return squares > 0 ? products / squares : Double.NaN;
  }

  /**
   * The slopes of the seeds, one by one: lowest, mean, highest.
   *
   * @param size name of the parameter that is the size
   * @param error name of the value
   */
  static Band slopes(Results results, String size, String error) {
    List<Double> slopes = new ArrayList<>();
    for (Results seed : results.by("seed").values()) {
      double[] sizes = seed.all().stream().mapToDouble(run -> run.cell().integer(size)).toArray();
      double[] errors = seed.all().stream().mapToDouble(run -> run.number(error)).toArray();
      slopes.add(slope(sizes, errors));
    }
    return Band.of(slopes.stream().mapToDouble(Double::doubleValue).toArray());
  }
}
