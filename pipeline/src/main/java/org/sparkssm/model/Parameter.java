package org.sparkssm.model;

/**
 * A trained tensor: its place in the vector of all parameters.
 *
 * @param name as in the weights file, for example {@code blocks.0.layer.in_proj.weight}
 * @param offset of its first element
 * @param decayed whether weight decay applies (to matrices, not to biases, gains and transitions)
 */
public record Parameter(
    String name, int rows, int columns, int offset, boolean decayed, Initializer initializer) {

  public int size() {
    return rows * columns;
  }
}
