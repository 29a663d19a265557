package org.sparkssm.signature;

import java.util.Arrays;
import org.sparkssm.kernel.Native;
import org.sparkssm.kernel.NativeLibrary;

/** Signature kernels by the native kernels. */
final class NativeSignatureKernel implements SignatureKernelBackend {
  /**
   * Below this number of cells a call takes well under a millisecond, and the arrays are pinned
   * instead of copied; above it pinning would hold back the garbage collector too long.
   */
  private static final double PINNED_CELLS = 1e5;

  NativeSignatureKernel() {
    NativeLibrary.requireLoaded();
  }

  @Override
  public void forward(
      SignatureKernel kernel,
      KernelPairs pairs,
      double[] x,
      long[] xOffsets,
      double[] y,
      long[] yOffsets,
      double[] out) {
    int xBatch = xOffsets.length - 1;
    int yBatch = yOffsets.length - 1;
    double refined = Math.scalb(1.0, 2 * kernel.dyadicOrder());
    int status =
        (double) xOffsets[xBatch] * yOffsets[yBatch] * refined <= PINNED_CELLS
            ? Native.ssm_signature_kernel_forward_f64_critical(
                x,
                xOffsets,
                ends(xOffsets),
                xBatch,
                y,
                yOffsets,
                ends(yOffsets),
                yBatch,
                pairs.code(),
                kernel.channels(),
                kernel.dyadicOrder(),
                staticKernel(kernel),
                kernel.sigma(),
                out)
            : Native.ssm_signature_kernel_forward_f64(
                x,
                xOffsets,
                ends(xOffsets),
                xBatch,
                y,
                yOffsets,
                ends(yOffsets),
                yBatch,
                pairs.code(),
                kernel.channels(),
                kernel.dyadicOrder(),
                staticKernel(kernel),
                kernel.sigma(),
                out);
    NativeLibrary.check(status, "ssm_signature_kernel_forward_f64");
  }

  @Override
  public void forward(
      SignatureKernel kernel,
      KernelPairs pairs,
      float[] x,
      long[] xOffsets,
      float[] y,
      long[] yOffsets,
      float[] out) {
    NativeLibrary.check(
        Native.ssm_signature_kernel_forward_f32(
            x,
            xOffsets,
            ends(xOffsets),
            xOffsets.length - 1,
            y,
            yOffsets,
            ends(yOffsets),
            yOffsets.length - 1,
            pairs.code(),
            kernel.channels(),
            kernel.dyadicOrder(),
            staticKernel(kernel),
            kernel.sigma(),
            out),
        "ssm_signature_kernel_forward_f32");
  }

  @Override
  public void backward(
      SignatureKernel kernel,
      KernelPairs pairs,
      double[] x,
      long[] xOffsets,
      double[] y,
      long[] yOffsets,
      double[] outGradient,
      double[] xGradient,
      double[] yGradient) {
    NativeLibrary.check(
        Native.ssm_signature_kernel_backward_f64(
            x,
            xOffsets,
            ends(xOffsets),
            xOffsets.length - 1,
            y,
            yOffsets,
            ends(yOffsets),
            yOffsets.length - 1,
            pairs.code(),
            kernel.channels(),
            kernel.dyadicOrder(),
            staticKernel(kernel),
            kernel.sigma(),
            outGradient,
            xGradient,
            yGradient),
        "ssm_signature_kernel_backward_f64");
  }

  @Override
  public void backward(
      SignatureKernel kernel,
      KernelPairs pairs,
      float[] x,
      long[] xOffsets,
      float[] y,
      long[] yOffsets,
      float[] outGradient,
      float[] xGradient,
      float[] yGradient) {
    NativeLibrary.check(
        Native.ssm_signature_kernel_backward_f32(
            x,
            xOffsets,
            ends(xOffsets),
            xOffsets.length - 1,
            y,
            yOffsets,
            ends(yOffsets),
            yOffsets.length - 1,
            pairs.code(),
            kernel.channels(),
            kernel.dyadicOrder(),
            staticKernel(kernel),
            kernel.sigma(),
            outGradient,
            xGradient,
            yGradient),
        "ssm_signature_kernel_backward_f32");
  }

  private static long[] ends(long[] offsets) {
    return Arrays.copyOfRange(offsets, 1, offsets.length);
  }

  private static int staticKernel(SignatureKernel kernel) {
    return kernel.isRbf() ? 1 : 0;
  }
}
