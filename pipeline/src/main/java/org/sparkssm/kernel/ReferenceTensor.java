package org.sparkssm.kernel;

/** A tensor of {@link ReferenceKernels}: a window into an array of doubles. */
final class ReferenceTensor extends Tensor {
  private final Precision precision;
  private final double[] data;
  private final int offset;

  ReferenceTensor(
      Precision precision, double[] data, int offset, int rows, int columns, int stride) {
    super(rows, columns, stride);
    this.precision = precision;
    this.data = data;
    this.offset = offset;
  }

  double get(int row, int column) {
    return data[offset + row * stride() + column];
  }

  void set(int row, int column, double value) {
    data[offset + row * stride() + column] = precision.round(value);
  }

  void add(int row, int column, double value) {
    set(row, column, get(row, column) + value);
  }

  @Override
  protected Tensor view(long viewOffset, int viewRows, int viewColumns, int viewStride) {
    return new ReferenceTensor(
        precision, data, Math.toIntExact(offset + viewOffset), viewRows, viewColumns, viewStride);
  }
}
