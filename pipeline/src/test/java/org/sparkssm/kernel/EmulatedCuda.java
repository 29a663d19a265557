package org.sparkssm.kernel;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Path;

/**
 * The CUDA kernels without a GPU: the sources of the GPU library, compiled for the processor,
 * thread by thread ({@code src/main/native/test/cuda_emulation}).
 */
public final class EmulatedCuda {
  private static final Path LIBRARY =
      Path.of("target", "cuda-emulation", "libjnissm_cuda_emulation.so").toAbsolutePath();

  private EmulatedCuda() {}

  /** Kernels whose memory may be as large as the machine allows. */
  public static CudaKernels open() {
    return open(0);
  }

  static CudaKernels open(long memoryBytes) {
    assumeTrue(NativeLibrary.isAvailable(), "the build found no C++ compiler");
    Loaded.require();
    return CudaKernels.ofLoadedLibrary(new GpuSettings(0, memoryBytes, false));
  }

  private static final class Loaded {
    static {
      System.load(LIBRARY.toString());
    }

    private Loaded() {}

    static void require() {}
  }
}
