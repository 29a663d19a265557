package org.sparkssm.kernel;

import static org.sparkssm.kernel.CudaKernels.check;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Packs an {@link Upload} into words of 32 bits, as the library of the GPU takes it. */
final class CudaUpload {
  /** Words of which the beginning of every piece is a multiple, as SSM_CUDA_PIECE_WORDS. */
  private static final int ALIGNMENT = 64;

  /** As SSM_CUDA_PIECE_MATRIX. */
  private static final int MATRIX = 0;

  /** As ssm_cuda_piece: kind, first word, words, vocabulary. */
  private final List<long[]> pieces = new ArrayList<>();

  private int size;

  private CudaUpload() {}

  /** The tensors of an upload. */
  static List<Tensor> run(CudaKernels kernels, Upload upload) {
    CudaUpload packed = new CudaUpload();
    int[] words = packed.pack(upload);
    long[] address = new long[1];
    check(
        CudaNative.ssm_cuda_upload(
            kernels.context(),
            words,
            words.length,
            packed.pieces.stream().flatMapToLong(Arrays::stream).toArray(),
            packed.pieces.size(),
            address));
    List<Tensor> tensors = new ArrayList<>();
    for (Upload.Matrix matrix : upload.matrices()) {
      long first = packed.pieces.get(tensors.size())[1];
      tensors.add(
          new CudaTensor(
              kernels,
              address[0] + Float.BYTES * first,
              matrix.rows(),
              matrix.columns(),
              matrix.columns()));
    }
    return tensors;
  }

  private int[] pack(Upload upload) {
    for (Upload.Matrix matrix : upload.matrices()) {
      place(MATRIX, matrix.values().length, 0);
    }
    for (Upload.Array array : upload.arrays()) {
      place(code(array.kind()), array.words(), array.vocabulary());
    }
    int[] words = new int[size];
    int piece = 0;
    for (Upload.Matrix matrix : upload.matrices()) {
      int first = first(piece++);
      for (int i = 0; i < matrix.values().length; i++) {
        words[first + i] = Float.floatToRawIntBits((float) matrix.values()[i]);
      }
    }
    for (Upload.Array array : upload.arrays()) {
      array.content().accept(words, first(piece++));
    }
    return words;
  }

  /** As ssm_cuda_piece_kind. */
  private static int code(Upload.Kind kind) {
    return switch (kind) {
      case PLAIN -> 1;
      case OFFSETS -> 2;
      case TOKENS -> 3;
    };
  }

  private void place(int kind, int words, int vocabulary) {
    int first = Math.addExact(size, ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    pieces.add(new long[] {kind, first, words, vocabulary});
    size = Math.addExact(first, words);
  }

  private int first(int piece) {
    return Math.toIntExact(pieces.get(piece)[1]);
  }
}
