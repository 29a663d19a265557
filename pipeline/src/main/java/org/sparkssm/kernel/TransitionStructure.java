package org.sparkssm.kernel;

import java.util.Arrays;

/**
 * The shape of the transition {@code M(c)} of a linear controlled differential equation with N
 * states, given by P coefficients c (Walker et al. 2025, arXiv 2505.17761, section 3, which call
 * them SLiCEs):
 *
 * <table>
 * <caption>Structures</caption>
 * <tr><th>structure</th><th>coefficients</th><th>M</th></tr>
 * <tr><td>block-diagonal</td><td>[N / b, b, b]</td><td>block k acts on states k b to k b + b - 1;
 *     b = 1 is diagonal, b = N dense</td></tr>
 * <tr><td>diagonal plus low rank</td><td>d [N], U [N, r], V [N, r]</td><td>{@code diag(d) + U V^T}
 *     </td></tr>
 * <tr><td>Walsh-Hadamard</td><td>[N]</td><td>{@code H diag(c)}, {@code H_ij = (-1)^popcount(i and
 *     j) / sqrt(N)}; N is a power of two</td></tr>
 * <tr><td>sparse</td><td>[entries]</td><td>c at the given places, row by row</td></tr>
 * </table>
 */
public final class TransitionStructure {
  /** The kinds of structure. */
  enum Kind {
    BLOCK_DIAGONAL,
    DIAGONAL_PLUS_LOW_RANK,
    WALSH_HADAMARD,
    SPARSE
  }

  private final Kind kind;
  private final int states;
  private final int size;
  private final int[] rowBegin;
  private final int[] columns;
  private final int coefficients;

  private TransitionStructure(
      Kind kind, int states, int size, int[] rowBegin, int[] columns, long coefficients) {
    if (states < 1 || coefficients > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          "no transition has " + states + " states and " + coefficients + " coefficients");
    }
    this.kind = kind;
    this.states = states;
    this.size = size;
    this.rowBegin = rowBegin;
    this.columns = columns;
    this.coefficients = (int) coefficients;
  }

  /** Whether every state acts on itself alone. */
  public boolean isDiagonal() {
    return kind == Kind.BLOCK_DIAGONAL && size == 1;
  }

  /** Every entry of M. */
  public static TransitionStructure dense(int states) {
    return blockDiagonal(states, states);
  }

  /**
   * Blocks of {@code block} states.
   *
   * @throws IllegalArgumentException unless {@code block} divides {@code states}
   */
  public static TransitionStructure blockDiagonal(int states, int block) {
    if (block < 1 || states % block != 0) {
      throw new IllegalArgumentException("blocks of " + block + " do not divide " + states);
    }
    return new TransitionStructure(
        Kind.BLOCK_DIAGONAL, states, block, null, null, (long) states * block);
  }

  public static TransitionStructure diagonalPlusLowRank(int states, int rank) {
    return new TransitionStructure(
        Kind.DIAGONAL_PLUS_LOW_RANK, states, rank, null, null, states * (1 + 2L * rank));
  }

  /**
   * H times a diagonal.
   *
   * @throws IllegalArgumentException unless {@code states} is a power of two
   */
  public static TransitionStructure walshHadamard(int states) {
    if (Integer.bitCount(states) != 1) {
      throw new IllegalArgumentException(states + " is not a power of two");
    }
    return new TransitionStructure(Kind.WALSH_HADAMARD, states, 0, null, null, states);
  }

  /**
   * Entries at given places.
   *
   * @param rowBegin N + 1 of them: row i has the entries rowBegin[i] to rowBegin[i + 1] - 1
   * @param columns of the entries
   */
  public static TransitionStructure sparse(int[] rowBegin, int[] columns) {
    int states = rowBegin.length - 1;
    boolean fits = rowBegin[0] == 0 && rowBegin[states] == columns.length;
    for (int i = 0; i < states; i++) {
      fits &= rowBegin[i] <= rowBegin[i + 1];
    }
    if (!fits || Arrays.stream(columns).anyMatch(c -> c < 0 || c >= states)) {
      throw new IllegalArgumentException("the entries do not fit " + states + " states");
    }
    return new TransitionStructure(
        Kind.SPARSE, states, 0, rowBegin.clone(), columns.clone(), columns.length);
  }

  Kind kind() {
    return kind;
  }

  /** N. */
  public int states() {
    return states;
  }

  /** P. */
  public int coefficients() {
    return coefficients;
  }

  /** Block size or rank. */
  int size() {
    return size;
  }

  /** Null unless sparse. */
  int[] rowBegin() {
    return rowBegin;
  }

  /** Null unless sparse. */
  int[] columns() {
    return columns;
  }

  @Override
  public String toString() {
    return kind + "[N=" + states + ", P=" + coefficients + "]";
  }
}
