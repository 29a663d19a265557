package org.sparkssm.train;

import org.sparkssm.kernel.Kernels;
import org.sparkssm.kernel.Tensor;

/**
 * The parameters of a training, where its {@link Optimizer} moves them: on the device of its
 * kernels. Who computes on the same kernels reads them there; for others, and for the disk, they
 * are copied to an array, once after each change. Belongs to the thread of the kernels.
 */
public final class Weights {
  private final Kernels kernels;
  private final Tensor tensor;
  private float[] values;

  /**
   * @param values [P]; not changed
   */
  public Weights(Kernels kernels, float[] values) {
    this.kernels = kernels;
    this.tensor = kernels.allocate(1, values.length);
    kernels.write(tensor, values, 0);
  }

  /** Whether they lie on these very kernels, so that {@link #tensor} can be read there. */
  public boolean areOn(Kernels other) {
    return kernels == other;
  }

  /** [1, P], to be read only. */
  public Tensor tensor() {
    return tensor;
  }

  /** [P], to be read only; another array after every change, so this one keeps its content. */
  public float[] values() {
    if (values == null) {
      values = new float[Math.toIntExact(tensor.size())];
      kernels.read(tensor, values, 0);
    }
    return values;
  }

  /** The tensor, to be changed before anything else is asked for. */
  Tensor toMove() {
    values = null;
    return tensor;
  }
}
