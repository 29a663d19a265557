package org.sparkssm.kernel;

import static org.sparkssm.kernel.ReferenceKernels.expectRows;
import static org.sparkssm.kernel.ReferenceKernels.expectSameShape;
import static org.sparkssm.kernel.ReferenceKernels.expectShape;
import static org.sparkssm.kernel.ReferenceKernels.own;

/**
 * Gated linear attention by its recurrence, head by head; the backward keeps one head's states. A
 * real state is a complex one of imaginary part 0.
 */
final class ReferenceGatedLinearAttention {
  private final GatedLinearAttention scan;
  private final int keys;
  private final int values;

  private ReferenceGatedLinearAttention(GatedLinearAttention scan) {
    this.scan = scan;
    this.keys = scan.q().columns() / scan.heads();
    this.values = scan.v().columns() / scan.heads();
    check();
  }

  static void forward(GatedLinearAttention scan) {
    new ReferenceGatedLinearAttention(scan).forward();
  }

  static void backward(GatedLinearAttention scan, GatedLinearAttention.Gradients gradients) {
    new ReferenceGatedLinearAttention(scan).backward(gradients);
  }

  private void forward() {
    Segments segments = scan.segments();
    for (int b = 0; b < segments.batch(); b++) {
      for (int head = 0; head < scan.heads(); head++) {
        double[][][] state = readState(scan.initial(), b, head);
        for (int row = segments.offset(b); row < segments.offset(b) + segments.length(b); row++) {
          state = step(row, head, state);
          for (int j = 0; j < values; j++) {
            double sum = 0;
            for (int i = 0; i < keys; i++) {
              sum += key(scan.q(), row, head, i) * state[0][i][j];
            }
            own(scan.o()).set(row, head * values + j, sum);
          }
        }
        if (scan.last() != null) {
          writeState(scan.last(), b, head, state);
        }
      }
    }
  }

  private void backward(GatedLinearAttention.Gradients gradients) {
    for (int b = 0; b < scan.segments().batch(); b++) {
      for (int head = 0; head < scan.heads(); head++) {
        backward(gradients, b, head);
      }
    }
  }

  private void backward(GatedLinearAttention.Gradients gradients, int b, int head) {
    int first = scan.segments().offset(b);
    int length = scan.segments().length(b);
    double[][][][] states = new double[length + 1][][][];
    states[0] = readState(scan.initial(), b, head);
    for (int l = 0; l < length; l++) {
      states[l + 1] = step(first + l, head, states[l]);
    }
    double[][][] dState = readState(gradients.dLast(), b, head);
    for (int l = length - 1; l >= 0; l--) {
      int row = first + l;
      double[] dv = new double[values];
      for (int i = 0; i < keys; i++) {
        double dq = 0;
        double dk = 0;
        double dLog = 0;
        double dPhase = 0;
        double re = decayReal(row, head, i);
        double im = decayImaginary(row, head, i);
        for (int j = 0; j < values; j++) {
          double dOut = own(gradients.dO()).get(row, head * values + j);
          dq += dOut * states[l + 1][0][i][j];
          double dr = dState[0][i][j] + dOut * key(scan.q(), row, head, i);
          double di = dState[1][i][j];
          dk += dr * own(scan.v()).get(row, head * values + j);
          dv[j] += dr * key(scan.k(), row, head, i);
          double decayedRe = re * states[l][0][i][j] - im * states[l][1][i][j];
          double decayedIm = re * states[l][1][i][j] + im * states[l][0][i][j];
          dLog += dr * decayedRe + di * decayedIm;
          dPhase += di * decayedRe - dr * decayedIm;
          dState[0][i][j] = dr * re + di * im;
          dState[1][i][j] = di * re - dr * im;
        }
        own(gradients.dq()).set(row, head * keys + i, dq);
        own(gradients.dk()).set(row, head * keys + i, dk);
        own(gradients.dLogAlpha()).set(row, head * keys + i, dLog);
        if (gradients.dPhase() != null) {
          own(gradients.dPhase()).set(row, head * keys + i, dPhase);
        }
      }
      for (int j = 0; j < values; j++) {
        own(gradients.dv()).set(row, head * values + j, dv[j]);
      }
    }
    if (gradients.dInitial() != null) {
      writeState(gradients.dInitial(), b, head, dState);
    }
  }

  private double[][][] step(int row, int head, double[][][] state) {
    double[][][] next = new double[2][keys][values];
    for (int i = 0; i < keys; i++) {
      double re = decayReal(row, head, i);
      double im = decayImaginary(row, head, i);
      for (int j = 0; j < values; j++) {
        double input = key(scan.k(), row, head, i) * own(scan.v()).get(row, head * values + j);
        next[0][i][j] = re * state[0][i][j] - im * state[1][i][j] + input;
        next[1][i][j] = re * state[1][i][j] + im * state[0][i][j];
      }
    }
    return next;
  }

  private double decayReal(int row, int head, int i) {
    double magnitude = Math.exp(key(scan.logAlpha(), row, head, i));
    return scan.phase() == null ? magnitude : magnitude * Math.cos(key(scan.phase(), row, head, i));
  }

  private double decayImaginary(int row, int head, int i) {
    return scan.phase() == null
        ? 0
        : Math.exp(key(scan.logAlpha(), row, head, i)) * Math.sin(key(scan.phase(), row, head, i));
  }

  private double key(Tensor tensor, int row, int head, int i) {
    return own(tensor).get(row, head * keys + i);
  }

  private double[][][] readState(Tensor tensor, int b, int head) {
    double[][][] state = new double[2][keys][values];
    for (int part = 0; part < parts() && tensor != null; part++) {
      for (int i = 0; i < keys; i++) {
        for (int j = 0; j < values; j++) {
          state[part][i][j] = own(tensor).get(b, stateColumn(part, head, i, j));
        }
      }
    }
    return state;
  }

  private void writeState(Tensor tensor, int b, int head, double[][][] state) {
    for (int part = 0; part < parts(); part++) {
      for (int i = 0; i < keys; i++) {
        for (int j = 0; j < values; j++) {
          own(tensor).set(b, stateColumn(part, head, i, j), state[part][i][j]);
        }
      }
    }
  }

  private int parts() {
    return scan.phase() == null ? 1 : 2;
  }

  private int stateColumn(int part, int head, int i, int j) {
    return ((part * scan.heads() + head) * keys + i) * values + j;
  }

  private void check() {
    String name = "gatedLinearAttention";
    int rows = scan.segments().rows();
    expectRows(name, scan.segments(), scan.q());
    expectShape(name, scan.q(), rows, scan.heads() * keys);
    expectShape(name, scan.v(), rows, scan.heads() * values);
    expectSameShape(name, scan.q(), scan.k());
    expectSameShape(name, scan.q(), scan.logAlpha());
    expectSameShape(name, scan.v(), scan.o());
    if (scan.phase() != null) {
      expectSameShape(name, scan.q(), scan.phase());
    }
    if (scan.initial() != null) {
      int size = parts() * scan.heads() * keys * values;
      expectShape(name, scan.initial(), scan.segments().batch(), size);
    }
  }
}
