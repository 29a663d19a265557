package org.sparkssm.sql;

import java.util.Arrays;
import org.apache.spark.sql.catalyst.expressions.UnsafeArrayData;
import org.apache.spark.sql.catalyst.util.ArrayData;
import org.apache.spark.sql.catalyst.util.GenericArrayData;
import org.apache.spark.unsafe.types.UTF8String;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.signature.LogSignature;
import org.sparkssm.signature.LogSignatureBasis;
import org.sparkssm.signature.PathTransform;
import org.sparkssm.signature.Signature;
import org.sparkssm.signature.SignatureKernel;
import org.sparkssm.signature.SignatureSize;
import org.sparkssm.signature.TensorAlgebra;
import org.sparkssm.signature.Window;
import org.sparkssm.signature.Words;

/**
 * The functions themselves, called by generated code with arguments that were checked at analysis:
 * each turns array values into primitive arrays, checks the numbers, and calls the library.
 */
public final class PathValues {
  private static final int FIRST_NON_FINITE = Float.floatToRawIntBits(Float.POSITIVE_INFINITY);

  private PathValues() {}

  public static ArrayData signatureFloat(ArrayData values, int channels, int depth) {
    return array(Signature.of(floats("path_signature", values, channels), channels, depth));
  }

  public static ArrayData signatureDouble(ArrayData values, int channels, int depth) {
    return array(Signature.of(doubles("path_signature", values, channels), channels, depth));
  }

  public static ArrayData logSignature(
      ArrayData values, int channels, int depth, UTF8String basis) {
    return array(
        LogSignature.of(channels, depth, LogSignatureBasis.of(basis.toString()))
            .ofPath(doubles("path_logsignature", values, channels)));
  }

  public static double signatureKernel(ArrayData x, ArrayData y, int channels, int dyadicOrder) {
    return SignatureKernel.linear(channels, dyadicOrder)
        .of(
            doubles("path_signature_kernel", x, channels),
            doubles("path_signature_kernel", y, channels));
  }

  public static ArrayData timeAugmentFloat(ArrayData values, int channels, ArrayData times) {
    return array(
        PathTransform.timeAugment(
            floats("path_time_augment", values, channels), channels, times.toDoubleArray()));
  }

  public static ArrayData timeAugmentDouble(ArrayData values, int channels, ArrayData times) {
    return array(
        PathTransform.timeAugment(
            doubles("path_time_augment", values, channels), channels, times.toDoubleArray()));
  }

  /** Uniform times from 0 to 1 for a path. */
  public static ArrayData uniformTimes(ArrayData values, int channels) {
    return array(PathTransform.uniformTimes(values.numElements() / channels));
  }

  public static ArrayData transformFloat(
      ArrayData values, int channels, UTF8String transform, UTF8String function) {
    return array(
        PathTransform.of(transform.toString())
            .apply(floats(function.toString(), values, channels), channels, null));
  }

  public static ArrayData transformDouble(
      ArrayData values, int channels, UTF8String transform, UTF8String function) {
    return array(
        PathTransform.of(transform.toString())
            .apply(doubles(function.toString(), values, channels), channels, null));
  }

  public static ArrayData windowsFloat(
      ArrayData values, int channels, UTF8String window, long maxBytes) {
    float[] path = floats("path_windows", values, channels);
    int[] ranges = ranges(window, path.length / channels, channels, Float.BYTES, maxBytes);
    Object[] windows = new Object[ranges.length / 2];
    for (int w = 0; w < windows.length; w++) {
      windows[w] =
          array(Arrays.copyOfRange(path, ranges[2 * w] * channels, ranges[2 * w + 1] * channels));
    }
    return new GenericArrayData(windows);
  }

  public static ArrayData windowsDouble(
      ArrayData values, int channels, UTF8String window, long maxBytes) {
    double[] path = doubles("path_windows", values, channels);
    int[] ranges = ranges(window, path.length / channels, channels, Double.BYTES, maxBytes);
    Object[] windows = new Object[ranges.length / 2];
    for (int w = 0; w < windows.length; w++) {
      windows[w] =
          array(Arrays.copyOfRange(path, ranges[2 * w] * channels, ranges[2 * w + 1] * channels));
    }
    return new GenericArrayData(windows);
  }

