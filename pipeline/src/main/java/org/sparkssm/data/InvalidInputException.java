package org.sparkssm.data;

/**
 * Input that the caller can mend: a missing column, an impossible option, a damaged file.
 *
 * <p>The message is one sentence that names what was wrong, where, what was found and what was
 * expected; jobs print it without a stack trace and exit with status 2.
 */
public final class InvalidInputException extends IllegalArgumentException {
  private static final long serialVersionUID = 1L;

  public InvalidInputException(String message) {
    super(message);
  }

  public InvalidInputException(String message, Throwable cause) {
    super(message, cause);
  }
}
