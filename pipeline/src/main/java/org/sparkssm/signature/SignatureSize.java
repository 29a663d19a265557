package org.sparkssm.signature;

import org.sparkssm.data.InvalidInputException;

/**
 * How many entries a signature has and how many bytes they take, known before anything runs.
 *
 * <p>A signature of {@code d} channels at {@code depth} has {@code d + d^2 + ... + d^depth}
 * entries. Sizes that do not fit a {@code long} saturate at {@link Long#MAX_VALUE}.
 */
public final class SignatureSize {
  /** Configuration key of the largest output of one row, in bytes. */
  public static final String MAX_BYTES_KEY = "spark.ssm.signature.maxBytes";

  /** The value of {@link #MAX_BYTES_KEY} if it is not set: 256 MiB. */
  public static final long DEFAULT_MAX_BYTES = 256L << 20;

  private static final int MAX_ARRAY_LENGTH = Integer.MAX_VALUE - 8;

  private SignatureSize() {}

  /**
   * The number of entries of a signature, saturated.
   *
   * @throws InvalidInputException if {@code channels} or {@code depth} is less than 1
   */
  public static long width(int channels, int depth) {
    requireShape(channels, depth);
    if (channels == 1) {
      return depth;
    }
    long width = 0;
    for (int k = 0; k < depth; k++) {
      if (width > Long.MAX_VALUE / channels - 1) {
        return Long.MAX_VALUE;
      }
      width = (width + 1) * channels;
    }
    return width;
  }

  /**
   * The number of entries of a log-signature, saturated: that of the signature for {@link
   * LogSignatureBasis#EXPANDED}, the number of Lyndon words otherwise.
   */
  public static long logWidth(int channels, int depth, LogSignatureBasis basis) {
    long width = width(channels, depth);
    if (basis == LogSignatureBasis.EXPANDED || width == Long.MAX_VALUE) {
      return width;
    }
    return LyndonWords.count(channels, depth);
  }

  /** {@code count * bytesPerEntry}, saturated. */
  public static long bytes(long count, int bytesPerEntry) {
    return count > Long.MAX_VALUE / bytesPerEntry ? Long.MAX_VALUE : count * bytesPerEntry;
  }

  /**
   * The width as an array length, if one row of it is within the limit.
   *
   * @param what what is computed, for the message, for example {@code "a signature of 3 channels at
   *     depth 5"}
   * @throws InvalidInputException naming the bytes of the row and the limit
   */
  public static int requireWithin(String what, long width, int bytesPerEntry, long maxBytes) {
    long bytes = bytes(width, bytesPerEntry);
    if (bytes > maxBytes) {
      throw new InvalidInputException(
          what
              + " has "
              + atLeast(width)
              + " entries and takes "
              + atLeast(bytes)
              + " bytes a row, more than the limit "
              + MAX_BYTES_KEY
              + " = "
              + maxBytes
              + " bytes");
    }
    if (width > MAX_ARRAY_LENGTH) {
      throw new InvalidInputException(
          what
              + " has "
              + atLeast(width)
              + " entries, more than an array can hold, which is "
              + MAX_ARRAY_LENGTH);
    }
    return (int) width;
  }

  /**
   * Reads a value of {@link #MAX_BYTES_KEY}.
   *
   * @param value as configured; null if it is not set
   * @throws InvalidInputException if it is not a whole number
   */
  public static long maxBytes(String value) {
    if (value == null) {
      return DEFAULT_MAX_BYTES;
    }
    try {
      return Long.parseLong(value.strip());
    } catch (NumberFormatException e) {
      throw new InvalidInputException(
          MAX_BYTES_KEY + " is '" + value + "', expected a number of bytes", e);
    }
  }

  /** {@link #width(int, int)} as an array length, within {@code maxBytes} a row. */
  public static int requireWidth(int channels, int depth, int bytesPerEntry, long maxBytes) {
    return requireWithin(
        "a signature of " + channels + " channels at depth " + depth,
        width(channels, depth),
        bytesPerEntry,
        maxBytes);
  }

  /** Like {@link #requireWidth(int, int, int, long)} without a limit but that of Java's arrays. */
  static int arrayWidth(int channels, int depth) {
    long width = width(channels, depth);
    return width <= MAX_ARRAY_LENGTH
        ? (int) width
        : requireWidth(channels, depth, Byte.BYTES, Long.MAX_VALUE - 1);
  }

  /**
   * Channels and depth that a signature can have.
   *
   * @throws InvalidInputException naming the one that is less than 1
   */
  static void requireShape(int channels, int depth) {
    if (channels < 1) {
      throw new InvalidInputException(
          "the number of channels is " + channels + ", expected at least 1");
    }
    if (depth < 1) {
      throw new InvalidInputException("the depth is " + depth + ", expected at least 1");
    }
  }

  private static String atLeast(long value) {
    return value == Long.MAX_VALUE ? "over " + Long.MAX_VALUE : Long.toString(value);
  }
}
