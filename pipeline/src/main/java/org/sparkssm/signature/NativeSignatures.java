package org.sparkssm.signature;

import org.sparkssm.kernel.Native;
import org.sparkssm.kernel.NativeLibrary;

/** Signatures by the native kernels. */
final class NativeSignatures implements SignatureBackend {
  /**
   * Below this number of multiplications a call takes well under a millisecond, and the arrays are
   * pinned instead of copied; above it pinning would hold back the garbage collector too long.
   */
  private static final double PINNED_WORK = 4e6;

  NativeSignatures() {
    NativeLibrary.requireLoaded();
  }

  @Override
  public void forward(
      float[] values, long[] begin, long[] end, int channels, int depth, float[] out) {
    int batch = begin.length;
    int status =
        isShort(begin, end, out.length)
            ? Native.ssm_signature_forward_f32_critical(
                values, begin, end, batch, channels, depth, out)
            : Native.ssm_signature_forward_f32(values, begin, end, batch, channels, depth, out);
    NativeLibrary.check(status, "ssm_signature_forward_f32");
  }

  @Override
  public void forward(
      double[] values, long[] begin, long[] end, int channels, int depth, double[] out) {
    int batch = begin.length;
    int status =
        isShort(begin, end, out.length)
            ? Native.ssm_signature_forward_f64_critical(
                values, begin, end, batch, channels, depth, out)
            : Native.ssm_signature_forward_f64(values, begin, end, batch, channels, depth, out);
    NativeLibrary.check(status, "ssm_signature_forward_f64");
  }

  private static boolean isShort(long[] begin, long[] end, int outLength) {
    long rows = 0;
    for (int b = 0; b < begin.length; b++) {
      rows += end[b] - begin[b];
    }
    return (double) rows * outLength <= PINNED_WORK * Math.max(1, begin.length);
  }
}
