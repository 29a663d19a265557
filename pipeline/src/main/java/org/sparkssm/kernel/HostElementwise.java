package org.sparkssm.kernel;

import static org.sparkssm.kernel.HostKernels.check;
import static org.sparkssm.kernel.HostKernels.expect;

/** The element-wise operations, row sums and dropout of {@link HostKernels}. */
final class HostElementwise {
  private HostElementwise() {}

  static void copy(HostKernels kernels, Tensor source, Tensor target) {
    HostTensor x = kernels.own("copy", source);
    HostTensor y = kernels.own("copy", target, x.rows(), x.columns());
    check(
        "copy",
        Native.ssm_copy_f32(
            x.rows(), x.columns(), x.address(), x.stride(), y.address(), y.stride()));
  }

  static void fill(HostKernels kernels, Tensor target, double value) {
    HostTensor x = kernels.own("fill", target);
    check(
        "fill", Native.ssm_fill_f32(x.rows(), x.columns(), (float) value, x.address(), x.stride()));
  }

  static void addScaled(HostKernels kernels, double alpha, Tensor x, Tensor y) {
    HostTensor from = kernels.own("addScaled", x);
    HostTensor to = kernels.own("addScaled", y, x.rows(), x.columns());
    check(
        "addScaled",
        Native.ssm_add_scaled_f32(
            x.rows(),
            x.columns(),
            (float) alpha,
            from.address(),
            from.stride(),
            to.address(),
            to.stride()));
  }

  static void addRow(HostKernels kernels, Tensor bias, Tensor x) {
    HostTensor to = kernels.own("addRow", x);
    HostTensor row = kernels.own("addRow", bias, 1, x.columns());
    check(
        "addRow",
        Native.ssm_add_row_f32(x.rows(), x.columns(), row.address(), to.address(), to.stride()));
  }

  static void sumRows(HostKernels kernels, Tensor dy, Tensor dBias) {
    HostTensor from = kernels.own("sumRows", dy);
    HostTensor to = kernels.own("sumRows", dBias, 1, dy.columns());
    check(
        "sumRows",
        Native.ssm_sum_rows_f32(
            dy.rows(), dy.columns(), from.address(), from.stride(), to.address()));
  }

  static void activationForward(HostKernels kernels, Activation activation, Tensor x, Tensor y) {
    HostTensor from = kernels.own("activationForward", x);
    HostTensor to = kernels.own("activationForward", y, x.rows(), x.columns());
    check(
        "activationForward",
        Native.ssm_activation_forward_f32(
            code(activation),
            x.rows(),
            x.columns(),
            from.address(),
            from.stride(),
            to.address(),
            to.stride()));
  }

  static void activationBackward(
      HostKernels kernels, Activation activation, Tensor x, Tensor dy, Tensor dx) {
    HostTensor at = kernels.own("activationBackward", x);
    HostTensor from = kernels.own("activationBackward", dy, x.rows(), x.columns());
    HostTensor to = kernels.own("activationBackward", dx, x.rows(), x.columns());
    check(
        "activationBackward",
        Native.ssm_activation_backward_f32(
            code(activation),
            x.rows(),
            x.columns(),
            at.address(),
            at.stride(),
            from.address(),
            from.stride(),
            to.address(),
            to.stride()));
  }

  /** {@code enum ssm_activation}. */
  private static int code(Activation activation) {
    return switch (activation) {
      case NONE -> 0;
      case GELU -> 1;
      case SILU -> 2;
      case TANH -> 3;
      case RELU -> 4;
      case SIGMOID -> 5;
      case SOFTPLUS -> 6;
    };
  }

  static void gluForward(HostKernels kernels, Tensor x, Tensor y) {
    HostTensor to = kernels.own("gluForward", y);
    HostTensor from = kernels.own("gluForward", x, y.rows(), 2 * y.columns());
    check(
        "gluForward",
        Native.ssm_glu_forward_f32(
            y.rows(), y.columns(), from.address(), from.stride(), to.address(), to.stride()));
  }

