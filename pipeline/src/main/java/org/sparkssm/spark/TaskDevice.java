package org.sparkssm.spark;

import org.apache.spark.SparkConf;
import org.apache.spark.SparkEnv;
import org.apache.spark.TaskContext;
import org.apache.spark.resource.ResourceInformation;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.kernel.Device;
import org.sparkssm.kernel.GpuSettings;
import org.sparkssm.kernel.Kernels;

/**
 * Opens kernels where Spark put the work: a task computes on the GPU whose address is among its
 * resources ({@code spark.task.resource.gpu.amount}, or a stage's resource profile).
 */
public final class TaskDevice {
  /**
   * Most memory of a GPU that one task may hold, for example {@code 8g}, so that several tasks can
   * share it; not set: as much as there is.
   */
  public static final String GPU_MEMORY = "spark.ssm.gpu.memory";

  /** Whether matrix products on a GPU may round their operands to TF32; default false. */
  public static final String GPU_TF32 = "spark.ssm.gpu.tf32";

  private static final String RESOURCE = "gpu";

  private TaskDevice() {}

  /**
   * Kernels for the task that calls this. {@link Device#AUTO} takes the GPU that the task was
   * assigned, and the CPU where there was none; {@link Device#GPU} without an assigned one takes
   * the first that the process sees, as in local mode.
   *
   * @throws InvalidInputException if the machine lacks the device
   */
  public static Kernels open(Device device) {
    GpuSettings assigned = assigned();
    return device.open(
        assigned == null && device == Device.GPU ? settings(GpuSettings.FIRST.index()) : assigned);
  }

  /**
   * Kernels for work of the driver beside its tasks, which Spark assigns no GPU to: the CPU's where
   * tasks have GPUs.
   */
  public static Kernels openOnDriver(Device device) {
    return (device == Device.GPU ? Device.AUTO : device).open(null);
  }

  /**
   * The GPU assigned to the task that calls this, or null.
   *
   * @throws InvalidInputException if its address is not a number
   */
  public static GpuSettings assigned() {
    TaskContext task = TaskContext.get();
    ResourceInformation gpus = task == null ? null : task.resourcesJMap().get(RESOURCE);
    if (gpus == null || gpus.addresses().length == 0) {
      return null;
    }
    String address = gpus.addresses()[0];
    try {
      return settings(Integer.parseInt(address.strip()));
    } catch (NumberFormatException e) {
      throw new InvalidInputException(
          "the task's GPU has the address '"
              + address
              + "', expected its index: use a discovery script that prints indices");
    }
  }

  private static GpuSettings settings(int index) {
    SparkConf conf = SparkEnv.get().conf();
    return new GpuSettings(
        index, conf.getSizeAsBytes(GPU_MEMORY, 0), conf.getBoolean(GPU_TF32, false));
  }
}
