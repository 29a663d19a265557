package org.sparkssm.model;

import java.util.Arrays;

/**
 * The step sizes that training begins with, log-uniform between two bounds. A step of about 1 /
 * length lets a state remember the whole sequence, one of about 1 only the last rows: the range
 * should hold both.
 *
 * @param least in units of one row
 * @param greatest in units of one row
 */
record StepRange(double least, double greatest) {
  private static final double SMALLEST = 1e-6;
  private static final double LARGEST = 1e3;

  /** Reads options {@code dtMin} and {@code dtMax}. */
  static StepRange of(Options options) {
    double least = options.number("dtMin", 1e-3, SMALLEST, LARGEST);
    return new StepRange(least, options.number("dtMax", 1e-1, least, LARGEST));
  }

  /** The logarithms of step sizes. */
  Initializer logarithms() {
    double logLeast = Math.log(least);
    double logRange = Math.log(greatest) - logLeast;
    return Initializer.fill(random -> logLeast + random.nextDouble() * logRange);
  }

  /** The numbers whose softplus are step sizes. */
  Initializer softplusInverses() {
    return (random, count) ->
        Arrays.stream(logarithms().draw(random, count))
            .map(Math::exp)
            .map(step -> step + Math.log(-Math.expm1(-step)))
            .toArray();
  }
}
