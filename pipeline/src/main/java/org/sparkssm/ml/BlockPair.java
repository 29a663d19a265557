package org.sparkssm.ml;

import java.util.Arrays;
import org.apache.spark.sql.catalyst.InternalRow;
import org.sparkssm.signature.SignatureKernel;

/** Two blocks of paths, as {@link PathBlocks} makes them, side by side in one row. */
final class BlockPair {
  private static final int COLUMNS = 4;

  final int rowBlock;
  final int columnBlock;
  final long[] rowIds;
  final long[] columnIds;
  private final double[][] rowPaths;
  private final double[][] columnPaths;
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
    rowPaths = paths(row, 0);
    columnPaths = paths(row, COLUMNS);
    isDiagonal = isSymmetric && rowBlock == columnBlock;
  }

  /** The kernels of all rows with all columns, row-major. */
  double[] kernels(SignatureKernel kernel) {
    int columns = columnPaths.length;
    double[] values = new double[Math.multiplyExact(rowPaths.length, columns)];
    for (int i = 0; i < rowPaths.length; i++) {
      for (int j = isDiagonal ? i : 0; j < columns; j++) {
        values[i * columns + j] = kernel.of(rowPaths[i], columnPaths[j]);
        if (isDiagonal) {
          values[j * columns + i] = values[i * columns + j];
        }
      }
    }
    return values;
  }

  private static double[][] paths(InternalRow row, int from) {
    int[] sizes = row.getArray(from + 2).toIntArray();
    double[] values = row.getArray(from + 3).toDoubleArray();
    double[][] paths = new double[sizes.length][];
    for (int i = 0, at = 0; i < sizes.length; at += sizes[i], i++) {
      paths[i] = Arrays.copyOfRange(values, at, at + sizes[i]);
    }
    return paths;
  }
}
