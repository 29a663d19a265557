package org.sparkssm.kernel;

import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.annotation.Cast;
import org.bytedeco.javacpp.annotation.Const;
import org.bytedeco.javacpp.annotation.CriticalRegion;
import org.bytedeco.javacpp.annotation.Name;
import org.bytedeco.javacpp.annotation.NoException;
import org.bytedeco.javacpp.annotation.Platform;

/**
 * The C functions of {@code include/ssm.h}, one method each; the only class with native methods.
 *
 * <p>Call {@link NativeLibrary#requireLoaded()} first. Statuses become exceptions by {@link
 * NativeLibrary#check(int, String)}.
 */
@Platform(include = "ssm.h")
@NoException
public final class Native {
  private Native() {}

  /** The version of the C ABI in the loaded library. */
  public static native int ssm_abi_version();

  /** The instruction set in use, for example {@code x86-64-v4}. */
  public static native @Cast("const char*") BytePointer ssm_target_name();

  /** Selects the instruction set by name, or the best one by {@code auto}. */
  public static native int ssm_target_select(@Cast("const char*") BytePointer name);

  /** Signatures of packed sequences; the arrays are copied to and from native memory. */
  public static native int ssm_signature_forward_f32(
      @Const float[] values,
      @Cast("const int64_t*") long[] begin,
      @Cast("const int64_t*") long[] end,
      long batch,
      int channels,
      int depth,
      float[] out);

  /** Signatures of packed sequences in double; the arrays are copied to and from native memory. */
  public static native int ssm_signature_forward_f64(
      @Const double[] values,
      @Cast("const int64_t*") long[] begin,
      @Cast("const int64_t*") long[] end,
      long batch,
      int channels,
      int depth,
      double[] out);

  /** Like {@link #ssm_signature_forward_f32} without copies; holds back the garbage collector. */
  @CriticalRegion
  @Name("ssm_signature_forward_f32")
  public static native int ssm_signature_forward_f32_critical(
      @Const float[] values,
      @Cast("const int64_t*") long[] begin,
      @Cast("const int64_t*") long[] end,
      long batch,
      int channels,
      int depth,
      float[] out);

  /** Like {@link #ssm_signature_forward_f64} without copies; holds back the garbage collector. */
  @CriticalRegion
  @Name("ssm_signature_forward_f64")
  public static native int ssm_signature_forward_f64_critical(
      @Const double[] values,
      @Cast("const int64_t*") long[] begin,
      @Cast("const int64_t*") long[] end,
      long batch,
      int channels,
      int depth,
      double[] out);
}
