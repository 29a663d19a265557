package org.sparkssm.kernel;

/** The cells of {@link RecurrentScan}. */
public enum RecurrentCell {
  /** {@code h_l = tanh(p_l + W h_{l-1})}; the state is h. */
  TANH(1, 1),
  /**
   * Hochreiter and Schmidhuber 1997, with a forget gate (Gers et al. 2000): {@code (i, f, g, o) =
   * p_l + W h_{l-1}, c_l = sig(f) c_{l-1} + sig(i) tanh(g), h_l = sig(o) tanh(c_l)}; the state is
   * (h, c).
   */
  LSTM(4, 2);

  private final int gates;
  private final int parts;

  RecurrentCell(int gates, int parts) {
    this.gates = gates;
    this.parts = parts;
  }

  /** Columns of p per hidden unit. */
  public int gates() {
    return gates;
  }

  /** Columns of the state per hidden unit. */
  public int stateParts() {
    return parts;
  }
}
