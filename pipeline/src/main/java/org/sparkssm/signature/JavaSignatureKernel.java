package org.sparkssm.signature;

import java.util.Arrays;

/**
 * Signature kernels in plain Java, always in double: the recursion of {@link SignatureKernel} as it
 * stands, and its adjoint. The gradient keeps the solution on the whole grid.
 */
final class JavaSignatureKernel implements SignatureKernelBackend {
  @Override
  public void forward(
      SignatureKernel kernel,
      KernelPairs pairs,
      double[] x,
      long[] xOffsets,
      double[] y,
      long[] yOffsets,
      double[] out) {
    forEachPair(
        pairs,
        xOffsets.length - 1,
        yOffsets.length - 1,
        (pair, a, b) -> {
          Grid grid = new Grid(kernel, path(x, xOffsets, a, kernel), path(y, yOffsets, b, kernel));
          out[pair] = grid.solve();
        });
  }

  @Override
  public void forward(
      SignatureKernel kernel,
      KernelPairs pairs,
      float[] x,
      long[] xOffsets,
      float[] y,
      long[] yOffsets,
      float[] out) {
    double[] inDouble = new double[out.length];
    forward(kernel, pairs, toDouble(x), xOffsets, toDouble(y), yOffsets, inDouble);
    addTo(inDouble, out);
  }

  @Override
  public void backward(
      SignatureKernel kernel,
      KernelPairs pairs,
      double[] x,
      long[] xOffsets,
      double[] y,
      long[] yOffsets,
      double[] outGradient,
      double[] xGradient,
      double[] yGradient) {
    forEachPair(
        pairs,
        xOffsets.length - 1,
        yOffsets.length - 1,
        (pair, a, b) -> {
          Grid grid = new Grid(kernel, path(x, xOffsets, a, kernel), path(y, yOffsets, b, kernel));
          grid.backward(
              outGradient[pair],
              xGradient,
              (int) xOffsets[a] * kernel.channels(),
              yGradient,
              (int) yOffsets[b] * kernel.channels());
        });
  }

  @Override
  public void backward(
      SignatureKernel kernel,
      KernelPairs pairs,
      float[] x,
      long[] xOffsets,
      float[] y,
      long[] yOffsets,
      float[] outGradient,
      float[] xGradient,
      float[] yGradient) {
    double[] ofX = new double[x.length];
    double[] ofY = new double[y.length];
    double[] gradient = toDouble(outGradient);
    backward(kernel, pairs, toDouble(x), xOffsets, toDouble(y), yOffsets, gradient, ofX, ofY);
    addTo(ofX, xGradient);
    addTo(ofY, yGradient);
  }

  private interface PairAction {
    void accept(int pair, int a, int b);
  }

  private static void forEachPair(KernelPairs pairs, int xCount, int yCount, PairAction action) {
    for (int a = 0; a < xCount; a++) {
      if (pairs == KernelPairs.MATCHED) {
        action.accept(a, a, a);
      } else {
        for (int b = 0; b < yCount; b++) {
          action.accept(a * yCount + b, a, b);
        }
      }
    }
  }

  private static double[] path(double[] values, long[] offsets, int b, SignatureKernel kernel) {
    int channels = kernel.channels();
    return Arrays.copyOfRange(values, (int) offsets[b] * channels, (int) offsets[b + 1] * channels);
  }

  private static double[] toDouble(float[] values) {
    double[] out = new double[values.length];
    for (int i = 0; i < out.length; i++) {
      out[i] = values[i];
    }
    return out;
  }

  private static void addTo(double[] values, float[] out) {
    for (int i = 0; i < out.length; i++) {
      out[i] += (float) values[i];
    }
  }

  /** The grid of two paths. */
  private static final class Grid {
    private final SignatureKernel kernel;
    private final int channels;
    private final double[] x;
    private final double[] y;
    private final int stepsX;
    private final int stepsY;
    private final int refined;

    Grid(SignatureKernel kernel, double[] x, double[] y) {
      this.kernel = kernel;
      this.x = x;
      this.y = y;
      channels = kernel.channels();
      stepsX = Math.max(0, x.length / channels - 1);
      stepsY = Math.max(0, y.length / channels - 1);
      refined = 1 << kernel.dyadicOrder();
    }

