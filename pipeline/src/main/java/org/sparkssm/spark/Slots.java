package org.sparkssm.spark;

import java.time.Duration;
import java.util.concurrent.CancellationException;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.resource.ResourceProfile$;
import org.sparkssm.data.InvalidInputException;

/** How many tasks an application can run at once, which is what a barrier job must not exceed. */
final class Slots {
  private static final int POLL_MILLIS = 100;

  private Slots() {}

  /** Now, busy ones included: the count that Spark itself checks a barrier job against. */
  static int now(JavaSparkContext context) {
    return context
        .sc()
        .maxNumConcurrentTasks(
            ResourceProfile$.MODULE$.getOrCreateDefaultProfile(context.getConf()));
  }

  /** How many the settings ask the cluster manager for; 1 if they do not say. */
  static int asked(SparkConf conf) {
    int taskCores = conf.getInt("spark.task.cpus", 1);
    int cores = conf.getInt("spark.cores.max", 0);
    if (conf.contains("spark.executor.instances")) {
      cores =
          conf.getInt("spark.executor.instances", 0)
              * conf.getInt("spark.executor.cores", taskCores);
    }
    return Math.max(1, cores / taskCores);
  }

  /**
   * Waits for executors.
   *
   * @param wanted after which it waits no longer
   * @return what there is when the time is over, or {@code wanted}
   * @throws InvalidInputException if there is none
   */
  static int await(JavaSparkContext context, int wanted, Duration timeout) {
    long deadline = System.nanoTime() + timeout.toNanos();
    int slots = now(context);
    try {
      while (slots < wanted && System.nanoTime() - deadline < 0) {
        Thread.sleep(POLL_MILLIS);
        slots = now(context);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new CancellationException("the training was interrupted");
    }
    if (slots == 0) {
      throw new InvalidInputException(
          "training in barrier mode needs at least one slot for a task (%s cores of an executor), "
                  .formatted(context.getConf().get("spark.task.cpus", "1"))
              + "found none after waiting %d s: check the cluster's free cores and memory, or use mode elastic"
                  .formatted(timeout.toSeconds()));
    }
    return slots;
  }
}