  static void gluBackward(HostKernels kernels, Tensor x, Tensor dy, Tensor dx) {
    HostTensor from = kernels.own("gluBackward", dy);
    HostTensor at = kernels.own("gluBackward", x, dy.rows(), 2 * dy.columns());
    HostTensor to = kernels.own("gluBackward", dx, dy.rows(), 2 * dy.columns());
    check(
        "gluBackward",
        Native.ssm_glu_backward_f32(
            dy.rows(),
            dy.columns(),
            at.address(),
            at.stride(),
            from.address(),
            from.stride(),
            to.address(),
            to.stride()));
  }

  static void multiply(HostKernels kernels, Tensor x, Tensor y, Tensor z) {
    String operation = "multiply";
    HostTensor left = kernels.own(operation, x);
    HostTensor right = kernels.own(operation, y, x.rows(), x.columns());
    HostTensor to = kernels.own(operation, z, x.rows(), x.columns());
    check(
        operation,
        Native.ssm_multiply_f32(
            x.rows(),
            x.columns(),
            left.address(),
            left.stride(),
            right.address(),
            right.stride(),
            to.address(),
            to.stride()));
  }

  static void addScaledColumns(HostKernels kernels, Tensor gain, Tensor x, Tensor y) {
    String operation = "addScaledColumns";
    HostTensor from = kernels.own(operation, x);
    HostTensor row = kernels.own(operation, gain, 1, x.columns());
    HostTensor to = kernels.own(operation, y, x.rows(), x.columns());
    check(
        operation,
        Native.ssm_add_scaled_columns_f32(
            x.rows(),
            x.columns(),
            row.address(),
            from.address(),
            from.stride(),
            to.address(),
            to.stride()));
  }

  static void sumProducts(HostKernels kernels, Tensor x, Tensor y, Tensor sums) {
    String operation = "sumProducts";
    HostTensor left = kernels.own(operation, x);
    HostTensor right = kernels.own(operation, y, x.rows(), x.columns());
    HostTensor to = kernels.own(operation, sums, 1, x.columns());
    check(
        operation,
        Native.ssm_sum_products_f32(
            x.rows(),
            x.columns(),
            left.address(),
            left.stride(),
            right.address(),
            right.stride(),
            to.address()));
  }

  static void negativeExpForward(HostKernels kernels, Tensor x, Tensor y) {
    HostTensor from = kernels.own("negativeExpForward", x);
    HostTensor to = kernels.own("negativeExpForward", y, x.rows(), x.columns());
    check(
        "negativeExpForward",
        Native.ssm_negative_exp_forward_f32(
            x.rows(), x.columns(), from.address(), from.stride(), to.address(), to.stride()));
  }

  static void negativeExpBackward(HostKernels kernels, Tensor y, Tensor dy, Tensor dx) {
    HostTensor at = kernels.own("negativeExpBackward", y);
    HostTensor from = kernels.own("negativeExpBackward", dy, y.rows(), y.columns());
    HostTensor to = kernels.own("negativeExpBackward", dx, y.rows(), y.columns());
    check(
        "negativeExpBackward",
        Native.ssm_negative_exp_backward_f32(
            y.rows(),
            y.columns(),
            at.address(),
            at.stride(),
            from.address(),
            from.stride(),
            to.address(),
            to.stride()));
  }

  static void dropout(HostKernels kernels, double rate, long[] keys, Tensor x) {
    int threshold = DropoutHash.threshold(rate);
    HostTensor to = kernels.own("dropout", x);
    expect(keys.length == x.rows(), "dropout", x, keys.length + " keys");
    check(
        "dropout",
        Native.ssm_dropout_f32(
            x.rows(),
            x.columns(),
            threshold,
            (float) (1 / (1 - rate)),
            keys,
            to.address(),
            to.stride()));
  }

  static double sumOfSquares(HostKernels kernels, Tensor x) {
    double[] sum = new double[1];
    HostTensor from = kernels.own("sumOfSquares", x);
    check(
        "sumOfSquares",
        Native.ssm_sum_of_squares_f32(x.rows(), x.columns(), from.address(), from.stride(), sum));
    return sum[0];
  }
}
