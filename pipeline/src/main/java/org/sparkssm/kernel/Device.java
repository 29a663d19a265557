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
   * Kernels on this device, for one thread.
   *
   * @throws InvalidInputException if this machine lacks it
   */
  public Kernels open() {
    return switch (this) {
      case AUTO -> best();
      case CPU -> host();
      case GPU ->
          throw new InvalidInputException(
              "device gpu is not available here: this build has no CUDA kernels");
      case REFERENCE -> new ReferenceKernels(Precision.FLOAT);
    };
  }

  private static Kernels host() {
    Optional<String> reason = HostKernels.unavailableReason();
    if (reason.isPresent()) {
      throw new InvalidInputException("device cpu is not available here: " + reason.get());
    }
    return new HostKernels();
  }

  private static Kernels best() {
    Optional<String> reason = HostKernels.unavailableReason();
    Kernels kernels = reason.isEmpty() ? new HostKernels() : new ReferenceKernels(Precision.FLOAT);
    if (ANNOUNCED.compareAndSet(false, true)) {
      if (reason.isEmpty()) {
        LOG.info("Models run on the kernels {}", kernels.description());
      } else {
        LOG.warn("Models run on the kernels {}: {}", kernels.description(), reason.get());
      }
    }
    return kernels;
  }
}
