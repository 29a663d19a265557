package org.sparkssm.kernel;

import java.util.Arrays;

/**
 * How the rows of a packed batch fall into sequences: the rows of all sequences follow one another
 * without padding, and sequence {@code b} owns rows {@code offset(b)} to {@code offset(b + 1) - 1}.
 * Lengths may differ and may be zero.
 */
public final class Segments {
  private final int[] offsets;
  private final int longest;

  private Segments(int[] offsets) {
    int longest = 0;
    for (int b = 0; b + 1 < offsets.length; b++) {
      longest = Math.max(longest, offsets[b + 1] - offsets[b]);
    }
    this.offsets = offsets;
    this.longest = longest;
  }

  /**
   * Segments of the given lengths, in order.
   *
   * @throws IllegalArgumentException if a length is negative or the rows exceed {@code
   *     Integer.MAX_VALUE}
   */
  public static Segments ofLengths(int... lengths) {
    int[] offsets = new int[lengths.length + 1];
    for (int b = 0; b < lengths.length; b++) {
      if (lengths[b] < 0) {
        throw new IllegalArgumentException(
            "sequence " + b + " has length " + lengths[b] + ", expected at least 0");
      }
      long next = (long) offsets[b] + lengths[b];
      if (next > Integer.MAX_VALUE) {
        throw new IllegalArgumentException("a batch holds at most " + Integer.MAX_VALUE + " rows");
      }
      offsets[b + 1] = (int) next;
    }
    return new Segments(offsets);
  }

  /** {@code batch} segments of the same length. */
  public static Segments uniform(int batch, int length) {
    int[] lengths = new int[batch];
    Arrays.fill(lengths, length);
    return ofLengths(lengths);
  }

  /** Number of sequences, B. */
  public int batch() {
    return offsets.length - 1;
  }

  /** Number of rows of all sequences together. */
  public int rows() {
    return offsets[offsets.length - 1];
  }

  /** Length of the longest sequence; 0 for an empty batch. */
  public int longest() {
    return longest;
  }

  public int offset(int sequence) {
    return offsets[sequence];
  }

  public int length(int sequence) {
    return offsets[sequence + 1] - offsets[sequence];
  }

  /** The offsets themselves, for kernels that only read them. */
  int[] offsets() {
    return offsets;
  }

  /** The offsets, B + 1 of them; a copy. */
  public int[] toOffsets() {
    return offsets.clone();
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Segments segments && Arrays.equals(offsets, segments.offsets);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(offsets);
  }

  @Override
  public String toString() {
    return "Segments" + Arrays.toString(offsets);
  }
}
