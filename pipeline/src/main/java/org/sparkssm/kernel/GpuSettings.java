package org.sparkssm.kernel;

/**
 * Which GPU a task runs on and how.
 *
 * @param index of the GPU among those the process sees
 * @param memoryBytes most of its memory that one task may hold; 0: as much as there is
 * @param tf32 whether matrix products may round their operands to 10 bits of mantissa, which is
 *     faster
 */
public record GpuSettings(int index, long memoryBytes, boolean tf32) {
  /** The first GPU, all of its memory, products in single precision. */
  public static final GpuSettings FIRST = new GpuSettings(0, 0, false);
}
