package org.sparkssm.kernel;

/**
 * A matrix of floating-point numbers on a device: {@code rows x columns}, row-major, rows {@code
 * stride} elements apart. A vector is a matrix of one row; arrays of more axes fold the leading
 * ones into the rows.
 *
 * <p>Tensors are made by the {@link Kernels} they belong to and hold no numbers that Java code
 * could touch: {@link Kernels#write} and {@link Kernels#read} move them. A view ({@link #rowRange},
 * {@link #columnRange}, {@link #reshape}) shares the numbers of its origin.
 */
public abstract class Tensor {
  private final int rows;
  private final int columns;
  private final int stride;

  protected Tensor(int rows, int columns, int stride) {
    if (rows < 0 || columns < 0 || stride < columns) {
      throw new IllegalArgumentException(
          "no tensor has " + rows + " rows, " + columns + " columns, stride " + stride);
    }
    this.rows = rows;
    this.columns = columns;
    this.stride = stride;
  }

  public final int rows() {
    return rows;
  }

  public final int columns() {
    return columns;
  }

  /**
   * Elements between the beginnings of two successive rows; {@code columns} where rows are dense.
   */
  public final int stride() {
    return stride;
  }

  public final long size() {
    return (long) rows * columns;
  }

  /** Whether the rows follow one another without gaps. */
  public final boolean isDense() {
    return stride == columns || rows <= 1;
  }

  /** The rows {@code from} to {@code to - 1} as a view. */
  public final Tensor rowRange(int from, int to) {
    checkRange(from, to, rows, "rows");
    return view((long) from * stride, to - from, columns, stride);
  }

  /** The columns {@code from} to {@code to - 1} as a view. */
  public final Tensor columnRange(int from, int to) {
    checkRange(from, to, columns, "columns");
    return view(from, rows, to - from, stride);
  }

  /** The same numbers in another shape; needs dense rows and the same size. */
  public final Tensor reshape(int newRows, int newColumns) {
    if (!isDense() || (long) newRows * newColumns != size()) {
      throw new IllegalArgumentException(
          this + " cannot be seen as " + newRows + " x " + newColumns);
    }
    return view(0, newRows, newColumns, newColumns);
  }

  /**
   * {@code count} elements from element {@code from} on, counted densely, as a matrix; needs dense
   * rows.
   */
  public final Tensor slice(long from, int newRows, int newColumns) {
    if (!isDense() || from < 0 || from + (long) newRows * newColumns > size()) {
      throw new IllegalArgumentException(
          this + " has no elements " + from + " to " + (from + (long) newRows * newColumns));
    }
    return view(from, newRows, newColumns, newColumns);
  }

  /**
   * A view that begins {@code offset} elements after this tensor's first element; the range has
   * been checked.
   */
  protected abstract Tensor view(long offset, int viewRows, int viewColumns, int viewStride);

  private void checkRange(int from, int to, int limit, String what) {
    if (from < 0 || to < from || to > limit) {
      throw new IllegalArgumentException(this + " has no " + what + " " + from + " to " + to);
    }
  }

  @Override
  public final String toString() {
    return getClass().getSimpleName()
        + "["
        + rows
        + " x "
        + columns
        + (isDense() ? "]" : ", stride " + stride + "]");
  }
}
