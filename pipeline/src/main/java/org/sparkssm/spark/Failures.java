package org.sparkssm.spark;

import java.util.Objects;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
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
    return causes(failure)
        .flatMap(cause -> thrown(cause).stream())
        .findFirst()
        .or(() -> causes(failure).flatMap(cause -> unreadable(cause).stream()).findFirst());
  }

  private static Stream<Throwable> causes(Throwable failure) {
    return Stream.iterate(failure, Objects::nonNull, Throwable::getCause);
  }

  private static Optional<InvalidInputException> thrown(Throwable cause) {
    if (cause instanceof InvalidInputException invalid) {
      return Optional.of(invalid);
    }
    Matcher matcher = RENDERED.matcher(Objects.toString(cause.getMessage(), ""));
    return matcher.find()
        ? Optional.of(new InvalidInputException(matcher.group(1), cause))
        : Optional.empty();
  }

  /** What Spark's readers say about files. */
  private static Optional<InvalidInputException> unreadable(Throwable cause) {
    if (!(cause instanceof SparkThrowable spark)) {
      return Optional.empty();
    }
    String condition = Objects.toString(spark.getCondition(), "");
    if (condition.startsWith("FAILED_READ_FILE")) {
      String file = spark.getMessageParameters().getOrDefault("path", "a file");
      return Optional.of(
          new InvalidInputException(file + " cannot be read: " + rootMessage(cause), cause));
    }
    return Optional.empty();
  }

  private static String rootMessage(Throwable failure) {
    Throwable root = causes(failure).reduce(failure, (outer, inner) -> inner);
    return Objects.toString(root.getMessage(), root.getClass().getSimpleName())
        .lines()
        .findFirst()
        .orElse("");
  }
}
