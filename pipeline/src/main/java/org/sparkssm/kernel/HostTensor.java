package org.sparkssm.kernel;

/** A tensor of {@link HostKernels}: a window into single-precision numbers outside the heap. */
final class HostTensor extends Tensor {
  private final HostArena arena;
  private final long address;

  /**
   * @param arena owns the memory; the tensor keeps it reachable
   * @param address of the first element
   */
  HostTensor(HostArena arena, long address, int rows, int columns, int stride) {
    super(rows, columns, stride);
    this.arena = arena;
    this.address = address;
  }

  HostArena arena() {
    return arena;
  }

  long address() {
    return address;
  }

  @Override
  protected Tensor view(long offset, int viewRows, int viewColumns, int viewStride) {
    return new HostTensor(arena, address + offset * Float.BYTES, viewRows, viewColumns, viewStride);
  }
}
