package org.sparkssm.data;

import org.apache.commons.rng.UniformRandomProvider;
import org.apache.commons.rng.simple.RandomSource;

/**
 * Random generators that are pure functions of a seed and a list of indices, so that a draw does
 * not depend on who makes it, in which order, or how often.
 *
 * <p>The indices are mixed into the seed by the finalizer of SplitMix64 (Steele, Lea, Flood 2014,
 * with the constants of Stafford's variant 13); the stream itself is Commons RNG's L64X128MixRandom
 * (Steele, Vigna 2021).
 */
public final class SeededRandom {
  private static final long GOLDEN_GAMMA = 0x9e3779b97f4a7c15L;

  private SeededRandom() {}

  /**
   * A generator for the place that {@code indices} name (row id, epoch, parameter number, ...)
   * under {@code seed}.
   */
  public static UniformRandomProvider create(long seed, long... indices) {
    return RandomSource.L64_X128_MIX.create(hash(seed, indices));
  }

  /** A 64-bit hash of the seed and the indices; every bit depends on all of them. */
  public static long hash(long seed, long... indices) {
    long state = mix(seed + GOLDEN_GAMMA);
    for (long index : indices) {
      state = mix(state + GOLDEN_GAMMA + mix(index + GOLDEN_GAMMA));
    }
    return state;
  }

  private static long mix(long value) {
    long z = value;
    z = (z ^ (z >>> 30)) * 0xbf58476d1ce4e5b9L;
    z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL;
    return z ^ (z >>> 31);
  }
}
