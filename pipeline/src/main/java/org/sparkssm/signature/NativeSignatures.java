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

  @Override
  public void backward(
      float[] values,
      long[] begin,
      long[] end,
      int channels,
      int depth,
      float[] signatures,
      float[] gradients,
      float[] out) {
    NativeLibrary.check(
        Native.ssm_signature_backward_f32(
            values, begin, end, begin.length, channels, depth, signatures, gradients, out),
        "ssm_signature_backward_f32");
  }

  @Override
  public void logForward(
      float[] values,
      long[] begin,
      long[] end,
      int channels,
      int depth,
      boolean lyndonWords,
      float[] out) {
    NativeLibrary.check(
        Native.ssm_log_signature_forward_f32(
            values, begin, end, begin.length, channels, depth, lyndonWords ? 1 : 0, out),
        "ssm_log_signature_forward_f32");
  }

  @Override
  public void logBackward(
      float[] values,
      long[] begin,
      long[] end,
      int channels,
      int depth,
      boolean lyndonWords,
      float[] gradients,
      float[] out) {
    NativeLibrary.check(
        Native.ssm_log_signature_backward_f32(
            values, begin, end, begin.length, channels, depth, lyndonWords ? 1 : 0, gradients, out),
        "ssm_log_signature_backward_f32");
  }

  @Override
  public void backward(
      double[] values,
      long[] begin,
      long[] end,
      int channels,
      int depth,
      double[] signatures,
      double[] gradients,
      double[] out) {
    NativeLibrary.check(
        Native.ssm_signature_backward_f64(
            values, begin, end, begin.length, channels, depth, signatures, gradients, out),
        "ssm_signature_backward_f64");
  }

  @Override
  public void logForward(
      double[] values,
      long[] begin,
      long[] end,
      int channels,
      int depth,
      boolean lyndonWords,
      double[] out) {
    NativeLibrary.check(
        Native.ssm_log_signature_forward_f64(
            values, begin, end, begin.length, channels, depth, lyndonWords ? 1 : 0, out),
        "ssm_log_signature_forward_f64");
  }

  @Override
  public void logBackward(
      double[] values,
      long[] begin,
      long[] end,
      int channels,
      int depth,
      boolean lyndonWords,
      double[] gradients,
      double[] out) {
    NativeLibrary.check(
        Native.ssm_log_signature_backward_f64(
            values, begin, end, begin.length, channels, depth, lyndonWords ? 1 : 0, gradients, out),
        "ssm_log_signature_backward_f64");
  }

  private static boolean isShort(long[] begin, long[] end, int outLength) {
    long rows = 0;
    for (int b = 0; b < begin.length; b++) {
      rows += end[b] - begin[b];
    }
    return (double) rows * outLength <= PINNED_WORK * Math.max(1, begin.length);
  }
}
