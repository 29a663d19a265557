package org.sparkssm.signature;

/**
 * The arithmetic of signature kernels over packed batches. Arguments have been checked; path b of
 * {@code x} is the rows {@code xOffsets[b] .. xOffsets[b + 1]}, and {@code out} has a result for
 * each pair, row-major. Gradients are added to.
 */
interface SignatureKernelBackend {
  /** Kernels in double. */
  void forward(
      SignatureKernel kernel,
      KernelPairs pairs,
      double[] x,
      long[] xOffsets,
      double[] y,
      long[] yOffsets,
      double[] out);

  /** Kernels in float. */
  void forward(
      SignatureKernel kernel,
      KernelPairs pairs,
      float[] x,
      long[] xOffsets,
      float[] y,
      long[] yOffsets,
      float[] out);

  /** Gradients of {@code sum(out * outGradient)} in double. */
  void backward(
      SignatureKernel kernel,
      KernelPairs pairs,
      double[] x,
      long[] xOffsets,
      double[] y,
      long[] yOffsets,
      double[] outGradient,
      double[] xGradient,
      double[] yGradient);

  /** Gradients of {@code sum(out * outGradient)} in float. */
  void backward(
      SignatureKernel kernel,
      KernelPairs pairs,
      float[] x,
      long[] xOffsets,
      float[] y,
      long[] yOffsets,
      float[] outGradient,
      float[] xGradient,
      float[] yGradient);
}
