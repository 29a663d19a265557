package org.sparkssm.bench;

import java.util.List;
import org.sparkssm.kernel.Tensor;

/** One operation on the operands of one thread. */
interface Operation {
  void forward();

  /** Follows a forward; overwrites what the last one left. */
  void backward();

  /** What forward and backward compute. */
  List<Result> results();

  /**
   * An output.
   *
   * @param ofRows whether threads hold rows of it; else a gradient of what all threads share, the
   *     sum over threads
   */
  record Result(String name, Tensor tensor, boolean ofRows) {}
}
