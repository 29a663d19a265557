package org.sparkssm.kernel;

import java.util.List;
import java.util.stream.Stream;
import org.bytedeco.javacpp.BytePointer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.sparkssm.testing.KernelsOracle;

class HostKernelsTest {
  /** The instruction sets this machine has. */
  static List<String> targets() {
    List<String> targets =
        Stream.of("x86-64-v2", "x86-64-v3", "x86-64-v4", "generic")
            .filter(HostKernelsTest::select)
            .toList();
    select("auto");
    return targets;
  }

  private static boolean select(String target) {
    NativeLibrary.requireLoaded();
    try (BytePointer name = new BytePointer(target)) {
      return Native.ssm_target_select(name) == 0;
    }
  }

  @AfterEach
  void selectBestTarget() {
    select("auto");
  }

  @ParameterizedTest
  @MethodSource("targets")
  void selectiveScanAgreesWithOracle(String target) {
    select(target);
    try (HostKernels kernels = new HostKernels()) {
      new KernelsOracle(kernels, 1e-5, 1e-3).checkSelectiveScan();
    }
  }

  @ParameterizedTest
  @MethodSource("targets")
  void linearCdeAgreesWithOracle(String target) {
    select(target);
    try (HostKernels kernels = new HostKernels()) {
      new KernelsOracle(kernels, 1e-5, 1e-5).checkLinearCde();
    }
  }

  @ParameterizedTest
  @MethodSource("targets")
  void layersAgreeWithOracle(String target) {
    select(target);
    try (HostKernels kernels = new HostKernels()) {
      new KernelsOracle(kernels, 1e-5, 1e-4).checkLayers();
    }
  }
}
