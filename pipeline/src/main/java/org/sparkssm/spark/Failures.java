package org.sparkssm.spark;

import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.spark.SparkThrowable;
import org.sparkssm.data.InvalidInputException;

/** Finds what a user can mend in the exceptions that Spark wraps around it. */
public final class Failures {
  /** How Spark's scheduler renders the cause of a task's failure that it does not pass on. */
  private static final Pattern RENDERED =
      Pattern.compile(Pattern.quote(InvalidInputException.class.getName()) + ": ([^\\n]*)");

  private Failures() {}

  /**
   * The invalid input that made a job fail, on the driver or on an executor; empty if it failed for
   * another reason.
   */
  public static Optional<InvalidInputException> invalidInput(Throwable failure) {
    for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
      if (cause instanceof InvalidInputException invalid) {
        return Optional.of(invalid);
      }
      if (cause instanceof SparkThrowable spark
          && spark.getCondition() != null
          && spark.getCondition().startsWith("FAILED_READ_FILE")) {
        return Optional.of(damaged(spark, cause));
      }
      if (cause.getMessage() != null) {
        Matcher matcher = RENDERED.matcher(cause.getMessage());
        if (matcher.find()) {
          return Optional.of(new InvalidInputException(matcher.group(1), cause));
        }
      }
    }
    return Optional.empty();
  }

  private static InvalidInputException damaged(SparkThrowable failure, Throwable cause) {
    String file = failure.getMessageParameters().getOrDefault("path", "a file");
    return new InvalidInputException(
        file + " is damaged or missing: it cannot be read as Parquet", cause);
  }
}
