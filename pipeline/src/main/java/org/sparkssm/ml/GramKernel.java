package org.sparkssm.ml;

import java.io.Serializable;
import org.sparkssm.signature.SignatureKernel;

/**
 * Which signature kernel a Gram matrix is of.
 *
 * @param sigma of the RBF static kernel; null for the linear one
 * @param isFloat whether kernels are computed in single precision
 */
record GramKernel(int channels, int dyadicOrder, Double sigma, boolean isFloat)
    implements Serializable {
  private static final long serialVersionUID = 1L;

  SignatureKernel create() {
    return sigma == null
        ? SignatureKernel.linear(channels, dyadicOrder)
        : SignatureKernel.rbf(channels, dyadicOrder, sigma);
  }
}
