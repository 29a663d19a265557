package org.sparkssm.signature;

/** Which pairs of the paths x and y a signature kernel is computed for; numbered as in ssm.h. */
enum KernelPairs {
  /** Each path of x with the one of y that has its number. */
  MATCHED(0),
  /** Each path of x with each of y. */
  ALL(1),
  /** The same where y is x. */
  SYMMETRIC(2);

  private final int code;

  KernelPairs(int code) {
    this.code = code;
  }

  int code() {
    return code;
  }
}
