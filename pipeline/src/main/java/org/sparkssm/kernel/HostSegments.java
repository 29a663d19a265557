package org.sparkssm.kernel;

import static org.sparkssm.kernel.HostKernels.address;
import static org.sparkssm.kernel.HostKernels.check;
import static org.sparkssm.kernel.HostKernels.expect;
import static org.sparkssm.kernel.HostKernels.stride;

/** Differences, readouts and embeddings of {@link HostKernels}: what moves rows along sequences. */
final class HostSegments {
  private HostSegments() {}

  static void differenceForward(
      HostKernels kernels, Segments segments, Tensor x, Tensor before, Tensor y) {
    String operation = "differenceForward";
    HostTensor from = kernels.own(operation, x, segments.rows(), x.columns());
    HostTensor first = kernels.ownOrNull(operation, before, segments.batch(), x.columns());
    HostTensor to = kernels.own(operation, y, x.rows(), x.columns());
    check(
        operation,
        Native.ssm_difference_forward_f32(
            segments.batch(),
            segments.offsets(),
            x.columns(),
            from.address(),
            from.stride(),
            address(first),
            stride(first),
            to.address(),
            to.stride()));
  }

  static void differenceBackward(HostKernels kernels, Segments segments, Tensor dy, Tensor dx) {
    String operation = "differenceBackward";
    HostTensor from = kernels.own(operation, dy, segments.rows(), dy.columns());
    HostTensor to = kernels.own(operation, dx, dy.rows(), dy.columns());
    check(
        operation,
        Native.ssm_difference_backward_f32(
            segments.batch(),
            segments.offsets(),
            dy.columns(),
            from.address(),
            from.stride(),
            to.address(),
            to.stride()));
  }

  static void reverseRows(HostKernels kernels, Segments segments, Tensor x, Tensor y) {
    HostTensor from = kernels.own("reverseRows", x, segments.rows(), x.columns());
    HostTensor to = kernels.own("reverseRows", y, segments.rows(), x.columns());
    check(
        "reverseRows",
        Native.ssm_reverse_rows_f32(
            segments.batch(),
            segments.offsets(),
            x.columns(),
            from.address(),
            from.stride(),
            to.address(),
            to.stride()));
  }

  static void lastRowForward(HostKernels kernels, Segments segments, Tensor x, Tensor y) {
    HostTensor from = kernels.own("lastRowForward", x, segments.rows(), x.columns());
    HostTensor to = kernels.own("lastRowForward", y, segments.batch(), x.columns());
    check(
        "lastRowForward",
        Native.ssm_last_row_forward_f32(
            segments.batch(),
            segments.offsets(),
            x.columns(),
            from.address(),
            from.stride(),
            to.address(),
            to.stride()));
  }

  static void lastRowBackward(HostKernels kernels, Segments segments, Tensor dy, Tensor dx) {
    HostTensor from = kernels.own("lastRowBackward", dy, segments.batch(), dx.columns());
    HostTensor to = kernels.own("lastRowBackward", dx, segments.rows(), dx.columns());
    check(
        "lastRowBackward",
        Native.ssm_last_row_backward_f32(
            segments.batch(),
            segments.offsets(),
            dx.columns(),
            from.address(),
            from.stride(),
            to.address(),
            to.stride()));
  }

  static void meanRowForward(HostKernels kernels, Segments segments, Tensor x, Tensor y) {
    HostTensor from = kernels.own("meanRowForward", x, segments.rows(), x.columns());
    HostTensor to = kernels.own("meanRowForward", y, segments.batch(), x.columns());
    check(
        "meanRowForward",
        Native.ssm_mean_row_forward_f32(
            segments.batch(),
            segments.offsets(),
            x.columns(),
            from.address(),
            from.stride(),
            to.address(),
            to.stride()));
  }

  static void meanRowBackward(HostKernels kernels, Segments segments, Tensor dy, Tensor dx) {
    HostTensor from = kernels.own("meanRowBackward", dy, segments.batch(), dx.columns());
    HostTensor to = kernels.own("meanRowBackward", dx, segments.rows(), dx.columns());
    check(
        "meanRowBackward",
        Native.ssm_mean_row_backward_f32(
            segments.batch(),
            segments.offsets(),
            dx.columns(),
            from.address(),
            from.stride(),
            to.address(),
            to.stride()));
  }

  static void embeddingForward(HostKernels kernels, int[] tokens, Tensor table, Tensor y) {
    HostTensor from = kernels.own("embeddingForward", table);
    HostTensor to = kernels.own("embeddingForward", y, tokens.length, table.columns());
    expectTokens("embeddingForward", tokens, table);
    check(
        "embeddingForward",
        Native.ssm_embedding_forward_f32(
            tokens.length,
            table.columns(),
            table.rows(),
            tokens,
            from.address(),
            from.stride(),
            to.address(),
            to.stride()));
  }

  static void embeddingBackward(HostKernels kernels, int[] tokens, Tensor dy, Tensor dTable) {
    HostTensor to = kernels.own("embeddingBackward", dTable);
    HostTensor from = kernels.own("embeddingBackward", dy, tokens.length, dTable.columns());
    expectTokens("embeddingBackward", tokens, dTable);
    check(
        "embeddingBackward",
        Native.ssm_embedding_backward_f32(
            tokens.length,
            dTable.columns(),
            dTable.rows(),
            tokens,
            from.address(),
            from.stride(),
            to.address(),
            to.stride()));
  }

  private static void expectTokens(String operation, int[] tokens, Tensor table) {
    for (int token : tokens) {
      expect(token >= 0 && token < table.rows(), operation, table, "token " + token);
    }
  }
}
