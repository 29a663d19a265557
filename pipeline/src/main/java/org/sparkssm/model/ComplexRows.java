package org.sparkssm.model;

import org.sparkssm.kernel.Kernels;
import org.sparkssm.kernel.Tensor;

/** Rows of complex numbers, real parts before imaginary ones. */
final class ComplexRows {
  private ComplexRows() {}

  static Tensor real(Tensor x) {
    return x.columnRange(0, x.columns() / 2);
  }

  static Tensor imaginary(Tensor x) {
    return x.columnRange(x.columns() / 2, x.columns());
  }

  /** {@code z = x y}, or {@code x} times the conjugate of y, element by element. */
  static void multiply(Kernels kernels, Tensor x, Tensor y, boolean conjugate, Tensor z) {
    double sign = conjugate ? -1 : 1;
    Tensor product = kernels.allocate(x.rows(), x.columns() / 2);
    kernels.multiply(real(x), real(y), real(z));
    kernels.multiply(imaginary(x), imaginary(y), product);
    kernels.addScaled(-sign, product, real(z));
    kernels.multiply(imaginary(x), real(y), imaginary(z));
    kernels.multiply(real(x), imaginary(y), product);
    kernels.addScaled(sign, product, imaginary(z));
  }
}
