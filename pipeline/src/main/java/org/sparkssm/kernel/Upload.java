package org.sparkssm.kernel;

import java.util.ArrayList;
import java.util.List;
import java.util.function.ObjIntConsumer;

/**
 * Arrays of the processor that a pass over a batch reads, for {@link Kernels#upload}: those that
 * become tensors, and those that operations are given as they are. They are not copied and must not
 * be changed before the upload.
 */
public final class Upload {
  private final List<Matrix> matrices = new ArrayList<>();
  private final List<Array> arrays = new ArrayList<>();

  /** The content of a tensor, dense and row-major. */
  @SuppressWarnings("ArrayRecordComponent") // a carrier, never compared
  record Matrix(int rows, int columns, double[] values) {}

  /** What operations make of an array. */
  enum Kind {
    PLAIN,
    OFFSETS,
    TOKENS
  }

  /**
   * An argument of coming operations.
   *
   * @param words of 32 bits
   * @param vocabulary of tokens, else 0
   * @param content writes the words to an array, from an index on
   */
  record Array(Kind kind, int words, int vocabulary, ObjIntConsumer<int[]> content) {}

  /**
   * A tensor to be made.
   *
   * @param values dense and row-major, rounded as by {@link Kernels#write}
   */
  public Upload tensor(int rows, int columns, double[] values) {
    if (values.length != (long) rows * columns) {
      throw new IllegalArgumentException(
          "upload: " + values.length + " numbers for " + rows + " x " + columns);
    }
    matrices.add(new Matrix(rows, columns, values));
    return this;
  }

  /** How rows fall into sequences. */
  public Upload segments(Segments segments) {
    return integers(Kind.OFFSETS, segments.offsets(), 0);
  }

  /**
   * Tokens of an embedding, one per row.
   *
   * @param vocabulary rows of its table
   */
  public Upload tokens(int[] tokens, int vocabulary) {
    return integers(Kind.TOKENS, tokens, vocabulary);
  }

  /** Targets or positions. */
  public Upload array(int[] values) {
    return integers(Kind.PLAIN, values, 0);
  }

  private Upload integers(Kind kind, int[] values, int vocabulary) {
    arrays.add(
        new Array(
            kind,
            values.length,
            vocabulary,
            (words, first) -> System.arraycopy(values, 0, words, first, values.length)));
    return this;
  }

  /** Weights. */
  public Upload array(float[] values) {
    arrays.add(
        new Array(
            Kind.PLAIN,
            values.length,
            0,
            (words, first) -> {
              for (int i = 0; i < values.length; i++) {
                words[first + i] = Float.floatToRawIntBits(values[i]);
              }
            }));
    return this;
  }

  /** Keys of dropout. */
  public Upload array(long[] values) {
    arrays.add(
        new Array(
            Kind.PLAIN,
            Math.multiplyExact(2, values.length),
            0,
            (words, first) -> {
              for (int i = 0; i < values.length; i++) {
                words[first + 2 * i] = (int) values[i]; // little-endian, as the GPU's
                words[first + 2 * i + 1] = (int) (values[i] >>> Integer.SIZE);
              }
            }));
    return this;
  }

  List<Matrix> matrices() {
    return matrices;
  }

  List<Array> arrays() {
    return arrays;
  }
}
