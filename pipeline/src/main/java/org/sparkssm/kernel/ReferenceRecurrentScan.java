package org.sparkssm.kernel;

import static org.sparkssm.kernel.ReferenceKernels.addTo;
import static org.sparkssm.kernel.ReferenceKernels.expectShape;
import static org.sparkssm.kernel.ReferenceKernels.own;
import static org.sparkssm.kernel.ReferenceKernels.sigmoid;

/** The tanh and LSTM recurrences, step by step. */
final class ReferenceRecurrentScan {
  private ReferenceRecurrentScan() {}

  static void forward(RecurrentScan scan) {
    check(scan);
    int hidden = scan.weight().columns();
    boolean lstm = scan.cell() == RecurrentCell.LSTM;
    for (int b = 0; b < scan.segments().batch(); b++) {
      double[] h = state(scan, b, 0);
      double[] c = lstm ? state(scan, b, 1) : null;
      for (int l = 0; l < scan.segments().length(b); l++) {
        int row = scan.segments().offset(b) + l;
        double[] gates = gates(scan, row, h);
        for (int i = 0; i < hidden; i++) {
          if (lstm) {
            double in = sigmoid(gates[i]);
            double forget = sigmoid(gates[hidden + i]);
            double value = Math.tanh(gates[2 * hidden + i]);
            double out = sigmoid(gates[3 * hidden + i]);
            c[i] = forget * c[i] + in * value;
            h[i] = out * Math.tanh(c[i]);
            double[] saved = {in, forget, value, out, c[i]};
            for (int k = 0; k < saved.length; k++) {
              own(scan.saved()).set(row, k * hidden + i, saved[k]);
            }
          } else {
            h[i] = Math.tanh(gates[i]);
          }
          own(scan.h()).set(row, i, h[i]);
        }
      }
      for (int i = 0; i < hidden && scan.last() != null; i++) {
        own(scan.last()).set(b, i, h[i]);
        if (lstm) {
          own(scan.last()).set(b, hidden + i, c[i]);
        }
      }
    }
  }

  static void backward(RecurrentScan scan, RecurrentScan.Gradients gradients) {
    check(scan);
    int hidden = scan.weight().columns();
    double[] dWeight = new double[scan.weight().rows() * hidden];
    for (int b = 0; b < scan.segments().batch(); b++) {
      double[] dh = new double[hidden];
      double[] dc = new double[hidden];
      for (int i = 0; i < hidden && gradients.dLast() != null; i++) {
        dh[i] = own(gradients.dLast()).get(b, i);
        if (scan.cell() == RecurrentCell.LSTM) {
          dc[i] = own(gradients.dLast()).get(b, hidden + i);
        }
      }
      for (int l = scan.segments().length(b) - 1; l >= 0; l--) {
        int row = scan.segments().offset(b) + l;
        for (int i = 0; i < hidden; i++) {
          dh[i] += own(gradients.dh()).get(row, i);
        }
        double[] dGates =
            scan.cell() == RecurrentCell.LSTM
                ? lstmGates(scan, b, row, l == 0, dh, dc)
                : tanhGates(scan, row, dh);
        dh = new double[hidden];
        for (int k = 0; k < dGates.length; k++) {
          own(gradients.dp()).set(row, k, dGates[k]);
          for (int j = 0; j < hidden; j++) {
            dh[j] += own(scan.weight()).get(k, j) * dGates[k];
            dWeight[k * hidden + j] += dGates[k] * before(scan, b, row, l == 0, j);
          }
        }
      }
      for (int i = 0; i < hidden && gradients.dInitial() != null; i++) {
        own(gradients.dInitial()).set(b, i, dh[i]);
        if (scan.cell() == RecurrentCell.LSTM) {
          own(gradients.dInitial()).set(b, hidden + i, dc[i]);
        }
      }
    }
    addTo(gradients.dWeight(), dWeight);
  }

  private static double[] tanhGates(RecurrentScan scan, int row, double[] dh) {
    double[] dGates = new double[dh.length];
    for (int i = 0; i < dh.length; i++) {
      double h = own(scan.h()).get(row, i);
      dGates[i] = dh[i] * (1 - h * h);
    }
    return dGates;
  }

  /** Turns dc into that before the step. */
  private static double[] lstmGates(
      RecurrentScan scan, int b, int row, boolean first, double[] dh, double[] dc) {
    int hidden = dh.length;
    ReferenceTensor saved = own(scan.saved());
    double[] dGates = new double[4 * hidden];
    for (int i = 0; i < hidden; i++) {
      double in = saved.get(row, i);
      double forget = saved.get(row, hidden + i);
      double value = saved.get(row, 2 * hidden + i);
      double out = saved.get(row, 3 * hidden + i);
      double squashed = Math.tanh(saved.get(row, 4 * hidden + i));
      double previous =
          !first
              ? saved.get(row - 1, 4 * hidden + i)
              : scan.initial() == null ? 0 : own(scan.initial()).get(b, hidden + i);
      dc[i] += dh[i] * out * (1 - squashed * squashed);
      dGates[i] = dc[i] * value * in * (1 - in);
      dGates[hidden + i] = dc[i] * previous * forget * (1 - forget);
      dGates[2 * hidden + i] = dc[i] * in * (1 - value * value);
      dGates[3 * hidden + i] = dh[i] * squashed * out * (1 - out);
      dc[i] *= forget;
    }
    return dGates;
  }

  private static double before(RecurrentScan scan, int b, int row, boolean first, int column) {
    if (!first) {
      return own(scan.h()).get(row - 1, column);
    }
    return scan.initial() == null ? 0 : own(scan.initial()).get(b, column);
  }

  private static double[] gates(RecurrentScan scan, int row, double[] h) {
    double[] gates = new double[scan.weight().rows()];
    for (int k = 0; k < gates.length; k++) {
      gates[k] = own(scan.p()).get(row, k);
      for (int j = 0; j < h.length; j++) {
        gates[k] += own(scan.weight()).get(k, j) * h[j];
      }
    }
    return gates;
  }

  private static double[] state(RecurrentScan scan, int b, int part) {
    double[] state = new double[scan.weight().columns()];
    for (int i = 0; i < state.length && scan.initial() != null; i++) {
      state[i] = own(scan.initial()).get(b, part * state.length + i);
    }
    return state;
  }

  private static void check(RecurrentScan scan) {
    int hidden = scan.weight().columns();
    int rows = scan.segments().rows();
    expectShape("recurrentScan", scan.weight(), scan.cell().gates() * hidden, hidden);
    expectShape("recurrentScan", scan.p(), rows, scan.weight().rows());
    expectShape("recurrentScan", scan.h(), rows, hidden);
  }
}
