package org.sparkssm.spark;

import java.util.List;
import java.util.Map;

/** Workers must compute with the same kernels, or the bits would depend on who computed what. */
final class KernelsAgreement {
  private KernelsAgreement() {}

  /**
   * What to say if they do not.
   *
   * @param workers by description of their kernels
   */
  static String difference(Map<String, ? extends List<?>> workers) {
    StringBuilder found = new StringBuilder();
    workers.forEach(
        (kernels, who) ->
            found.append(found.isEmpty() ? "" : "; ").append(kernels).append(" on ").append(who));
    return "the workers compute with different kernels, so weights would depend on who computes what ("
        + found
        + "); pin them on all machines with spark.executor.extraJavaOptions and"
        + " spark.driver.extraJavaOptions -Dspark.ssm.cpuTarget=x86-64-v3 (or what the oldest"
        + " machine has), and the BLAS with spark.executorEnv.OPENBLAS_CORETYPE=Haswell and the"
        + " same variable on the driver";
  }
}
