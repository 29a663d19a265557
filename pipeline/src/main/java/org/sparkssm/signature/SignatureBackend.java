package org.sparkssm.signature;

/**
 * The arithmetic of signatures over packed batches. Arguments have been checked; sequence b is the
 * rows {@code begin[b] .. end[b]} of {@code values}, and results of sequence b begin at {@code b *
 * width}.
 */
interface SignatureBackend {
  /** Signatures in float: {@code out} is {@code [batch, width]}. */
  void forward(float[] values, long[] begin, long[] end, int channels, int depth, float[] out);

  /** Signatures in double: {@code out} is {@code [batch, width]}. */
  void forward(double[] values, long[] begin, long[] end, int channels, int depth, double[] out);

  /**
   * Gradients of signatures with respect to the paths in float.
   *
   * @param signatures what {@link #forward(float[], long[], long[], int, int, float[]) forward}
   *     gave
   * @param out as long as {@code values}; added to
   */
  void backward(
      float[] values,
      long[] begin,
      long[] end,
      int channels,
      int depth,
      float[] signatures,
      float[] gradients,
      float[] out);

  /**
   * Log-signatures in float at all words, or at the Lyndon words: {@code out} is {@code [batch,
   * coordinates]}.
   */
  void logForward(
      float[] values,
      long[] begin,
      long[] end,
      int channels,
      int depth,
      boolean lyndonWords,
      float[] out);

  /** Gradients of log-signatures with respect to the paths in float, added to {@code out}. */
  void logBackward(
      float[] values,
      long[] begin,
      long[] end,
      int channels,
      int depth,
      boolean lyndonWords,
      float[] gradients,
      float[] out);

  /**
   * Gradients of signatures with respect to the paths in double.
   *
   * @param signatures what {@link #forward(double[], long[], long[], int, int, double[]) forward}
   *     gave
   * @param out as long as {@code values}; added to
   */
  void backward(
      double[] values,
      long[] begin,
      long[] end,
      int channels,
      int depth,
      double[] signatures,
      double[] gradients,
      double[] out);

  /**
   * Log-signatures in double at all words, or at the Lyndon words: {@code out} is {@code [batch,
   * coordinates]}.
   */
  void logForward(
      double[] values,
      long[] begin,
      long[] end,
      int channels,
      int depth,
      boolean lyndonWords,
      double[] out);

  /** Gradients of log-signatures with respect to the paths in double, added to {@code out}. */
  void logBackward(
      double[] values,
      long[] begin,
      long[] end,
      int channels,
      int depth,
      boolean lyndonWords,
      double[] gradients,
      double[] out);
}
