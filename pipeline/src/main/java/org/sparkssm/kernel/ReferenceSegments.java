package org.sparkssm.kernel;

import static org.sparkssm.kernel.ReferenceKernels.expect;
import static org.sparkssm.kernel.ReferenceKernels.expectRows;
import static org.sparkssm.kernel.ReferenceKernels.expectSameShape;
import static org.sparkssm.kernel.ReferenceKernels.expectShape;
import static org.sparkssm.kernel.ReferenceKernels.own;

/**
 * Differences, readouts and embeddings of {@link ReferenceKernels}: what moves rows along
 * sequences.
 */
final class ReferenceSegments {
  private ReferenceSegments() {}

  static void differenceForward(Segments segments, Tensor x, Tensor before, Tensor y) {
    expectRows("differenceForward", segments, x);
    expectSameShape("differenceForward", x, y);
    if (before != null) {
      expectShape("differenceForward", before, segments.batch(), x.columns());
    }
    ReferenceTensor from = own(x);
    ReferenceTensor to = own(y);
    for (int b = 0; b < segments.batch(); b++) {
      int first = segments.offset(b);
      for (int r = first; r < first + segments.length(b); r++) {
        for (int c = 0; c < x.columns(); c++) {
          if (r > first) {
            to.set(r, c, from.get(r, c) - from.get(r - 1, c));
          } else {
            to.set(r, c, before == null ? 0 : from.get(r, c) - own(before).get(b, c));
          }
        }
      }
    }
  }

  static void differenceBackward(Segments segments, Tensor dy, Tensor dx) {
    expectRows("differenceBackward", segments, dy);
    expectSameShape("differenceBackward", dy, dx);
    ReferenceTensor from = own(dy);
    ReferenceTensor to = own(dx);
    for (int b = 0; b < segments.batch(); b++) {
      int first = segments.offset(b);
      int end = first + segments.length(b);
      for (int r = first; r < end; r++) {
        for (int c = 0; c < dy.columns(); c++) {
          double own = r > first ? from.get(r, c) : 0;
          to.set(r, c, own - (r + 1 < end ? from.get(r + 1, c) : 0));
        }
      }
    }
  }

  static void reverseRows(Segments segments, Tensor x, Tensor y) {
    expectRows("reverseRows", segments, x);
    expectSameShape("reverseRows", x, y);
    for (int b = 0; b < segments.batch(); b++) {
      int first = segments.offset(b);
      int last = first + segments.length(b) - 1;
      for (int r = first; r <= last; r++) {
        for (int c = 0; c < x.columns(); c++) {
          own(y).set(r, c, own(x).get(first + last - r, c));
        }
      }
    }
  }

  static void lastRowForward(Segments segments, Tensor x, Tensor y) {
    expectRows("lastRowForward", segments, x);
    expectShape("lastRowForward", y, segments.batch(), x.columns());
    for (int b = 0; b < segments.batch(); b++) {
      int last = segments.offset(b) + segments.length(b) - 1;
      for (int c = 0; c < x.columns(); c++) {
        own(y).set(b, c, segments.length(b) == 0 ? 0 : own(x).get(last, c));
      }
    }
  }

  static void lastRowBackward(ReferenceKernels kernels, Segments segments, Tensor dy, Tensor dx) {
    expectRows("lastRowBackward", segments, dx);
    expectShape("lastRowBackward", dy, segments.batch(), dx.columns());
    kernels.fill(dx, 0);
    for (int b = 0; b < segments.batch(); b++) {
      int last = segments.offset(b) + segments.length(b) - 1;
      for (int c = 0; c < dx.columns() && segments.length(b) > 0; c++) {
        own(dx).set(last, c, own(dy).get(b, c));
      }
    }
  }

  static void meanRowForward(Segments segments, Tensor x, Tensor y) {
    expectRows("meanRowForward", segments, x);
    expectShape("meanRowForward", y, segments.batch(), x.columns());
    for (int b = 0; b < segments.batch(); b++) {
      int first = segments.offset(b);
      int length = segments.length(b);
      for (int c = 0; c < x.columns(); c++) {
        double sum = 0;
        for (int r = first; r < first + length; r++) {
          sum += own(x).get(r, c);
        }
        own(y).set(b, c, length == 0 ? 0 : sum / length);
      }
    }
  }

  static void meanRowBackward(Segments segments, Tensor dy, Tensor dx) {
    expectRows("meanRowBackward", segments, dx);
    expectShape("meanRowBackward", dy, segments.batch(), dx.columns());
    for (int b = 0; b < segments.batch(); b++) {
      int first = segments.offset(b);
      int length = segments.length(b);
      for (int r = first; r < first + length; r++) {
        for (int c = 0; c < dx.columns(); c++) {
          own(dx).set(r, c, own(dy).get(b, c) / length);
        }
      }
    }
  }

  static void embeddingForward(int[] tokens, Tensor table, Tensor y) {
    expectShape("embeddingForward", y, tokens.length, table.columns());
    for (int r = 0; r < tokens.length; r++) {
      expect(
          tokens[r] >= 0 && tokens[r] < table.rows(),
          "embeddingForward",
          table,
          "token " + tokens[r]);
      for (int c = 0; c < y.columns(); c++) {
        own(y).set(r, c, own(table).get(tokens[r], c));
      }
    }
  }

  static void embeddingBackward(int[] tokens, Tensor dy, Tensor dTable) {
    expectShape("embeddingBackward", dy, tokens.length, dTable.columns());
    for (int r = 0; r < tokens.length; r++) {
      for (int c = 0; c < dy.columns(); c++) {
        own(dTable).add(tokens[r], c, own(dy).get(r, c));
      }
    }
  }
}
