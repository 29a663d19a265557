package org.sparkssm.kernel;

import java.io.IOException;
import java.util.Optional;
import org.bytedeco.javacpp.Loader;

/**
 * Finds, unpacks and loads the kernels for GPUs, once per JVM. They are in a jar of their own
 * (classifier {@code linux-x86_64-cuda}); a class path without it has no GPU and loses nothing
 * else.
 */
final class CudaLibrary {
  private static final int ABI_VERSION = 3;

  private CudaLibrary() {}

  /** Why GPUs cannot be used in this JVM, in one sentence; empty if they can. */
  static Optional<String> unavailableReason() {
    return Optional.ofNullable(State.FAILURE);
  }

  /**
   * Loads the library if that has not happened yet.
   *
   * @throws IllegalStateException if there is none for this machine or no GPU, with the reason
   */
  static void requireLoaded() {
    if (State.FAILURE != null) {
      throw new IllegalStateException(State.FAILURE);
    }
  }

  /** GPUs that this process sees. */
  static int deviceCount() {
    requireLoaded();
    return State.devices;
  }

  /** Loads at first use; holds the reason if that failed. */
  private static final class State {
    static final String FAILURE;
    private static int devices;

    static {
      FAILURE = load();
    }

    private State() {}

    private static String load() {
      String platform = Loader.getPlatform();
      try {
        if (!PackagedLibrary.load(platform + "-cuda")) {
          return "the class path has no CUDA kernels (the jar with classifier "
              + platform
              + "-cuda, built by mvn -Pcuda)";
        }
        int version = CudaNative.ssm_cuda_abi_version();
        if (version != ABI_VERSION) {
          return "the CUDA kernels have ABI version " + version + ", expected " + ABI_VERSION;
        }
        int[] count = new int[1];
        if (CudaNative.ssm_cuda_device_count(count) != 0) {
          return CudaNative.ssm_cuda_error().getString();
        }
        devices = count[0];
        return null;
      } catch (IOException | LinkageError | SecurityException e) {
        return "the CUDA kernels could not be loaded: " + e.getMessage();
      }
    }
  }
}
