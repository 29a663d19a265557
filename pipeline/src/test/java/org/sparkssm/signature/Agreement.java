package org.sparkssm.signature;

import static org.junit.jupiter.api.Assertions.assertEquals;

/** Differences measured as the oracle files say. */
final class Agreement {
  private Agreement() {}

  /** {@code max|a - b| <= tolerance * max|b|}; arrays of zeros are compared absolutely. */
  static void assertAgrees(double[] expected, double[] actual, double tolerance, String what) {
    assertEquals(expected.length, actual.length, what);
    double scale = 0;
    for (double e : expected) {
      scale = Math.max(scale, Math.abs(e));
    }
    if (scale == 0) {
      scale = 1;
    }
    for (int i = 0; i < expected.length; i++) {
      assertEquals(expected[i], actual[i], tolerance * scale, what + ", entry " + i);
    }
  }

  static float[] toFloat(double[] values) {
    float[] out = new float[values.length];
    for (int i = 0; i < out.length; i++) {
      out[i] = (float) values[i];
    }
    return out;
  }

  static double[] toDouble(float[] values) {
    double[] out = new double[values.length];
    for (int i = 0; i < out.length; i++) {
      out[i] = values[i];
    }
    return out;
  }
}
