package org.sparkssm.kernel;

import java.util.Arrays;
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
      case REFERENCE -> new ReferenceKernels(Precision.FLOAT);
      case AUTO -> fallback();
      case CPU, GPU ->
          throw new InvalidInputException(
              "device " + word + " is not available here: this build has no model kernels for it");
    };
  }

  private static Kernels fallback() {
    if (ANNOUNCED.compareAndSet(false, true)) {
      LOG.warn("Models run on the reference kernels (plain Java): there are no others here");
    }
    return new ReferenceKernels(Precision.FLOAT);
  }
}
