package org.sparkssm.kernel;

import static org.sparkssm.kernel.ReferenceKernels.addTo;
import static org.sparkssm.kernel.ReferenceKernels.expectRows;
import static org.sparkssm.kernel.ReferenceKernels.expectSameShape;
import static org.sparkssm.kernel.ReferenceKernels.expectShape;
import static org.sparkssm.kernel.ReferenceKernels.own;

/** The diagonal scan by its recurrence; a real number is a complex one of imaginary part 0. */
final class ReferenceDiagonalScan {
  private ReferenceDiagonalScan() {}

  static void forward(DiagonalScan scan) {
    check(scan);
    int width = elements(scan);
    double[] state = new double[2];
    for (int b = 0; b < scan.segments().batch(); b++) {
      int first = scan.segments().offset(b);
      for (int p = 0; p < width; p++) {
        readInitial(scan, b, p, state);
        for (int row = first; row < first + scan.segments().length(b); row++) {
          double ar = real(scan.a(), scan.constant() ? 0 : row, p);
          double ai = imaginary(scan, scan.a(), scan.constant() ? 0 : row, p);
          double gr = scan.gain() == null ? 1 : real(scan.gain(), 0, p);
          double gi = scan.gain() == null ? 0 : imaginary(scan, scan.gain(), 0, p);
          double br = real(scan.b(), row, p);
          double bi = imaginary(scan, scan.b(), row, p);
          double hr = ar * state[0] - ai * state[1] + gr * br - gi * bi;
          double hi = ar * state[1] + ai * state[0] + gr * bi + gi * br;
          state[0] = hr;
          state[1] = hi;
          set(scan, scan.h(), row, p, hr, hi);
        }
        if (scan.last() != null) {
          set(scan, scan.last(), b, p, state[0], state[1]);
        }
      }
    }
  }

  static void backward(DiagonalScan scan, DiagonalScan.Gradients gradients) {
    check(scan);
    expectSameShape("diagonalScan", scan.b(), gradients.dh());
    int width = elements(scan);
    double[] dConstant = new double[scan.b().columns()];
    double[] dGain = new double[scan.b().columns()];
    double[] before = new double[2];
    for (int b = 0; b < scan.segments().batch(); b++) {
      int first = scan.segments().offset(b);
      for (int p = 0; p < width; p++) {
        double dr = gradients.dLast() == null ? 0 : real(gradients.dLast(), b, p);
        double di = gradients.dLast() == null ? 0 : imaginary(scan, gradients.dLast(), b, p);
        for (int row = first + scan.segments().length(b) - 1; row >= first; row--) {
          dr += real(gradients.dh(), row, p);
          di += imaginary(scan, gradients.dh(), row, p);
          if (row > first) {
            before[0] = real(scan.h(), row - 1, p);
            before[1] = imaginary(scan, scan.h(), row - 1, p);
          } else {
            readInitial(scan, b, p, before);
          }
          double daRe = dr * before[0] + di * before[1];
          double daIm = di * before[0] - dr * before[1];
          if (scan.constant()) {
            add(scan, dConstant, p, daRe, daIm);
          } else if (gradients.dA() != null) {
            set(scan, gradients.dA(), row, p, daRe, daIm);
          }
          double gr = scan.gain() == null ? 1 : real(scan.gain(), 0, p);
          double gi = scan.gain() == null ? 0 : imaginary(scan, scan.gain(), 0, p);
          double br = real(scan.b(), row, p);
          double bi = imaginary(scan, scan.b(), row, p);
          set(scan, gradients.db(), row, p, dr * gr + di * gi, di * gr - dr * gi);
          add(scan, dGain, p, dr * br + di * bi, di * br - dr * bi);
          double ar = real(scan.a(), scan.constant() ? 0 : row, p);
          double ai = imaginary(scan, scan.a(), scan.constant() ? 0 : row, p);
          double carried = dr * ar + di * ai;
          di = di * ar - dr * ai;
          dr = carried;
        }
        if (gradients.dInitial() != null) {
          set(scan, gradients.dInitial(), b, p, dr, di);
        }
      }
    }
    if (scan.constant() && gradients.dA() != null) {
      addTo(gradients.dA(), dConstant);
    }
    if (gradients.dGain() != null) {
      addTo(gradients.dGain(), dGain);
    }
  }

  private static int elements(DiagonalScan scan) {
    return scan.complex() ? scan.b().columns() / 2 : scan.b().columns();
  }

  private static double real(Tensor tensor, int row, int element) {
    return own(tensor).get(row, element);
  }

  private static double imaginary(DiagonalScan scan, Tensor tensor, int row, int element) {
    return scan.complex() ? own(tensor).get(row, tensor.columns() / 2 + element) : 0;
  }

  private static void set(
      DiagonalScan scan, Tensor tensor, int row, int element, double re, double im) {
    own(tensor).set(row, element, re);
    if (scan.complex()) {
      own(tensor).set(row, tensor.columns() / 2 + element, im);
    }
  }

  private static void add(DiagonalScan scan, double[] sums, int element, double re, double im) {
    sums[element] += re;
    if (scan.complex()) {
      sums[sums.length / 2 + element] += im;
    }
  }

  private static void readInitial(DiagonalScan scan, int b, int element, double[] state) {
    state[0] = scan.initial() == null ? 0 : real(scan.initial(), b, element);
    state[1] = scan.initial() == null ? 0 : imaginary(scan, scan.initial(), b, element);
  }

  private static void check(DiagonalScan scan) {
    String name = "diagonalScan";
    int columns = scan.b().columns();
    if (scan.complex() && columns % 2 != 0) {
      throw new IllegalArgumentException(
          name + ": " + scan.b() + " does not fit: expected an even number of columns");
    }
    expectRows(name, scan.segments(), scan.b());
    expectShape(name, scan.a(), scan.constant() ? 1 : scan.b().rows(), columns);
    expectSameShape(name, scan.b(), scan.h());
    if (scan.gain() != null) {
      expectShape(name, scan.gain(), 1, columns);
    }
    if (scan.initial() != null) {
      expectShape(name, scan.initial(), scan.segments().batch(), columns);
    }
  }
}
