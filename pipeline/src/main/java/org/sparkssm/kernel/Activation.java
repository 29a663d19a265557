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
  RELU
}
