package org.sparkssm.train;

import java.io.Serializable;
import java.util.Arrays;

/**
 * The upper triangular factor R of the QR decomposition of a tall matrix whose rows arrive one by
 * one, by Householder reflections; Q is not formed.
 *
 * <p>Rows are gathered in blocks of fixed size, and a full block is folded into R by the QR
 * decomposition of {@code [R; block]}, in which the reflector of column j touches row j of R and
 * the block alone (Demmel, Grigori, Hoemmen, Langou 2012, "Communication-optimal parallel and
 * sequential QR and LU factorizations", section 5; LAPACK's dtpqrt). Factors of parts are joined by
 * {@link #merge}. Right-hand sides are carried along as last columns: the factor of {@code [X, Y]}
 * holds {@code Q^T Y} beside the factor of X.
 *
 * <p>Plain Java in a fixed order of operations: the bits of R depend on the rows, their order and
 * the order of the merges, on nothing else, not even on the machine. The cost is {@code 2 rows
 * columns^2} operations. {@code R^T R} agrees with {@code X^T X} to about {@code columns} units of
 * rounding of the columns' norms. Numbers below 1e-140 count as zero, and those above 1e140
 * overflow.
 */
public final class TriangularFactor {
  private static final int BLOCK_ROWS = 64;
  private static final double NEGLIGIBLE_SQUARE = 1e-280;

  private final int columns;
  private final double[][] r;
  private final double[][] block = new double[BLOCK_ROWS][];
  private final double[] reflector = new double[BLOCK_ROWS];
  private final double[] projection;
  private int pending;
  private long rows;

  /** The factor of no rows: zero. */
  public TriangularFactor(int columns) {
    if (columns < 1) {
      throw new IllegalArgumentException("a factor has at least 1 column, found " + columns);
    }
    this.columns = columns;
    this.r = new double[columns][columns];
    this.projection = new double[columns];
  }

  /**
   * A factor in the form it travels in.
   *
   * @param upper the upper triangle by rows, {@code columns (columns + 1) / 2} numbers
   */
  @SuppressWarnings("ArrayRecordComponent") // a carrier, never compared
  public record Packed(int columns, long rows, double[] upper) implements Serializable {

    public Packed {
      if (upper.length != packedLength(columns)) {
        throw new IllegalArgumentException(
            "a factor of "
                + columns
                + " columns has "
                + packedLength(columns)
                + " numbers, found "
                + upper.length);
      }
    }

    /** The factor itself. */
    public TriangularFactor unpack() {
      TriangularFactor factor = new TriangularFactor(columns);
      int from = 0;
      for (int i = 0; i < columns; i++) {
        System.arraycopy(upper, from, factor.r[i], i, columns - i);
        from += columns - i;
      }
      factor.rows = rows;
      return factor;
    }

    private static int packedLength(int columns) {
      return Math.toIntExact((long) columns * (columns + 1) / 2);
    }
  }

  public int columns() {
    return columns;
  }

  /** Number of rows seen, those of merged factors included. */
  public long rows() {
    return rows;
  }

  /**
   * Adds one row.
   *
   * @param row {@code columns} finite numbers; kept and overwritten, not copied
   */
  public void add(double[] row) {
    if (row.length != columns) {
      throw new IllegalArgumentException(
          "a row has " + row.length + " numbers, expected " + columns);
    }
    block[pending++] = row;
    rows++;
    if (pending == BLOCK_ROWS) {
      fold(false);
    }
  }

  /** Joins the rows of {@code other} to these; {@code other} is used up. */
  public void merge(TriangularFactor other) {
    if (other.columns != columns) {
      throw new IllegalArgumentException(
          "a factor of " + other.columns + " columns cannot join one of " + columns);
    }
    fold(false);
    other.fold(false);
    for (int from = 0; from < columns; from += BLOCK_ROWS) {
      int count = Math.min(BLOCK_ROWS, columns - from);
      System.arraycopy(other.r, from, block, 0, count);
      pending = count;
      foldColumns(from, true);
    }
    rows += other.rows;
  }

  /** Element (i, j) of R; zero below the diagonal. */
  public double get(int i, int j) {
    fold(false);
    return i <= j ? r[i][j] : 0;
  }

  /** The form to travel in; a copy. */
  public Packed pack() {
    fold(false);
    double[] upper = new double[Packed.packedLength(columns)];
    int to = 0;
    for (int i = 0; i < columns; i++) {
      System.arraycopy(r[i], i, upper, to, columns - i);
      to += columns - i;
    }
    return new Packed(columns, rows, upper);
  }

  private void fold(boolean triangular) {
    if (pending > 0) {
      foldColumns(0, triangular);
    }
  }

  /**
   * Folds the pending block into R.
   *
   * @param first columns before this one are zero in the block
   * @param triangular whether row i of the block is also zero before column {@code first + i}
   */
  private void foldColumns(int first, boolean triangular) {
    for (int j = first; j < columns; j++) {
      eliminate(j, triangular ? Math.min(pending, j - first + 1) : pending);
    }
    Arrays.fill(block, 0, pending, null);
    pending = 0;
  }

  /** Reflects column j of {@code [R; block]} onto row j of R. */
  private void eliminate(int j, int count) {
    double below = 0;
    for (int i = 0; i < count; i++) {
      double x = block[i][j];
      reflector[i] = x;
      below += x * x;
    }
    if (below < NEGLIGIBLE_SQUARE) {
      return;
    }
    double alpha = r[j][j];
    double norm = Math.sqrt(alpha * alpha + below);
    double beta = alpha > 0 ? -norm : norm;
    double head = alpha - beta;
    double gain = 1 / (beta * head);
    // I + gain v v^T with v = (head, reflector) maps (alpha, column) to (beta, 0)
    r[j][j] = beta;
    project(j + 1, count, head, r[j]);
    subtract(j + 1, count, head * gain, gain, r[j]);
  }

  /** {@code projection = head top + sum_i reflector_i block_i} from column {@code from} on. */
  private void project(int from, int count, double head, double[] top) {
    double[] sum = projection;
    for (int k = from; k < columns; k++) {
      sum[k] = head * top[k];
    }
    int i = 0;
    for (; i + 4 <= count; i += 4) {
      accumulate4(
          sum,
          from,
          columns,
          block[i],
          block[i + 1],
          block[i + 2],
          block[i + 3],
          reflector[i],
          reflector[i + 1],
          reflector[i + 2],
          reflector[i + 3]);
    }
    for (; i < count; i++) {
      addScaled(reflector[i], block[i], sum, from, columns);
    }
  }

  private void subtract(int from, int count, double topGain, double gain, double[] top) {
    addScaled(topGain, projection, top, from, columns);
    for (int i = 0; i < count; i++) {
      addScaled(gain * reflector[i], projection, block[i], from, columns);
    }
  }

  private static void accumulate4(
      double[] sum,
      int from,
      int to,
      double[] row0,
      double[] row1,
      double[] row2,
      double[] row3,
      double scale0,
      double scale1,
      double scale2,
      double scale3) {
    for (int k = from; k < to; k++) {
      sum[k] += scale0 * row0[k] + scale1 * row1[k] + (scale2 * row2[k] + scale3 * row3[k]);
    }
  }

  private static void addScaled(double scale, double[] x, double[] y, int from, int to) {
    for (int k = from; k < to; k++) {
      y[k] += scale * x[k];
    }
  }
}
