package org.sparkssm.kernel;

/** A GPU or its driver could not do what it was asked for. */
public final class DeviceFailure extends RuntimeException {
  private static final long serialVersionUID = 1L;

  DeviceFailure(String message) {
    super(message);
  }
}
