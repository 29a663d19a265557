package org.sparkssm.kernel;

/** A GPU could not do what it was asked for, for example because its memory does not suffice. */
public final class DeviceFailure extends RuntimeException {
  private static final long serialVersionUID = 1L;

  DeviceFailure(String message) {
    super(message);
  }
}
