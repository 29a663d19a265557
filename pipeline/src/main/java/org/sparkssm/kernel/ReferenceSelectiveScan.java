package org.sparkssm.kernel;

import static org.sparkssm.kernel.ReferenceKernels.addTo;
import static org.sparkssm.kernel.ReferenceKernels.expectRows;
import static org.sparkssm.kernel.ReferenceKernels.expectSameShape;
import static org.sparkssm.kernel.ReferenceKernels.expectShape;
import static org.sparkssm.kernel.ReferenceKernels.own;
import static org.sparkssm.kernel.ReferenceKernels.sigmoid;
import static org.sparkssm.kernel.ReferenceKernels.siluDerivative;
import static org.sparkssm.kernel.ReferenceKernels.softplus;

/** The selective scan by its recurrence; the backward keeps the states of one sequence. */
final class ReferenceSelectiveScan {
  private ReferenceSelectiveScan() {}

  static void forward(SelectiveScan scan) {
    check(scan);
    expectSameShape("selectiveScan", scan.u(), scan.y());
    Segments segments = scan.segments();
    for (int b = 0; b < segments.batch(); b++) {
      double[] state = initial(scan, b);
      for (int l = 0; l < segments.length(b); l++) {
        int row = segments.offset(b) + l;
        double[] next = step(scan, row, state);
        for (int d = 0; d < scan.u().columns(); d++) {
          double gate = scan.gate() == null ? 1 : silu(own(scan.gate()).get(row, d));
          own(scan.y()).set(row, d, read(scan, row, d, next) * gate);
        }
        state = next;
      }
      for (int i = 0; i < state.length && scan.last() != null; i++) {
        own(scan.last()).set(b, i, state[i]);
      }
    }
  }

  static void backward(SelectiveScan scan, SelectiveScan.Gradients gradients) {
    check(scan);
    int channels = scan.u().columns();
    int n = scan.a().columns();
    Totals totals = new Totals(channels, n);
    for (int b = 0; b < scan.segments().batch(); b++) {
      backward(scan, gradients, b, totals);
    }
    addTo(gradients.dA(), totals.a);
    if (gradients.dDeltaBias() != null) {
      addTo(gradients.dDeltaBias(), totals.deltaBias);
    }
    if (gradients.dSkip() != null) {
      addTo(gradients.dSkip(), totals.skip);
    }
  }

  private static void backward(
      SelectiveScan scan, SelectiveScan.Gradients gradients, int b, Totals totals) {
    int channels = scan.u().columns();
    int n = scan.a().columns();
    int first = scan.segments().offset(b);
    int length = scan.segments().length(b);
    double[][] states = new double[length + 1][];
    states[0] = initial(scan, b);
    for (int l = 0; l < length; l++) {
      states[l + 1] = step(scan, first + l, states[l]);
    }
    double[] dState = new double[channels * n];
    for (int i = 0; i < dState.length && gradients.dLast() != null; i++) {
      dState[i] = own(gradients.dLast()).get(b, i);
    }
    for (int l = length - 1; l >= 0; l--) {
      int row = first + l;
      double[] db = new double[n];
      double[] dc = new double[n];
      for (int d = 0; d < channels; d++) {
        double u = own(scan.u()).get(row, d);
        double dy = own(gradients.dy()).get(row, d);
        if (scan.gate() != null) {
          double gate = own(scan.gate()).get(row, d);
          if (gradients.dGate() != null) {
            double ungated = read(scan, row, d, states[l + 1]);
            own(gradients.dGate()).set(row, d, dy * ungated * siluDerivative(gate));
          }
          dy *= silu(gate);
        }
        double skip = scan.skip() == null ? 0 : own(scan.skip()).get(0, d);
        double raw = raw(scan, row, d);
        double delta = softplus(raw);
        double du = dy * skip;
        double dDelta = 0;
        totals.skip[d] += dy * u;
        for (int s = 0; s < n; s++) {
          int i = d * n + s;
          double a = own(scan.a()).get(d, s);
          double decay = Math.exp(delta * a);
          double before = states[l][i];
          double input = own(scan.b()).get(row, s);
          double dh = dState[i] + dy * own(scan.c()).get(row, s);
          dc[s] += dy * states[l + 1][i];
          db[s] += dh * delta * u;
          du += dh * delta * input;
          dDelta += dh * (a * decay * before + u * input);
          totals.a[i] += dh * delta * decay * before;
          dState[i] = dh * decay;
        }
        own(gradients.du()).set(row, d, du);
        double dRaw = dDelta * sigmoid(raw);
        own(gradients.dDeltaRaw()).set(row, d, dRaw);
        totals.deltaBias[d] += dRaw;
      }
      for (int s = 0; s < n; s++) {
        own(gradients.db()).set(row, s, db[s]);
        own(gradients.dc()).set(row, s, dc[s]);
      }
    }
    for (int i = 0; i < dState.length && gradients.dInitial() != null; i++) {
      own(gradients.dInitial()).set(b, i, dState[i]);
    }
  }

  private static double[] step(SelectiveScan scan, int row, double[] state) {
    int n = scan.a().columns();
    double[] next = new double[state.length];
    for (int d = 0; d < scan.u().columns(); d++) {
      double delta = softplus(raw(scan, row, d));
      double u = own(scan.u()).get(row, d);
      for (int s = 0; s < n; s++) {
        double decay = Math.exp(delta * own(scan.a()).get(d, s));
        next[d * n + s] = decay * state[d * n + s] + delta * u * own(scan.b()).get(row, s);
      }
    }
    return next;
  }

  private static double read(SelectiveScan scan, int row, int d, double[] state) {
    int n = scan.a().columns();
    double sum = scan.skip() == null ? 0 : own(scan.skip()).get(0, d) * own(scan.u()).get(row, d);
    for (int s = 0; s < n; s++) {
      sum += own(scan.c()).get(row, s) * state[d * n + s];
    }
    return sum;
  }

  private static double raw(SelectiveScan scan, int row, int d) {
    double bias = scan.deltaBias() == null ? 0 : own(scan.deltaBias()).get(0, d);
    return own(scan.deltaRaw()).get(row, d) + bias;
  }

  private static double silu(double x) {
    return x * sigmoid(x);
  }

  private static double[] initial(SelectiveScan scan, int b) {
    double[] state = new double[Math.toIntExact(scan.a().size())];
    for (int i = 0; i < state.length && scan.initial() != null; i++) {
      state[i] = own(scan.initial()).get(b, i);
    }
    return state;
  }

  private static void check(SelectiveScan scan) {
    String name = "selectiveScan";
    int channels = scan.u().columns();
    int n = scan.a().columns();
    int rows = scan.segments().rows();
    expectRows(name, scan.segments(), scan.u());
    expectSameShape(name, scan.u(), scan.deltaRaw());
    expectShape(name, scan.a(), channels, n);
    expectShape(name, scan.b(), rows, n);
    expectShape(name, scan.c(), rows, n);
  }

  /** Gradients of parameters, summed over a call in double precision. */
  private static final class Totals {
    final double[] a;
    final double[] deltaBias;
    final double[] skip;

    Totals(int channels, int n) {
      a = new double[channels * n];
      deltaBias = new double[channels];
      skip = new double[channels];
    }
  }
}