  /** The windows of a path, if the points of all of them are within the limit on bytes. */
  private static int[] ranges(
      UTF8String text, int length, int channels, int bytesPerEntry, long maxBytes) {
    Window window = Window.parse(text.toString());
    double count = window.count(length);
    double points =
        switch (window.kind()) {
          case GLOBAL -> length;
          case SLIDING -> count * window.size();
          case EXPANDING -> count * window.size() + window.step() * count * (count - 1) / 2;
          case DYADIC -> (window.size() + 1.0) * length;
        };
    try {
      SignatureSize.requireWithin(
          "the windows "
              + window
              + " of a path of "
              + length
              + " points of "
              + channels
              + " channels",
          (long) (points * channels),
          bytesPerEntry,
          maxBytes);
    } catch (InvalidInputException e) {
      throw new InvalidInputException("path_windows: " + e.getMessage(), e);
    }
    return window.ranges(length);
  }

  public static ArrayData combine(ArrayData a, ArrayData b, int channels, int depth) {
    return array(
        TensorAlgebra.combine(
            finite("signature_combine", a.toDoubleArray()),
            finite("signature_combine", b.toDoubleArray()),
            channels,
            depth));
  }

  public static ArrayData inverse(ArrayData signature, int channels, int depth) {
    return array(
        TensorAlgebra.inverse(
            finite("signature_inverse", signature.toDoubleArray()), channels, depth));
  }

  public static ArrayData log(ArrayData signature, int channels, int depth, UTF8String basis) {
    return array(
        LogSignature.of(channels, depth, LogSignatureBasis.of(basis.toString()))
            .ofSignature(finite("signature_log", signature.toDoubleArray())));
  }

  public static ArrayData words(int channels, int depth) {
    return new GenericArrayData(
        Words.labels(channels, depth).stream().map(UTF8String::fromString).toArray());
  }

  private static float[] floats(String function, ArrayData values, int channels) {
    float[] path = values.toFloatArray();
    requireMultiple(function, path.length, channels);
    // The largest magnitude, as bits: a loop that compiles to vector instructions.
    int largest = 0;
    for (float value : path) {
      largest = Math.max(largest, Float.floatToRawIntBits(value) & Integer.MAX_VALUE);
    }
    if (largest >= FIRST_NON_FINITE) {
      for (int i = 0; i < path.length; i++) {
        requireFinite(function, path[i], i, channels);
      }
    }
    return path;
  }

  private static double[] doubles(String function, ArrayData values, int channels) {
    double[] path = values.toDoubleArray();
    requireMultiple(function, path.length, channels);
    double sum = 0;
    for (double value : path) {
      sum += value * 0;
    }
    if (sum != 0) {
      for (int i = 0; i < path.length; i++) {
        requireFinite(function, path[i], i, channels);
      }
    }
    return path;
  }

  private static double[] finite(String function, double[] signature) {
    for (int w = 0; w < signature.length; w++) {
      if (!Double.isFinite(signature[w])) {
        throw new InvalidInputException(
            function
                + ": a signature has "
                + signature[w]
                + " at position "
                + w
                + ", expected a finite number");
      }
    }
    return signature;
  }

  private static void requireMultiple(String function, int size, int channels) {
    if (size % channels != 0) {
      throw new InvalidInputException(
          function
              + ": a path has "
              + size
              + " values, expected a multiple of "
              + channels
              + " channels");
    }
  }

  private static void requireFinite(String function, double value, int position, int channels) {
    if (!Double.isFinite(value)) {
      throw new InvalidInputException(
          function
              + ": a path has "
              + value
              + " at step "
              + position / channels
              + ", channel "
              + (position % channels + 1)
              + ", expected a finite number");
    }
  }

  private static ArrayData array(float[] values) {
    return UnsafeArrayData.fromPrimitiveArray(values);
  }

  private static ArrayData array(double[] values) {
    return UnsafeArrayData.fromPrimitiveArray(values);
  }
}