    double solve() {
      if (stepsX == 0 || stepsY == 0) {
        return 1;
      }
      int columns = Math.multiplyExact(stepsY, refined);
      double[] row = new double[columns + 1];
      Arrays.fill(row, 1);
      for (int i = 0; i < stepsX; i++) {
        double[] p = increments(i);
        for (int repeat = 0; repeat < refined; repeat++) {
          nextRow(p, row, row);
        }
      }
      return row[columns];
    }

    private void nextRow(double[] p, double[] above, double[] row) {
      double left = 1;
      double corner = above[0];
      for (int j = 0; j + 1 < row.length; j++) {
        double q = p[j / refined];
        double next = above[j + 1];
        left = (left + next) * (1 + q / 2 + q * q / 12) - corner * (1 - q * q / 12);
        corner = next;
        row[j + 1] = left;
      }
    }

    void backward(double seed, double[] xGradient, int xAt, double[] yGradient, int yAt) {
      if (stepsX == 0 || stepsY == 0) {
        return;
      }
      int rows = Math.multiplyExact(stepsX, refined);
      int columns = Math.multiplyExact(stepsY, refined);
      double[][] solution = new double[rows + 1][columns + 1];
      Arrays.fill(solution[0], 1);
      double[][] p = new double[stepsX][];
      for (int i = 0; i < rows; i++) {
        if (i % refined == 0) {
          p[i / refined] = increments(i / refined);
        }
        solution[i + 1][0] = 1;
        nextRow(p[i / refined], solution[i], solution[i + 1]);
      }
      // The adjoints of a row of values, and of the row above it.
      double[] adjoint = new double[columns + 1];
      adjoint[columns] = seed;
      double[] cells = new double[stepsY];
      for (int i = rows - 1; i >= 0; i--) {
        double[] above = new double[columns + 1];
        for (int j = columns - 1; j >= 0; j--) {
          double q = p[i / refined][j / refined];
          double own = adjoint[j + 1];
          double side = own * (1 + q / 2 + q * q / 12);
          adjoint[j] += side;
          above[j + 1] += side;
          above[j] -= own * (1 - q * q / 12);
          cells[j / refined] +=
              own
                  * ((solution[i + 1][j] + solution[i][j + 1]) * (0.5 + q / 6)
                      + solution[i][j] * q / 6)
                  / ((double) refined * refined);
        }
        adjoint = above;
        if (i % refined == 0) {
          for (int j = 0; j < stepsY; j++) {
            incrementBackward(i / refined, j, cells[j], xGradient, xAt, yGradient, yAt);
          }
          Arrays.fill(cells, 0);
        }
      }
    }

    /** {@code p_ij} of row i of the grid. */
    private double[] increments(int i) {
      double[] out = new double[stepsY];
      double scale = 1.0 / ((double) refined * refined);
      if (!kernel.isRbf()) {
        for (int j = 0; j < stepsY; j++) {
          double sum = 0;
          for (int c = 0; c < channels; c++) {
            sum +=
                (x[(i + 1) * channels + c] - x[i * channels + c])
                    * (y[(j + 1) * channels + c] - y[j * channels + c]);
          }
          out[j] = sum * scale;
        }
        return out;
      }
      double lower = gaussian(i, 0);
      double upper = gaussian(i + 1, 0);
      for (int j = 0; j < stepsY; j++) {
        double nextLower = gaussian(i, j + 1);
        double nextUpper = gaussian(i + 1, j + 1);
        out[j] = (nextUpper - nextLower - upper + lower) * scale;
        lower = nextLower;
        upper = nextUpper;
      }
      return out;
    }

    private void incrementBackward(
        int i, int j, double cell, double[] xGradient, int xAt, double[] yGradient, int yAt) {
      for (int corner = 0; corner < 4; corner++) {
        int l = i + corner / 2;
        int m = j + corner % 2;
        double own = corner == 0 || corner == 3 ? cell : -cell;
        double factor = kernel.isRbf() ? -2 / kernel.sigma() * own * gaussian(l, m) : own;
        for (int c = 0; c < channels; c++) {
          double a = x[l * channels + c];
          double b = y[m * channels + c];
          xGradient[xAt + l * channels + c] += factor * (kernel.isRbf() ? a - b : b);
          yGradient[yAt + m * channels + c] += factor * (kernel.isRbf() ? b - a : a);
        }
      }
    }

    private double gaussian(int i, int j) {
      double sum = 0;
      for (int c = 0; c < channels; c++) {
        double difference = x[i * channels + c] - y[j * channels + c];
        sum += difference * difference;
      }
      return Math.exp(-sum / kernel.sigma());
    }
  }
}
