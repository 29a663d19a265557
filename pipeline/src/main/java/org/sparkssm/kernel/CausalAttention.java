package org.sparkssm.kernel;

/**
 * The operands of causal softmax attention (Vaswani et al. 2017, section 3.2.1) over a packed
 * batch, for each of H heads:
 *
 * <pre>
 * o_l = sum over s at most l of softmax_s(q_l . k_s / sqrt(K)) v_s
 * </pre>
 *
 * <p>The queries of a sequence are its last rows: sequence b has as many queries as {@code
 * segments} says, and its query i sees the first {@code length of keys - length of queries + i + 1}
 * keys. In training both are the same. Memory is linear in the length: scores exist block by block
 * (Dao et al. 2022, arXiv 2205.14135).
 *
 * @param segments of the queries, T rows
 * @param keySegments of the keys, T' rows, each sequence at least as long as its queries
 * @param heads H
 * @param q [T, H K]
 * @param k [T', H K]
 * @param v [T', H V]
 * @param o [T, H V], out. The backward needs it.
 * @param logSums [T, H], out: the logarithm of each softmax's denominator. The backward needs it.
 */
public record CausalAttention(
    Segments segments,
    Segments keySegments,
    int heads,
    Tensor q,
    Tensor k,
    Tensor v,
    Tensor o,
    Tensor logSums) {

  /**
   * The operands of the backward pass, in the shapes of what they are gradients of.
   *
   * @param dO [T, H V]
   * @param dq out
   * @param dk out
   * @param dv out
   */
  public record Gradients(Tensor dO, Tensor dq, Tensor dk, Tensor dv) {}
}
