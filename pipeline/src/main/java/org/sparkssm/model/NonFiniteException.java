package org.sparkssm.model;

/** A number in a model became NaN or infinite; the message says where. */
public final class NonFiniteException extends ArithmeticException {
  private static final long serialVersionUID = 1L;

  public NonFiniteException(String message) {
    super(message);
  }
}
