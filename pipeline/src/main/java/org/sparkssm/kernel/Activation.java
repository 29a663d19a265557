package org.sparkssm.kernel;

/** Element-wise functions between layers. */
public enum Activation {
  /** {@code x}. */
  NONE,
  /** {@code x (1 + erf(x / sqrt 2)) / 2}. */
  GELU,
  /** {@code x sigmoid(x)}. */
  SILU,
  /** {@code tanh x}. */
  TANH,
  /** {@code max(0, x)}. */
  RELU,
  /** {@code 1 / (1 + e^-x)}. */
  SIGMOID,
  /** {@code log(1 + e^x)}, without a linear cut-off. */
  SOFTPLUS
}
