package org.sparkssm.model;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import org.sparkssm.kernel.Tensor;

/** Root-mean-square norm of each head of a row by itself, one gain for all heads. */
final class HeadNorm implements Layer {
  private static final double EPSILON = 1e-5;

  /** Added to the squared length of a vector before it is brought to unit length. */
  private static final double UNIT_EPSILON = 1e-6;

  private final int size;
  private final Parameter gain;

  /**
   * @param size columns of a head
   */
  HeadNorm(int size, ParameterLayout layout) {
    this.size = size;
    gain = layout.addFree("weight", 1, size, Initializer.constant(1));
  }

  @Override
  public Backward forward(Pass pass, Tensor x, Tensor y) {
    return normalize(pass, x, y, size, EPSILON, pass.value(gain), () -> pass.gradient(gain));
  }

  /** {@code y = x / |x|} for each head of {@code size} columns; y must not be x. */
  static Backward unitLength(Pass pass, Tensor x, Tensor y, int size) {
    Tensor constant = pass.kernels().allocate(1, size);
    pass.kernels().fill(constant, 1 / Math.sqrt(size));
    double epsilon = UNIT_EPSILON / size;
    return normalize(pass, x, y, size, epsilon, constant, () -> pass.kernels().zeros(1, size));
  }

  private static Backward normalize(
      Pass pass,
      Tensor x,
      Tensor y,
      int size,
      double epsilon,
      Tensor gamma,
      Supplier<Tensor> gammaGradient) {
    int heads = x.columns() / size;
    List<Tensor> inverses = new ArrayList<>();
    for (int h = 0; h < heads; h++) {
      Tensor inverse = pass.allocate(1);
      pass.kernels().rmsNormForward(head(x, h, size), gamma, epsilon, head(y, h, size), inverse);
      inverses.add(inverse);
    }
    return (dy, dx) -> {
      Tensor dGamma = gammaGradient.get();
      for (int h = 0; h < heads; h++) {
        pass.kernels()
            .rmsNormBackward(
                head(x, h, size),
                gamma,
                inverses.get(h),
                head(dy, h, size),
                head(dx, h, size),
                dGamma);
      }
    };
  }

  private static Tensor head(Tensor x, int head, int size) {
    return x.columnRange(head * size, (head + 1) * size);
  }
}
