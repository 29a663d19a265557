package org.sparkssm.model;

import org.apache.commons.rng.UniformRandomProvider;
import org.apache.commons.rng.sampling.distribution.ZigguratSampler;

/** Draws the initial values of a parameter, {@code count} of them, row-major. */
@FunctionalInterface
public interface Initializer {
  double[] draw(UniformRandomProvider random, int count);

  /** The same value everywhere. */
  static Initializer constant(double value) {
    return fill(random -> value);
  }

  /** Uniform in (-bound, bound). */
  static Initializer uniform(double bound) {
    return fill(random -> bound * (2 * random.nextDouble() - 1));
  }

  /** Normal of mean 0. */
  static Initializer normal(double deviation) {
    return fill(random -> deviation * ZigguratSampler.NormalizedGaussian.of(random).sample());
  }

  /** Each value by its own draw. */
  static Initializer fill(Draw draw) {
    return (random, count) -> {
      double[] values = new double[count];
      for (int i = 0; i < count; i++) {
        values[i] = draw.next(random);
      }
      return values;
    };
  }

  /** One draw. */
  @FunctionalInterface
  interface Draw {
    double next(UniformRandomProvider random);
  }
}
