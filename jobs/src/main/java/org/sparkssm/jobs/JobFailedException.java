package org.sparkssm.jobs;

/** A job that ran and did not reach what was asked of it; its message is one sentence. */
public final class JobFailedException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public JobFailedException(String message) {
    super(message);
  }
}
