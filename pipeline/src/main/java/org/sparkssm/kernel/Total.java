package org.sparkssm.kernel;

/**
 * A number in double precision that an operation of {@link Kernels} computes, perhaps later than
 * the thread goes on.
 */
public interface Total {

  /**
   * The number. The first time it is asked for, the thread waits for the device, which then gives
   * all totals it owes in one transfer. Belongs to the thread of the kernels, until they close.
   */
  double value();
}
