package org.sparkssm.sql;

/**
 * A number of about 31 digits, the sum of two doubles that do not overlap (T. J. Dekker 1971, "A
 * floating-point technique for extending the available precision"; products by fused multiply-add).
 */
record Extended(double high, double low) {
  static final Extended ZERO = new Extended(0, 0);

  /** The difference of two doubles, exact. */
  static Extended difference(double a, double b) {
    return sum(a, -b);
  }

  Extended plus(Extended other) {
    Extended highs = sum(high, other.high);
    Extended lows = sum(low, other.low);
    Extended once = normalized(highs.high, highs.low + lows.high);
    return normalized(once.high, once.low + lows.low);
  }

  Extended times(Extended other) {
    double product = high * other.high;
    double error = Math.fma(high, other.high, -product);
    return normalized(product, error + (high * other.low + low * other.high));
  }

  /** Exact. */
  Extended half() {
    return new Extended(high / 2, low / 2);
  }

  Extended over(double divisor) {
    double quotient = high / divisor;
    double rest = Math.fma(-quotient, divisor, high) + low;
    return normalized(quotient, rest / divisor);
  }

  private static Extended sum(double a, double b) {
    double sum = a + b;
    double ofB = sum - a;
    return new Extended(sum, (a - (sum - ofB)) + (b - ofB));
  }

  /** Of a sum whose first term is the larger. */
  private static Extended normalized(double a, double b) {
    double sum = a + b;
    return new Extended(sum, b - (sum - a));
  }
}
