package org.sparkssm.kernel;

import static org.sparkssm.kernel.ReferenceKernels.expectShape;
import static org.sparkssm.kernel.ReferenceKernels.own;

/** Causal softmax attention, one query after the other; and the rotation of positions. */
final class ReferenceCausalAttention {
  private ReferenceCausalAttention() {}

  /** The places of one query: its row, its head and the keys it sees. */
  private record Query(int row, int head, int firstKey, int keys) {}

  /** Work on one query. */
  private interface Visitor {
    void visit(Query query);
  }

  private static void forEach(CausalAttention attention, Visitor visitor) {
    expectShape(
        "causalAttention", attention.q(), attention.segments().rows(), attention.q().columns());
    expectShape(
        "causalAttention", attention.k(), attention.keySegments().rows(), attention.q().columns());
    for (int b = 0; b < attention.segments().batch(); b++) {
      int length = attention.segments().length(b);
      int seen = attention.keySegments().length(b) - length;
      for (int i = 0; i < length; i++) {
        for (int h = 0; h < attention.heads(); h++) {
          visitor.visit(
              new Query(
                  attention.segments().offset(b) + i,
                  h,
                  attention.keySegments().offset(b),
                  seen + i + 1));
        }
      }
    }
  }

  static void forward(CausalAttention attention) {
    int values = attention.v().columns() / attention.heads();
    forEach(
        attention,
        query -> {
          double[] scores = scores(attention, query);
          double greatest = Double.NEGATIVE_INFINITY;
          for (double score : scores) {
            greatest = Math.max(greatest, score);
          }
          double sum = 0;
          for (double score : scores) {
            sum += Math.exp(score - greatest);
          }
          double logSum = greatest + Math.log(sum);
          own(attention.logSums()).set(query.row, query.head, logSum);
          for (int c = 0; c < values; c++) {
            double o = 0;
            for (int s = 0; s < scores.length; s++) {
              o +=
                  Math.exp(scores[s] - logSum)
                      * own(attention.v()).get(query.firstKey + s, query.head * values + c);
            }
            own(attention.o()).set(query.row, query.head * values + c, o);
          }
        });
  }

  static void backward(CausalAttention attention, CausalAttention.Gradients g) {
    int keys = attention.q().columns() / attention.heads();
    int values = attention.v().columns() / attention.heads();
    double scale = 1 / Math.sqrt(keys);
    ReferenceElementwise.fill(g.dq(), 0);
    ReferenceElementwise.fill(g.dk(), 0);
    ReferenceElementwise.fill(g.dv(), 0);
    forEach(
        attention,
        query -> {
          double[] scores = scores(attention, query);
          double logSum = own(attention.logSums()).get(query.row, query.head);
          double inner = 0;
          for (int c = query.head * values; c < (query.head + 1) * values; c++) {
            inner += own(attention.o()).get(query.row, c) * own(g.dO()).get(query.row, c);
          }
          for (int s = 0; s < scores.length; s++) {
            int key = query.firstKey + s;
            double p = Math.exp(scores[s] - logSum);
            double dp = 0;
            for (int c = query.head * values; c < (query.head + 1) * values; c++) {
              dp += own(g.dO()).get(query.row, c) * own(attention.v()).get(key, c);
              own(g.dv()).add(key, c, p * own(g.dO()).get(query.row, c));
            }
            double dScore = scale * p * (dp - inner);
            for (int c = query.head * keys; c < (query.head + 1) * keys; c++) {
              own(g.dq()).add(query.row, c, dScore * own(attention.k()).get(key, c));
              own(g.dk()).add(key, c, dScore * own(attention.q()).get(query.row, c));
            }
          }
        });
  }

  private static double[] scores(CausalAttention attention, Query query) {
    int keys = attention.q().columns() / attention.heads();
    double[] scores = new double[query.keys];
    for (int s = 0; s < scores.length; s++) {
      for (int c = query.head * keys; c < (query.head + 1) * keys; c++) {
        scores[s] +=
            own(attention.q()).get(query.row, c) * own(attention.k()).get(query.firstKey + s, c);
      }
      scores[s] /= Math.sqrt(keys);
    }
    return scores;
  }

  static void rotate(int[] positions, Tensor angles, boolean inverse, Tensor x, Tensor y) {
    int pairs = angles.columns() / 2;
    expectShape("rotate", x, positions.length, x.columns());
    expectShape("rotate", y, positions.length, x.columns());
    for (int r = 0; r < positions.length; r++) {
      for (int first = 0; first < x.columns(); first += 2 * pairs) {
        for (int i = 0; i < pairs; i++) {
          double cos = own(angles).get(positions[r], i);
          double sin = own(angles).get(positions[r], pairs + i) * (inverse ? -1 : 1);
          double a = own(x).get(r, first + i);
          double b = own(x).get(r, first + pairs + i);
          own(y).set(r, first + i, a * cos - b * sin);
          own(y).set(r, first + pairs + i, a * sin + b * cos);
        }
      }
    }
  }
}
