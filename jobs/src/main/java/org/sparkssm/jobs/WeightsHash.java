package org.sparkssm.jobs;

import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/** SHA-256 over the bits of weights in double precision, big-endian. */
final class WeightsHash {
  private WeightsHash() {}

  static String sha256(double[]... weights) {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      for (double[] part : weights) {
        ByteBuffer bytes = ByteBuffer.allocate(Math.multiplyExact(Double.BYTES, part.length));
        bytes.asDoubleBuffer().put(part);
        digest.update(bytes.array());
      }
      return HexFormat.of().formatHex(digest.digest());
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("this Java has no SHA-256", e);
    }
  }
}
