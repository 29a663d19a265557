package org.sparkssm.kernel;

import java.io.IOException;
import java.util.Optional;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Loader;

/**
 * Finds, unpacks and loads the native kernels, once per JVM.
 *
 * <p>The library travels in the jar under {@code org/sparkssm/kernel/native/PLATFORM/} and is
 * unpacked to the folder named by the system property {@value #CACHE_PROPERTY}, or else by the
 * environment variable {@code SPARK_SSM_CACHE}, or else to {@code spark-ssm-native} below {@code
 * java.io.tmpdir}. Its name carries a hash of its content, so a cache never serves a stale one, and
 * it is moved into place whole, so that processes may share the folder.
 */
public final class NativeLibrary {
  /** System property that names the folder the library is unpacked to. */
  public static final String CACHE_PROPERTY = "spark.ssm.nativeCache";

  /**
   * System property that names the instruction set to use; {@code auto} (the default) takes the
   * best one.
   */
  public static final String TARGET_PROPERTY = "spark.ssm.cpuTarget";

  private static final int ABI_VERSION = 1;

  private NativeLibrary() {}

  /** Whether the native kernels can be used in this JVM. */
  public static boolean isAvailable() {
    return State.FAILURE == null;
  }

  /** Why the native kernels cannot be used, in one sentence; empty if they can. */
  public static Optional<String> unavailableReason() {
    return Optional.ofNullable(State.FAILURE);
  }

  /**
   * Loads the library if that has not happened yet.
   *
   * @throws IllegalStateException if there is no library for this machine, with the reason
   */
  public static void requireLoaded() {
    if (State.FAILURE != null) {
      throw new IllegalStateException(State.FAILURE);
    }
  }

  /** The instruction set in use, for example {@code x86-64-v4}. */
  public static String targetName() {
    requireLoaded();
    return Native.ssm_target_name().getString();
  }

  /**
   * Turns the status of a native function into an exception.
   *
   * @param status what the function returned
   * @param function the function's name, for the message
   */
  public static void check(int status, String function) {
    switch (status) {
      case 0 -> {}
      case 1 ->
          throw new IllegalArgumentException(
              function + ": an argument has an impossible size or value");
      case 2 ->
          throw new OutOfMemoryError(function + ": no native memory left for its working space");
      default -> throw new IllegalStateException(function + " failed with status " + status);
    }
  }

  /** Loads at first use; holds the reason if that failed. */
  private static final class State {
    static final String FAILURE = load();

    private State() {}

    private static String load() {
      String platform = Loader.getPlatform();
      try {
        if (!PackagedLibrary.load(platform)) {
          return "this build of spark-ssm has no native kernels for " + platform;
        }
        int version = Native.ssm_abi_version();
        if (version != ABI_VERSION) {
          return "the native kernels have ABI version " + version + ", expected " + ABI_VERSION;
        }
        return selectTarget();
      } catch (IOException | LinkageError | SecurityException e) {
        return "the native kernels for " + platform + " could not be loaded: " + e.getMessage();
      }
    }

    private static String selectTarget() {
      String target = System.getProperty(TARGET_PROPERTY, "auto");
      try (BytePointer name = new BytePointer(target)) {
        if (Native.ssm_target_select(name) != 0) {
          return TARGET_PROPERTY
              + "="
              + target
              + " names no instruction set that this machine and this build have";
        }
      }
      return null;
    }
  }
}
