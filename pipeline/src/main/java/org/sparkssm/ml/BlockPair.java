package org.sparkssm.ml;

import org.apache.spark.sql.catalyst.InternalRow;
import org.sparkssm.signature.SignatureKernel;

/** Two blocks of paths, as {@link PathBlocks} makes them, side by side in one row. */
final class BlockPair {
  private static final int COLUMNS = 4;

  final int rowBlock;
  final int columnBlock;
  final long[] rowIds;
  final long[] columnIds;
  private final Paths rowPaths;
  private final Paths columnPaths;
  private final boolean isDiagonal;

  /**
   * The blocks of a row.
   *
   * @param isSymmetric whether both are of one data set
   */
  BlockPair(InternalRow row, boolean isSymmetric) {
    rowBlock = row.getInt(0);
    columnBlock = row.getInt(COLUMNS);
    rowIds = row.getArray(1).toLongArray();
    columnIds = row.getArray(COLUMNS + 1).toLongArray();
    rowPaths = new Paths(row, 0);
    columnPaths = new Paths(row, COLUMNS);
    isDiagonal = isSymmetric && rowBlock == columnBlock;
  }

  /**
   * The kernels of all rows with all columns, row-major.
   *
   * @param isFloat whether they are computed in single precision
   */
  double[] kernels(SignatureKernel kernel, boolean isFloat) {
    long[] rows = rowPaths.offsets(kernel.channels());
    long[] columns = columnPaths.offsets(kernel.channels());
    double[] x = rowPaths.values;
    double[] y = columnPaths.values;
    if (isFloat) {
      return toDouble(
          isDiagonal
              ? kernel.gram(toFloat(x), rows)
              : kernel.gram(toFloat(x), rows, toFloat(y), columns));
    }
    return isDiagonal ? kernel.gram(x, rows) : kernel.gram(x, rows, y, columns);
  }

  private static float[] toFloat(double[] values) {
    float[] narrow = new float[values.length];
    for (int i = 0; i < narrow.length; i++) {
      narrow[i] = (float) values[i];
    }
    return narrow;
  }

  private static double[] toDouble(float[] values) {
    double[] wide = new double[values.length];
    for (int i = 0; i < wide.length; i++) {
      wide[i] = values[i];
    }
    return wide;
  }

  /** The paths of a block one after another. */
  private static final class Paths {
    private final int[] sizes;
    private final double[] values;

    Paths(InternalRow row, int from) {
      sizes = row.getArray(from + 2).toIntArray();
      values = row.getArray(from + 3).toDoubleArray();
    }

    long[] offsets(int channels) {
      long[] offsets = new long[sizes.length + 1];
      for (int i = 0; i < sizes.length; i++) {
        offsets[i + 1] = offsets[i] + sizes[i] / channels;
      }
      return offsets;
    }
  }
}
