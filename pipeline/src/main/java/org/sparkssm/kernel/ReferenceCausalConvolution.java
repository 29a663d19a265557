package org.sparkssm.kernel;

import static org.sparkssm.kernel.ReferenceKernels.addTo;
import static org.sparkssm.kernel.ReferenceKernels.expectRows;
import static org.sparkssm.kernel.ReferenceKernels.expectSameShape;
import static org.sparkssm.kernel.ReferenceKernels.expectShape;
import static org.sparkssm.kernel.ReferenceKernels.own;
import static org.sparkssm.kernel.ReferenceKernels.sigmoid;
import static org.sparkssm.kernel.ReferenceKernels.siluDerivative;

/** The depthwise causal convolution of {@link ReferenceKernels}. */
final class ReferenceCausalConvolution {
  private ReferenceCausalConvolution() {}

  static void forward(
      Segments segments, Tensor x, Tensor weight, Tensor bias, boolean silu, Tensor y) {
    expectRows("causalConvolutionForward", segments, x);
    expectSameShape("causalConvolutionForward", x, y);
    expectShape("causalConvolutionForward", weight, x.columns(), weight.columns());
    ReferenceTensor to = own(y);
    for (int b = 0; b < segments.batch(); b++) {
      int first = segments.offset(b);
      for (int r = first; r < first + segments.length(b); r++) {
        for (int c = 0; c < x.columns(); c++) {
          double p = convolve(own(x), own(weight), bias, first, r, c);
          to.set(r, c, silu ? p * sigmoid(p) : p);
        }
      }
    }
  }

  private static double convolve(
      ReferenceTensor x, ReferenceTensor weight, Tensor bias, int first, int r, int c) {
    double sum = bias == null ? 0 : own(bias).get(0, c);
    int width = weight.columns();
    for (int j = Math.max(0, width - 1 - (r - first)); j < width; j++) {
      sum += weight.get(c, j) * x.get(r - width + 1 + j, c);
    }
    return sum;
  }

  static void backward(
      ReferenceKernels kernels,
      Segments segments,
      Tensor x,
      Tensor weight,
      Tensor bias,
      boolean silu,
      Tensor dy,
      Tensor dx,
      Tensor dWeight,
      Tensor dBias) {
    expectRows("causalConvolutionBackward", segments, x);
    expectSameShape("causalConvolutionBackward", x, dy);
    expectSameShape("causalConvolutionBackward", x, dx);
    int channels = x.columns();
    int width = weight.columns();
    double[] inputs = new double[x.rows() * channels];
    double[] weights = new double[channels * width];
    double[] biases = new double[channels];
    for (int b = 0; b < segments.batch(); b++) {
      int first = segments.offset(b);
      for (int r = first; r < first + segments.length(b); r++) {
        for (int c = 0; c < channels; c++) {
          double slope = own(dy).get(r, c);
          if (silu) {
            slope *= siluDerivative(convolve(own(x), own(weight), bias, first, r, c));
          }
          biases[c] += slope;
          for (int j = Math.max(0, width - 1 - (r - first)); j < width; j++) {
            int source = r - width + 1 + j;
            weights[c * width + j] += slope * own(x).get(source, c);
            inputs[source * channels + c] += slope * own(weight).get(c, j);
          }
        }
      }
    }
    kernels.write(dx, inputs);
    addTo(dWeight, weights);
    if (dBias != null) {
      addTo(dBias, biases);
    }
  }
}
