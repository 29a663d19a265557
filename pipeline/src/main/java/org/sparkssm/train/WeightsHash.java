package org.sparkssm.train;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/** SHA-256 of the bits of parameters: float32, little-endian, in the order of the layout. */
public final class WeightsHash {
  private static final int CHUNK = 1 << 14;

  private WeightsHash() {}

  /** The 32 bytes of the hash. */
  public static byte[] of(float[] parameters) {
    MessageDigest digest = digest();
    ByteBuffer bytes = ByteBuffer.allocate(Float.BYTES * CHUNK).order(ByteOrder.LITTLE_ENDIAN);
    for (int from = 0; from < parameters.length; from += CHUNK) {
      int count = Math.min(CHUNK, parameters.length - from);
      bytes.asFloatBuffer().put(parameters, from, count);
      digest.update(bytes.array(), 0, Float.BYTES * count);
    }
    return digest.digest();
  }

  /** The hash in hexadecimal. */
  public static String hexadecimal(byte[] hash) {
    return HexFormat.of().formatHex(hash);
  }

  /** A new SHA-256. */
  public static MessageDigest digest() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
  }
}
