package org.sparkssm.kernel;

import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.openblas.global.openblas_nolapack;
import org.nd4j.linalg.factory.Nd4j;

/**
 * ND4J's BLAS, held at one thread: with one thread a product's bits depend on its operands alone.
 *
 * <p>{@code sgemm} of the library that ND4J has loaded (OpenBLAS without LAPACK; the one with it is
 * another library with threads of its own) is called directly: on the same operands {@code
 * Nd4j.gemm} takes 20 to 40 microseconds more, this call 0.05.
 */
final class HostBlas {
  private final Window left = new Window();
  private final Window right = new Window();
  private final Window result = new Window();

  /** Loads ND4J if that has not happened yet. */
  HostBlas() {
    Held.check();
  }

  /** {@code c = alpha op(a) op(b) + beta c}; shapes have been checked and none is empty. */
  void gemm(
      boolean transposeA,
      boolean transposeB,
      double alpha,
      HostTensor a,
      HostTensor b,
      double beta,
      HostTensor c) {
    openblas_nolapack.cblas_sgemm(
        openblas_nolapack.CblasRowMajor,
        transposeA ? openblas_nolapack.CblasTrans : openblas_nolapack.CblasNoTrans,
        transposeB ? openblas_nolapack.CblasTrans : openblas_nolapack.CblasNoTrans,
        c.rows(),
        c.columns(),
        transposeA ? a.rows() : a.columns(),
        (float) alpha,
        left.at(a.address()),
        a.stride(),
        right.at(b.address()),
        b.stride(),
        (float) beta,
        result.at(c.address()),
        c.stride());
  }

  /** Name and version of the library, and which of its kernels it uses. */
  static String description() {
    Held.check();
    return openblas_nolapack.OPENBLAS_VERSION.strip()
        + " "
        + Native.ssm_blas_core_name().getString();
  }

  /** A pointer that is moved rather than made anew. */
  static final class Window extends FloatPointer {
    Window at(long newAddress) {
      address = newAddress;
      return this;
    }
  }

  /** Sets the number of threads once, before the first product, and reads it back. */
  private static final class Held {
    static final int THREADS = hold();

    private Held() {}

    static int hold() {
      Nd4j.getEnvironment().setMaxThreads(1);
      Nd4j.getEnvironment().setMaxMasterThreads(1);
      Nd4j.factory().blas().setMaxThreads(1);
      return Math.max(
          Nd4j.factory().blas().getMaxThreads(), openblas_nolapack.blas_get_num_threads());
    }

    static void check() {
      if (THREADS != 1) {
        throw new IllegalStateException(
            "the BLAS library of ND4J runs "
                + THREADS
                + " threads, expected 1: start the JVM with OMP_NUM_THREADS=1");
      }
    }
  }
}
