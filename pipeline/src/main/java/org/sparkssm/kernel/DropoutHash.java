package org.sparkssm.kernel;

/**
 * Which elements {@link Kernels#dropout} drops, the same on every device: element (r, c) is dropped
 * when the upper 24 bits of a hash of {@code (keys[r], c)}, the mixing function of SplitMix64
 * (Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators"), are below {@code
 * rate 2^24}.
 */
public final class DropoutHash {
  private DropoutHash() {}

  /** Hashes below this are dropped; {@code rate} in [0, 1). */
  public static int threshold(double rate) {
    if (!(rate >= 0 && rate < 1)) {
      throw new IllegalArgumentException("dropout rate is " + rate + ", expected in [0, 1)");
    }
    return (int) Math.rint(rate * (1 << 24));
  }

  /** A hash in [0, 2^24). */
  public static int hash(long key, int column) {
    long z = key + (column + 1L) * 0x9E3779B97F4A7C15L;
    z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
    z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
    return (int) ((z ^ (z >>> 31)) >>> 40);
  }
}
