package org.sparkssm.kernel;

import static org.sparkssm.kernel.ReferenceKernels.addTo;
import static org.sparkssm.kernel.ReferenceKernels.expectRows;
import static org.sparkssm.kernel.ReferenceKernels.expectSameShape;
import static org.sparkssm.kernel.ReferenceKernels.expectShape;
import static org.sparkssm.kernel.ReferenceKernels.own;

/** S4D by its recurrence, channel by channel; the backward keeps one channel's states. */
final class ReferenceS4dScan {
  private ReferenceS4dScan() {}

  static void forward(S4dScan scan) {
    check(scan);
    Segments segments = scan.segments();
    int width = scan.aBar().columns();
    for (int b = 0; b < segments.batch(); b++) {
      for (int d = 0; d < scan.u().columns(); d++) {
        double skip = scan.skip() == null ? 0 : own(scan.skip()).get(0, d);
        double[] state = initial(scan, b, d);
        for (int row = segments.offset(b); row < segments.offset(b) + segments.length(b); row++) {
          state = step(scan, row, d, state);
          double sum = skip * own(scan.u()).get(row, d);
          for (int n = 0; n < width / 2; n++) {
            sum += 2 * own(scan.c()).get(d, n) * state[n];
            sum -= 2 * own(scan.c()).get(d, width / 2 + n) * state[width / 2 + n];
          }
          own(scan.y()).set(row, d, sum);
        }
        for (int i = 0; i < width && scan.last() != null; i++) {
          own(scan.last()).set(b, d * width + i, state[i]);
        }
      }
    }
  }

  static void backward(S4dScan scan, S4dScan.Gradients gradients) {
    check(scan);
    expectSameShape("s4dScan", scan.u(), gradients.dy());
    int channels = scan.u().columns();
    int size = Math.toIntExact(scan.aBar().size());
    double[][] totals = {
      new double[size], new double[size], new double[size], new double[channels]
    };
    for (int b = 0; b < scan.segments().batch(); b++) {
      for (int d = 0; d < channels; d++) {
        backward(scan, gradients, b, d, totals);
      }
    }
    addTo(gradients.dABar(), totals[0]);
    addTo(gradients.dBBar(), totals[1]);
    addTo(gradients.dC(), totals[2]);
    if (gradients.dSkip() != null) {
      addTo(gradients.dSkip(), totals[3]);
    }
  }

  /** Adds to the totals of aBar, bBar, c and skip. */
  private static void backward(
      S4dScan scan, S4dScan.Gradients gradients, int b, int d, double[][] totals) {
    int width = scan.aBar().columns();
    int half = width / 2;
    int first = scan.segments().offset(b);
    int length = scan.segments().length(b);
    double skip = scan.skip() == null ? 0 : own(scan.skip()).get(0, d);
    double[][] states = new double[length + 1][];
    states[0] = initial(scan, b, d);
    for (int l = 0; l < length; l++) {
      states[l + 1] = step(scan, first + l, d, states[l]);
    }
    double[] dState = new double[width];
    for (int i = 0; i < width && gradients.dLast() != null; i++) {
      dState[i] = own(gradients.dLast()).get(b, d * width + i);
    }
    for (int l = length - 1; l >= 0; l--) {
      double u = own(scan.u()).get(first + l, d);
      double dy = own(gradients.dy()).get(first + l, d);
      double du = skip * dy;
      totals[3][d] += dy * u;
      for (int n = 0; n < half; n++) {
        int re = d * width + n;
        int im = re + half;
        totals[2][re] += 2 * dy * states[l + 1][n];
        totals[2][im] -= 2 * dy * states[l + 1][half + n];
        double dr = dState[n] + 2 * dy * own(scan.c()).get(d, n);
        double di = dState[half + n] - 2 * dy * own(scan.c()).get(d, half + n);
        totals[0][re] += dr * states[l][n] + di * states[l][half + n];
        totals[0][im] += di * states[l][n] - dr * states[l][half + n];
        totals[1][re] += dr * u;
        totals[1][im] += di * u;
        du += dr * own(scan.bBar()).get(d, n) + di * own(scan.bBar()).get(d, half + n);
        double ar = own(scan.aBar()).get(d, n);
        double ai = own(scan.aBar()).get(d, half + n);
        dState[n] = dr * ar + di * ai;
        dState[half + n] = di * ar - dr * ai;
      }
      own(gradients.du()).set(first + l, d, du);
    }
    for (int i = 0; i < width && gradients.dInitial() != null; i++) {
      own(gradients.dInitial()).set(b, d * width + i, dState[i]);
    }
  }

  private static double[] step(S4dScan scan, int row, int d, double[] state) {
    int half = state.length / 2;
    double u = own(scan.u()).get(row, d);
    double[] next = new double[state.length];
    for (int n = 0; n < half; n++) {
      double ar = own(scan.aBar()).get(d, n);
      double ai = own(scan.aBar()).get(d, half + n);
      next[n] = ar * state[n] - ai * state[half + n] + own(scan.bBar()).get(d, n) * u;
      next[half + n] = ar * state[half + n] + ai * state[n] + own(scan.bBar()).get(d, half + n) * u;
    }
    return next;
  }

  private static double[] initial(S4dScan scan, int b, int d) {
    double[] state = new double[scan.aBar().columns()];
    for (int i = 0; i < state.length && scan.initial() != null; i++) {
      state[i] = own(scan.initial()).get(b, d * state.length + i);
    }
    return state;
  }

  private static void check(S4dScan scan) {
    String name = "s4dScan";
    int channels = scan.u().columns();
    int width = scan.aBar().columns();
    if (width % 2 != 0) {
      throw new IllegalArgumentException(
          name + ": " + scan.aBar() + " does not fit: expected an even number of columns");
    }
    expectRows(name, scan.segments(), scan.u());
    expectShape(name, scan.aBar(), channels, width);
    expectShape(name, scan.bBar(), channels, width);
    expectShape(name, scan.c(), channels, width);
    if (scan.initial() != null) {
      expectShape(name, scan.initial(), scan.segments().batch(), channels * width);
    }
  }
}
