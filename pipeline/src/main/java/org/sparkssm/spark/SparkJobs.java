package org.sparkssm.spark;

import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.spark.SparkException;
import org.apache.spark.SparkThrowable;
import org.apache.spark.api.java.JavaFutureAction;

/** Waiting for Spark jobs, and telling why they ended. */
final class SparkJobs {
  private static final int WAIT_SECONDS = 30;
  private static final String CANCELLED = "SPARK_JOB_CANCELLED";

  private SparkJobs() {}

  /**
   * What a job comes to.
   *
   * @throws CancellationException if this thread is interrupted, which cancels the job, or the job
   *     is cancelled by somebody else
   * @throws IllegalStateException if it fails, with Spark's exception as the cause
   */
  static <T> T result(JavaFutureAction<T> job) {
    return result(job, () -> {});
  }

  /**
   * The same.
   *
   * @param waiting called every half a minute
   */
  static <T> T result(JavaFutureAction<T> job, Runnable waiting) {
    try {
      while (true) {
        try {
          return job.get(WAIT_SECONDS, TimeUnit.SECONDS);
        } catch (TimeoutException e) {
          waiting.run();
        }
      }
    } catch (InterruptedException e) {
      job.cancel(true);
      Thread.currentThread().interrupt();
      throw new CancellationException("the training was interrupted");
    } catch (ExecutionException e) {
      throw failure(e.getCause());
    }
  }

  /** What to throw for a failed job: a cancelled one is not a failure to try again. */
  static RuntimeException failure(Throwable cause) {
    if (cause instanceof SparkThrowable spark && CANCELLED.equals(spark.getCondition())) {
      return new CancellationException("the training was cancelled: " + cause.getMessage());
    }
    return cause instanceof RuntimeException unchecked
        ? unchecked
        : new IllegalStateException(cause.getMessage(), cause);
  }

  /** Whether a failure is one of executors, tasks or machines, and not of the training itself. */
  static boolean mayPass(Throwable failure) {
    for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
      if (cause instanceof SparkException) {
        return Failures.invalidInput(failure).isEmpty();
      }
    }
    return false;
  }
}
