package org.sparkssm.kernel;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.SplittableRandom;
import org.apache.commons.math3.complex.Complex;
import org.apache.commons.math3.transform.DftNormalization;
import org.apache.commons.math3.transform.FastFourierTransformer;
import org.apache.commons.math3.transform.TransformType;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * S4D's outputs are the causal convolution with its impulse response 2 Re(sum_n c_n bBar_n
 * aBar_n^l), here by the fast Fourier transform of Commons Math in double precision.
 */
class S4dConvolutionTest {
  private static final int CHANNELS = 5;
  private static final int STATES = 6;

  @ParameterizedTest
  @EnumSource(Discretization.class)
  void theScanGivesTheConvolutionByFourierTransforms(Discretization rule) {
    check(new ReferenceKernels(Precision.DOUBLE), rule, 100, 1e-10);
  }

  /** Sequences of up to four times the states are convolved by the kernels themselves. */
  @ParameterizedTest
  @ValueSource(ints = {1, 7, 8, 9, 23, 24, 25, 100})
  void soDoTheHostKernelsAtEveryLength(int length) {
    check(new HostKernels(), Discretization.ZERO_ORDER_HOLD, length, 2e-5);
  }

  private static void check(Kernels kernels, Discretization rule, int length, double tolerance) {
    double[] a = new double[CHANNELS * 2 * STATES];
    double[] logStep = new double[CHANNELS];
    double[] c = new double[CHANNELS * 2 * STATES];
    double[] u = new double[length * CHANNELS];
    SplittableRandom random = new SplittableRandom(3);
    for (int d = 0; d < CHANNELS; d++) {
      logStep[d] = -3 + random.nextDouble();
      for (int n = 0; n < STATES; n++) {
        a[d * 2 * STATES + n] = -0.5;
        a[d * 2 * STATES + STATES + n] = Math.PI * n;
      }
    }
    for (int i = 0; i < c.length; i++) {
      c[i] = random.nextDouble() - 0.5;
    }
    for (int i = 0; i < u.length; i++) {
      u[i] = random.nextDouble() - 0.5;
    }
    Tensor aBar = kernels.allocate(CHANNELS, 2 * STATES);
    Tensor bBar = kernels.allocate(CHANNELS, 2 * STATES);
    kernels.discretizeForward(
        rule, tensor(kernels, CHANNELS, logStep), tensor(kernels, CHANNELS, a), aBar, bBar);
    Tensor y = kernels.allocate(length, CHANNELS);
    kernels.s4dScanForward(
        new S4dScan(
            Segments.ofLengths(length),
            tensor(kernels, length, u),
            aBar,
            bBar,
            tensor(kernels, CHANNELS, c),
            null,
            null,
            y,
            null));
    double[] found = kernels.toDoubles(y);
    double[] powers = kernels.toDoubles(aBar);
    double[] inputs = kernels.toDoubles(bBar);
    for (int d = 0; d < CHANNELS; d++) {
      double[] expected = convolved(d, length, powers, inputs, c, u);
      for (int l = 0; l < length; l++) {
        assertEquals(expected[l], found[l * CHANNELS + d], tolerance, "step " + l);
      }
    }
    kernels.close();
  }

  private static double[] convolved(
      int d, int length, double[] aBar, double[] bBar, double[] c, double[] u) {
    int size = Integer.highestOneBit(2 * length) * 2;
    double[] response = new double[size];
    double[] input = new double[size];
    for (int l = 0; l < length; l++) {
      input[l] = u[l * CHANNELS + d];
    }
    for (int n = 0; n < STATES; n++) {
      int re = d * 2 * STATES + n;
      int im = re + STATES;
      Complex state = new Complex(bBar[re], bBar[im]).multiply(new Complex(c[re], c[im]));
      Complex step = new Complex(aBar[re], aBar[im]);
      for (int l = 0; l < length; l++) {
        response[l] += 2 * state.getReal();
        state = state.multiply(step);
      }
    }
    FastFourierTransformer fourier = new FastFourierTransformer(DftNormalization.STANDARD);
    Complex[] left = fourier.transform(response, TransformType.FORWARD);
    Complex[] right = fourier.transform(input, TransformType.FORWARD);
    for (int i = 0; i < size; i++) {
      left[i] = left[i].multiply(right[i]);
    }
    Complex[] product = fourier.transform(left, TransformType.INVERSE);
    double[] result = new double[length];
    for (int l = 0; l < length; l++) {
      result[l] = product[l].getReal();
    }
    return result;
  }

  private static Tensor tensor(Kernels kernels, int rows, double[] values) {
    Tensor tensor = kernels.allocate(rows, values.length / rows);
    kernels.write(tensor, values);
    return tensor;
  }
}
