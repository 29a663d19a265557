package org.sparkssm.signature;

import java.util.Arrays;
import org.sparkssm.data.InvalidInputException;

/**
 * The signature of a path that points are appended to, by Chen's identity: after each append that
 * of all points so far. Keeps a signature and the last point. Its gradient with respect to the
 * points is that of {@link Signature#backward} for all of them.
 */
public final class RunningSignature {
  private final int channels;
  private final int depth;
  private double[] signature;
  private double[] last;
  private long length;

  /** No points yet. */
  public RunningSignature(int channels, int depth) {
    this.channels = channels;
    this.depth = depth;
    signature = new double[SignatureSize.arrayWidth(channels, depth)];
    last = new double[0];
  }

  /**
   * Appends points.
   *
   * @param points {@code [number, channels]} row-major; may be empty
   * @throws InvalidInputException if their size is not a multiple of {@code channels}
   */
  public void append(double[] points) {
    int number = Signature.length(points.length, channels);
    if (number == 0) {
      return;
    }
    double[] piece = Arrays.copyOf(last, last.length + points.length);
    System.arraycopy(points, 0, piece, last.length, points.length);
    double[] own = Signature.of(piece, channels, depth);
    signature = length == 0 ? own : TensorAlgebra.combine(signature, own, channels, depth);
    last = Arrays.copyOfRange(points, points.length - channels, points.length);
    length += number;
  }

  /** The signature of all points, a new array; zero before the second point. */
  public double[] signature() {
    return signature.clone();
  }

  /** The number of points. */
  public long length() {
    return length;
  }
}
