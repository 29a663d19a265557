package org.sparkssm.bench;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import org.sparkssm.kernel.Kernels;
import org.sparkssm.kernel.Segments;
import org.sparkssm.kernel.Tensor;

/**
 * The operands of one thread: its sequences of the arrays in a folder, files {@code NAME.f32} of
 * little-endian numbers in row-major order.
 *
 * @param first its first sequence
 * @param end after its last sequence
 * @param length of every sequence
 */
record Operands(Kernels kernels, Path folder, int first, int end, int length) {

  Segments segments() {
    return Segments.uniform(end - first, length);
  }

  int rows() {
    return (end - first) * length;
  }

  /** An array of one row a step, of which the thread takes those of its sequences. */
  Tensor ofSteps(String name, int columns) {
    return read(name, (long) first * length, rows(), columns);
  }

  /** An array of one row a sequence. */
  Tensor ofSequences(String name, int columns) {
    return read(name, first, end - first, columns);
  }

  /** An array that all threads use. */
  Tensor shared(String name, int rows, int columns) {
    return read(name, 0, rows, columns);
  }

  Tensor steps(int columns) {
    return kernels.zeros(rows(), columns);
  }

  Tensor sequences(int columns) {
    return kernels.zeros(end - first, columns);
  }

  private Tensor read(String name, long from, int rows, int columns) {
    try {
      ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(folder.resolve(name + ".f32")));
      float[] values = new float[rows * columns];
      bytes
          .order(ByteOrder.LITTLE_ENDIAN)
          .asFloatBuffer()
          .position(Math.toIntExact(from * columns))
          .get(values);
      Tensor tensor = kernels.allocate(rows, columns);
      kernels.write(tensor, values, 0);
      return tensor;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
