package org.sparkssm.kernel;

import static org.sparkssm.kernel.ReferenceKernels.expectRows;
import static org.sparkssm.kernel.ReferenceKernels.expectShape;
import static org.sparkssm.kernel.ReferenceKernels.own;

/**
 * The delta rule in its error-correcting form, {@code S <- S + beta (v - S k) k^T}, head by head;
 * the backward keeps one head's states.
 */
final class ReferenceDeltaRule {
  private final DeltaRule rule;
  private final int keys;
  private final int values;

  private ReferenceDeltaRule(DeltaRule rule) {
    this.rule = rule;
    this.keys = rule.q().columns() / rule.heads();
    this.values = rule.o().columns() / rule.heads();
    check();
  }

  static void forward(DeltaRule rule) {
    new ReferenceDeltaRule(rule).forward();
  }

  static void backward(DeltaRule rule, DeltaRule.Gradients gradients) {
    new ReferenceDeltaRule(rule).backward(gradients);
  }

  private void forward() {
    Segments segments = rule.segments();
    for (int b = 0; b < segments.batch(); b++) {
      for (int head = 0; head < rule.heads(); head++) {
        double[][] state = readState(rule.initial(), b, head);
        for (int row = segments.offset(b); row < segments.offset(b) + segments.length(b); row++) {
          double[][][] states = step(row, head, state);
          state = states[rule.updates()];
          for (int j = 0; j < values; j++) {
            double sum = 0;
            for (int i = 0; i < keys; i++) {
              sum += state[j][i] * own(rule.q()).get(row, head * keys + i);
            }
            own(rule.o()).set(row, head * values + j, sum);
          }
        }
        if (rule.last() != null) {
          writeState(rule.last(), b, head, state);
        }
      }
    }
  }

  private void backward(DeltaRule.Gradients gradients) {
    for (int b = 0; b < rule.segments().batch(); b++) {
      for (int head = 0; head < rule.heads(); head++) {
        backward(gradients, b, head);
      }
    }
  }

  private void backward(DeltaRule.Gradients gradients, int b, int head) {
    int first = rule.segments().offset(b);
    int length = rule.segments().length(b);
    double[][][][] states = new double[length][][][];
    double[][] state = readState(rule.initial(), b, head);
    for (int l = 0; l < length; l++) {
      states[l] = step(first + l, head, state);
      state = states[l][rule.updates()];
    }
    double[][] dState = readState(gradients.dLast(), b, head);
    for (int l = length - 1; l >= 0; l--) {
      int row = first + l;
      for (int i = 0; i < keys; i++) {
        double dq = 0;
        double q = own(rule.q()).get(row, head * keys + i);
        for (int j = 0; j < values; j++) {
          double dOut = own(gradients.dO()).get(row, head * values + j);
          dq += dOut * states[l][rule.updates()][j][i];
          dState[j][i] += dOut * q;
        }
        own(gradients.dq()).set(row, head * keys + i, dq);
      }
      for (int r = rule.updates() - 1; r >= 0; r--) {
        updateBackward(gradients, row, head, r, states[l][r], dState);
      }
      double decay = decay(row, head);
      double dLog = 0;
      for (int j = 0; j < values; j++) {
        for (int i = 0; i < keys; i++) {
          dLog += dState[j][i] * states[l][0][j][i];
          dState[j][i] *= decay;
        }
      }
      if (gradients.dLogAlpha() != null) {
        own(gradients.dLogAlpha()).set(row, head, dLog);
      }
    }
    if (gradients.dInitial() != null) {
      writeState(gradients.dInitial(), b, head, dState);
    }
  }

  /**
   * @param before the state that the update started from
   * @param dState gradient of the state after the update, replaced by that of {@code before}
   */
  private void updateBackward(
      DeltaRule.Gradients gradients,
      int row,
      int head,
      int r,
      double[][] before,
      double[][] dState) {
    int group = r * rule.heads() + head;
    double beta = own(rule.beta()).get(row, group);
    double[] dk = new double[keys];
    double dBeta = 0;
    for (int j = 0; j < values; j++) {
      double error = own(rule.v()).get(row, group * values + j);
      double dUpdate = 0;
      for (int i = 0; i < keys; i++) {
        double k = own(rule.k()).get(row, group * keys + i);
        error -= before[j][i] * k;
        dUpdate += dState[j][i] * k;
      }
      dBeta += dUpdate * error;
      double dError = beta * dUpdate;
      own(gradients.dv()).set(row, group * values + j, dError);
      for (int i = 0; i < keys; i++) {
        dk[i] += dState[j][i] * beta * error - dError * before[j][i];
        dState[j][i] -= dError * own(rule.k()).get(row, group * keys + i);
      }
    }
    own(gradients.dBeta()).set(row, group, dBeta);
    for (int i = 0; i < keys; i++) {
      own(gradients.dk()).set(row, group * keys + i, dk[i]);
    }
  }

  /** The decayed state and then the state after every update. */
  private double[][][] step(int row, int head, double[][] state) {
    double[][][] states = new double[rule.updates() + 1][values][keys];
    double decay = decay(row, head);
    for (int j = 0; j < values; j++) {
      for (int i = 0; i < keys; i++) {
        states[0][j][i] = decay * state[j][i];
      }
    }
    for (int r = 0; r < rule.updates(); r++) {
      int group = r * rule.heads() + head;
      double beta = own(rule.beta()).get(row, group);
      for (int j = 0; j < values; j++) {
        double error = own(rule.v()).get(row, group * values + j);
        for (int i = 0; i < keys; i++) {
          error -= states[r][j][i] * own(rule.k()).get(row, group * keys + i);
        }
        for (int i = 0; i < keys; i++) {
          double k = own(rule.k()).get(row, group * keys + i);
          states[r + 1][j][i] = states[r][j][i] + beta * error * k;
        }
      }
    }
    return states;
  }

  private double decay(int row, int head) {
    return rule.logAlpha() == null ? 1 : Math.exp(own(rule.logAlpha()).get(row, head));
  }

  private double[][] readState(Tensor tensor, int b, int head) {
    double[][] state = new double[values][keys];
    for (int j = 0; j < values && tensor != null; j++) {
      for (int i = 0; i < keys; i++) {
        state[j][i] = own(tensor).get(b, (head * values + j) * keys + i);
      }
    }
    return state;
  }

  private void writeState(Tensor tensor, int b, int head, double[][] state) {
    for (int j = 0; j < values; j++) {
      for (int i = 0; i < keys; i++) {
        own(tensor).set(b, (head * values + j) * keys + i, state[j][i]);
      }
    }
  }

  private void check() {
    String name = "deltaRule";
    int rows = rule.segments().rows();
    int groups = rule.updates() * rule.heads();
    expectRows(name, rule.segments(), rule.q());
    expectShape(name, rule.q(), rows, rule.heads() * keys);
    expectShape(name, rule.o(), rows, rule.heads() * values);
    expectShape(name, rule.k(), rows, groups * keys);
    expectShape(name, rule.v(), rows, groups * values);
    expectShape(name, rule.beta(), rows, groups);
    if (rule.logAlpha() != null) {
      expectShape(name, rule.logAlpha(), rows, rule.heads());
    }
    if (rule.initial() != null) {
      int size = rule.heads() * keys * values;
      expectShape(name, rule.initial(), rule.segments().batch(), size);
    }
  }
}
