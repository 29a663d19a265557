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
}
