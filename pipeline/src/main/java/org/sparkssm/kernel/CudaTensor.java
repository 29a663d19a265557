package org.sparkssm.kernel;

/** A tensor of {@link CudaKernels}: a window into single-precision numbers on the GPU. */
final class CudaTensor extends Tensor {
  private final CudaKernels owner;
  private final long address;

  /**
   * @param owner has the memory
   * @param address of the first element, on the GPU
   */
  CudaTensor(CudaKernels owner, long address, int rows, int columns, int stride) {
    super(rows, columns, stride);
    this.owner = owner;
    this.address = address;
  }

  CudaKernels owner() {
    return owner;
  }

  long address() {
    return address;
  }

  @Override
  protected Tensor view(long offset, int viewRows, int viewColumns, int viewStride) {
    return new CudaTensor(owner, address + offset * Float.BYTES, viewRows, viewColumns, viewStride);
  }
}
