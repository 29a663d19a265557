package org.sparkssm.kernel;

/** The floating-point type that {@link ReferenceKernels} store numbers in. */
public enum Precision {
  /** Every stored number is rounded to single precision, as on the devices. */
  FLOAT {
    @Override
    double round(double value) {
      return (float) value;
    }
  },
  /** Double precision: the oracle, and what gradients are checked in. */
  DOUBLE {
    @Override
    double round(double value) {
      return value;
    }
  };

  abstract double round(double value);
}
