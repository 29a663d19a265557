package org.sparkssm.jobs;

import java.util.ArrayList;
import java.util.List;
import org.apache.spark.SparkConf;
import org.apache.spark.SparkEnv;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.resource.ResourceProfileBuilder;
import org.apache.spark.resource.TaskResourceRequests;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.kernel.Device;
import org.sparkssm.kernel.GpuSettings;
import org.sparkssm.spark.TaskDevice;

/**
 * A driver whose tasks tell which GPU they were given, a line each: {@code stage EXECUTOR INDEX
 * BYTES}, where a stage is {@code default} or {@code profile} (half a GPU a task). Argument: the
 * master.
 */
final class GpuAddressProgram {
  private static final int TASKS = 8;

  private GpuAddressProgram() {}

  public static void main(String[] arguments) {
    SparkConf configuration =
        new SparkConf()
            .setMaster(arguments[0])
            .setAppName("spark-ssm GPU addresses")
            .set("spark.ui.enabled", "false")
            .set("spark.driver.host", "127.0.0.1")
            .set("spark.driver.bindAddress", "127.0.0.1")
            .set("spark.executor.extraClassPath", System.getProperty("java.class.path"))
            .set("spark.executor.cores", "2")
            .set("spark.executor.memory", "512m")
            .set("spark.executor.resource.gpu.amount", "1")
            .set("spark.task.resource.gpu.amount", "1")
            .set(TaskDevice.GPU_MEMORY, "8g");
    try (JavaSparkContext context = new JavaSparkContext(configuration)) {
      context.setLogLevel("WARN");
      awaitExecutors(context);
      tell("default", numbers(context));
      tell(
          "profile",
          numbers(context)
              .withResources(
                  new ResourceProfileBuilder()
                      .require(new TaskResourceRequests().cpus(1).resource("gpu", 0.5))
                      .build()));
      System.out.println(numbers(context).map(number -> refusal()).first());
    }
    System.out.flush();
    System.exit(0);
  }

  private static JavaRDD<Integer> numbers(JavaSparkContext context) {
    List<Integer> numbers = new ArrayList<>();
    for (int i = 0; i < TASKS; i++) {
      numbers.add(i);
    }
    return context.parallelize(numbers, TASKS);
  }

  /** Two executors, so that the tasks are spread. */
  private static void awaitExecutors(JavaSparkContext context) {
    long deadline = System.nanoTime() + 60_000_000_000L;
    while (context.sc().statusTracker().getExecutorInfos().length < 3) {
      if (System.nanoTime() > deadline) {
        throw new IllegalStateException("the cluster gave fewer than two executors");
      }
      pause();
    }
  }

  private static void tell(String stage, JavaRDD<Integer> numbers) {
    numbers.map(number -> place()).collect().forEach(line -> System.out.println(stage + line));
  }

  private static String place() {
    pause(); // so that no executor takes all tasks
    GpuSettings gpu = TaskDevice.assigned();
    return " " + SparkEnv.get().executorId() + " " + gpu.index() + " " + gpu.memoryBytes();
  }

  private static String refusal() {
    try {
      TaskDevice.open(Device.GPU).close();
      return "opened";
    } catch (InvalidInputException e) {
      return e.getMessage();
    }
  }

  private static void pause() {
    try {
      Thread.sleep(300);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
