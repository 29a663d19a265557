package org.sparkssm.kernel;

import java.util.Arrays;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.sparkssm.data.InvalidInputException;

/** Where a model's arithmetic runs; the words are those of {@code spark.ssm.device}. */
public enum Device {
  /** The best one this machine has; what was taken and why is logged once. */
  AUTO("auto"),
  /** The native kernels on the CPU. */
  CPU("cpu"),
  /** An NVIDIA GPU. */
  GPU("gpu"),
  /** Plain Java in single precision: works everywhere, slowly. */
  REFERENCE("reference");

  private static final Logger LOG = LoggerFactory.getLogger(Device.class);
  private static final AtomicBoolean ANNOUNCED = new AtomicBoolean();

  private final String word;

  Device(String word) {
    this.word = word;
  }

  /** The word for it in options. */
  public String word() {
    return word;
  }

  /**
   * The device of that word.
   *
   * @throws InvalidInputException for another word
   */
  public static Device of(String word) {
    return Arrays.stream(values())
        .filter(device -> device.word.equals(word))
        .findFirst()
        .orElseThrow(
            () ->
                new InvalidInputException(
                    "device is '" + word + "', expected auto, cpu, gpu or reference"));
  }

  /**
   * Kernels on this device, for one thread; a GPU is the first one.
   *
   * @throws InvalidInputException if this machine lacks it
   */
  public Kernels open() {
    return open(GpuSettings.FIRST);
  }

  /**
   * Kernels on this device, for one thread.
   *
   * @param gpu nullable: the GPU that may be taken; null: {@link #AUTO} takes none, and {@link
   *     #GPU} the first one
   * @throws InvalidInputException if this machine lacks it
   */
  public Kernels open(GpuSettings gpu) {
    return switch (this) {
      case AUTO -> best(gpu);
      case CPU -> host();
      case GPU -> cuda(gpu == null ? GpuSettings.FIRST : gpu);
      case REFERENCE -> new ReferenceKernels(Precision.FLOAT);
    };
  }

  private static Kernels cuda(GpuSettings gpu) {
    Optional<String> reason = CudaKernels.unavailableReason(gpu);
    if (reason.isPresent()) {
      throw new InvalidInputException("device gpu is not available here: " + reason.get());
    }
    return new CudaKernels(gpu);
  }

  private static Kernels host() {
    Optional<String> reason = HostKernels.unavailableReason();
    if (reason.isPresent()) {
      throw new InvalidInputException("device cpu is not available here: " + reason.get());
    }
    return new HostKernels();
  }

  private static Kernels best(GpuSettings gpu) {
    Optional<String> noGpu =
        gpu == null
            ? Optional.of("no GPU was assigned to the task")
            : CudaKernels.unavailableReason(gpu);
    if (noGpu.isEmpty()) {
      Kernels kernels = new CudaKernels(gpu);
      announce(kernels, "");
      return kernels;
    }
    Optional<String> noHost = HostKernels.unavailableReason();
    Kernels kernels = noHost.isEmpty() ? new HostKernels() : new ReferenceKernels(Precision.FLOAT);
    String reasons = " (no GPU: " + noGpu.get() + noHost.map(why -> "; " + why).orElse("") + ")";
    announce(kernels, reasons);
    return kernels;
  }

  private static void announce(Kernels kernels, String reasons) {
    if (ANNOUNCED.compareAndSet(false, true)) {
      String sentence = "Models run on the kernels " + kernels.description() + reasons;
      if (kernels instanceof ReferenceKernels) {
        LOG.warn(sentence);
      } else {
        LOG.info(sentence);
      }
    }
  }
}
