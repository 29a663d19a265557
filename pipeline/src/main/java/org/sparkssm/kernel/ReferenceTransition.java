package org.sparkssm.kernel;

/** Products with the transition of a {@link TransitionStructure}, given its coefficients. */
final class ReferenceTransition {
  private final TransitionStructure structure;
  private final double[] c;

  ReferenceTransition(TransitionStructure structure, double[] c) {
    this.structure = structure;
    this.c = c;
  }

  /** {@code M z}. */
  double[] times(double[] z) {
    int n = z.length;
    int size = structure.size();
    double[] out = new double[n];
    switch (structure.kind()) {
      case BLOCK_DIAGONAL -> {
        for (int row = 0; row < n; row++) {
          for (int j = 0; j < size; j++) {
            out[row] += c[row * size + j] * z[row / size * size + j];
          }
        }
      }
      case DIAGONAL_PLUS_LOW_RANK -> lowRank(z, out, left(), right());
      case WALSH_HADAMARD -> {
        for (int i = 0; i < n; i++) {
          out[i] = c[i] * z[i];
        }
        out = hadamard(out);
      }
      case SPARSE -> {
        for (int row = 0; row < n; row++) {
          for (int e = structure.rowBegin()[row]; e < structure.rowBegin()[row + 1]; e++) {
            out[row] += c[e] * z[structure.columns()[e]];
          }
        }
      }
    }
    return out;
  }

  /** {@code M^T h}. */
  double[] timesTransposed(double[] h) {
    int n = h.length;
    int size = structure.size();
    double[] out = new double[n];
    switch (structure.kind()) {
      case BLOCK_DIAGONAL -> {
        for (int row = 0; row < n; row++) {
          for (int j = 0; j < size; j++) {
            out[row / size * size + j] += c[row * size + j] * h[row];
          }
        }
      }
      case DIAGONAL_PLUS_LOW_RANK -> lowRank(h, out, right(), left());
      case WALSH_HADAMARD -> {
        double[] transformed = hadamard(h);
        for (int i = 0; i < n; i++) {
          out[i] = c[i] * transformed[i];
        }
      }
      case SPARSE -> {
        for (int row = 0; row < n; row++) {
          for (int e = structure.rowBegin()[row]; e < structure.rowBegin()[row + 1]; e++) {
            out[structure.columns()[e]] += c[e] * h[row];
          }
        }
      }
    }
    return out;
  }

  /** Adds the gradient of {@code factor h . M(c) u} with respect to c. */
  void addOuter(double factor, double[] h, double[] u, double[] dc) {
    int n = h.length;
    int size = structure.size();
    switch (structure.kind()) {
      case BLOCK_DIAGONAL -> {
        for (int row = 0; row < n; row++) {
          for (int j = 0; j < size; j++) {
            dc[row * size + j] += factor * h[row] * u[row / size * size + j];
          }
        }
      }
      case DIAGONAL_PLUS_LOW_RANK -> {
        for (int i = 0; i < n; i++) {
          dc[i] += factor * h[i] * u[i];
        }
        for (int k = 0; k < size; k++) {
          double ofRight = dot(u, right(), k);
          double ofLeft = dot(h, left(), k);
          for (int i = 0; i < n; i++) {
            dc[left() + i * size + k] += factor * h[i] * ofRight;
            dc[right() + i * size + k] += factor * u[i] * ofLeft;
          }
        }
      }
      case WALSH_HADAMARD -> {
        double[] transformed = hadamard(h);
        for (int i = 0; i < n; i++) {
          dc[i] += factor * transformed[i] * u[i];
        }
      }
      case SPARSE -> {
        for (int row = 0; row < n; row++) {
          for (int e = structure.rowBegin()[row]; e < structure.rowBegin()[row + 1]; e++) {
            dc[e] += factor * h[row] * u[structure.columns()[e]];
          }
        }
      }
    }
  }

  /** A bound of the spectral norm of M. */
  double norm() {
    int n = structure.states();
    int size = structure.size();
    return switch (structure.kind()) {
      case BLOCK_DIAGONAL -> {
        double greatest = 0;
        for (int first = 0; first < n * size; first += size * size) {
          greatest = Math.max(greatest, length(first, first + size * size));
        }
        yield greatest;
      }
      case DIAGONAL_PLUS_LOW_RANK ->
          greatest(n) + length(left(), right()) * length(right(), right() + n * size);
      case WALSH_HADAMARD -> greatest(n);
      case SPARSE -> length(0, c.length);
    };
  }

  private int left() {
    return structure.states();
  }

  private int right() {
    return structure.states() * (1 + structure.size());
  }

  /** {@code out = d z + first (second^T z)} with the factors at those offsets. */
  private void lowRank(double[] z, double[] out, int first, int second) {
    int rank = structure.size();
    for (int i = 0; i < z.length; i++) {
      out[i] = c[i] * z[i];
    }
    for (int k = 0; k < rank; k++) {
      double inner = dot(z, second, k);
      for (int i = 0; i < z.length; i++) {
        out[i] += c[first + i * rank + k] * inner;
      }
    }
  }

  private double dot(double[] z, int offset, int k) {
    double sum = 0;
    for (int i = 0; i < z.length; i++) {
      sum += c[offset + i * structure.size() + k] * z[i];
    }
    return sum;
  }

  private static double[] hadamard(double[] x) {
    double[] y = new double[x.length];
    for (int i = 0; i < x.length; i++) {
      for (int j = 0; j < x.length; j++) {
        y[i] += Integer.bitCount(i & j) % 2 == 0 ? x[j] : -x[j];
      }
      y[i] /= Math.sqrt(x.length);
    }
    return y;
  }

  private double length(int from, int to) {
    double sum = 0;
    for (int i = from; i < to; i++) {
      sum += c[i] * c[i];
    }
    return Math.sqrt(sum);
  }

  private double greatest(int count) {
    double greatest = 0;
    for (int i = 0; i < count; i++) {
      greatest = Math.max(greatest, Math.abs(c[i]));
    }
    return greatest;
  }
}
