package org.sparkssm.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.Arrays;
import java.util.List;
import org.apache.commons.rng.sampling.distribution.ZigguratSampler;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.sparkssm.data.SeededRandom;
import org.sparkssm.kernel.CdeSolver;
import org.sparkssm.kernel.Precision;
import org.sparkssm.kernel.ReferenceKernels;
import org.sparkssm.model.RandomLinearCdeStates.Path;

class RandomLinearCdeStatesTest {
  private static final int N = 5;
  private static final long SEED = 11;

  @ParameterizedTest
  @EnumSource(CdeSolver.class)
  void stateIsThatOfTheEquationSolvedStepByStep(CdeSolver solver) {
    float[] path = randomPath(1, 9, 2);
    double[] expected = solveNaively(path, uniform(9), 2, solver, 0.7);
    assertClose(expected, states(2, solver, 0.7).of(List.of(new Path(path, null)))[0], 2e-6);
  }

  @Test
  void givenTimesAreScaledToRunFromZeroToOne() {
    float[] path = randomPath(2, 4, 3);
    double[] times = {1e9, 1e9 + 1, 1e9 + 7, 1e9 + 10};
    double[] expected = solveNaively(path, new double[] {0, 0.1, 0.7, 1}, 3, CdeSolver.RK4, 1);
    assertClose(expected, states(3, CdeSolver.RK4, 1).of(List.of(new Path(path, times)))[0], 2e-6);
  }

  @Test
  void pathOfOnePointHasTheInitialState() {
    float[] path = {0.25f, -2};
    double[] expected = solveNaively(path, new double[] {0}, 2, CdeSolver.RK4, 1);
    assertClose(expected, states(2, CdeSolver.RK4, 1).of(List.of(new Path(path, null)))[0], 1e-6);
  }

  @Test
  void stateDoesNotDependOnTheOtherPathsOfTheBatch() {
    Path one = new Path(randomPath(3, 17, 2), null);
    Path two = new Path(randomPath(4, 1, 2), null);
    Path three = new Path(randomPath(5, 60, 2), null);
    RandomLinearCdeStates states = states(2, CdeSolver.RK4, 1);
    float[][] together = states.of(List.of(one, two, three));
    assertArrayEquals(states.of(List.of(one))[0], together[0]);
    assertArrayEquals(states.of(List.of(two))[0], together[1]);
    assertArrayEquals(states.of(List.of(three))[0], together[2]);
    assertEquals(0, states.of(List.of()).length);
  }

  @Test
  void aMillionStepsAmongShortPathsAreSolvedInPieces() {
    int points = 1_200_000;
    float[] path = new float[points];
    for (int l = 0; l < points; l++) {
      path[l] = (float) Math.sin(l * 1e-5);
    }
    float[] half = new float[points];
    Path brief = new Path(new float[] {1, 2}, null);
    float[][] states =
        states(1, CdeSolver.EULER, 1)
            .of(List.of(brief, new Path(path, null), new Path(half, null)));
    double[] expected = solveNaively(path, uniform(points), 1, CdeSolver.EULER, 1);
    // single precision over a million steps
    assertClose(expected, states[1], 3e-2);
    assertClose(solveNaively(brief.values(), uniform(2), 1, CdeSolver.EULER, 1), states[0], 1e-5);
  }

  @Test
  void weightsAreAFunctionOfTheSeed() {
    Path path = new Path(randomPath(6, 5, 2), null);
    float[] state = states(2, CdeSolver.RK4, 1).of(List.of(path))[0];
    assertArrayEquals(state, states(2, CdeSolver.RK4, 1).of(List.of(path))[0]);
    var other =
        new RandomLinearCdeStates(
            new ReferenceKernels(Precision.FLOAT), 2, N, CdeSolver.RK4, 1, SEED + 1);
    assertFalse(Arrays.equals(state, other.of(List.of(path))[0]));
  }

  @Test
  void valuesThatDoNotFitTheChannelsAreRefused() {
    RandomLinearCdeStates states = states(2, CdeSolver.RK4, 1);
    assertThrows(
        IllegalArgumentException.class, () -> states.of(List.of(new Path(new float[3], null))));
    assertThrows(
        IllegalArgumentException.class, () -> states.of(List.of(new Path(new float[0], null))));
    assertThrows(
        IllegalArgumentException.class,
        () -> states.of(List.of(new Path(new float[4], new double[] {0}))));
  }

  private static RandomLinearCdeStates states(int channels, CdeSolver solver, double scaling) {
    return new RandomLinearCdeStates(
        new ReferenceKernels(Precision.FLOAT), channels, N, solver, scaling, SEED);
  }

  /** The definition in double precision, with the weights drawn as documented. */
  private static double[] solveNaively(
      float[] path, double[] times, int channels, CdeSolver solver, double scaling) {
    int width = channels + 1;
    double[][] a = new double[width][];
    for (int i = 0; i < width; i++) {
      a[i] = normal(N * N, scaling / Math.sqrt(N), 0, i);
    }
    double[] drive = normal(N * width, 1, 1);
    double[] weights = normal(N * width, 1, 2);
    double[] bias = normal(N, 1, 3);
    double[] z = new double[N];
    for (int n = 0; n < N; n++) {
      z[n] = bias[n];
      for (int c = 0; c < channels; c++) {
        z[n] += weights[n * width + 1 + c] * path[c];
      }
    }
    for (int l = 1; l < times.length; l++) {
      double[] step = new double[width];
      step[0] = times[l] - times[l - 1];
      for (int c = 0; c < channels; c++) {
        step[1 + c] = (double) path[l * channels + c] - path[(l - 1) * channels + c];
      }
      // Runge-Kutta in many small parts comes as close to the exponential as is asked for here.
      int parts = solver == CdeSolver.EXPONENTIAL ? 64 : 1;
      for (int i = 0; i < width; i++) {
        step[i] /= parts;
      }
      for (int part = 0; part < parts; part++) {
        double[] k1 = slope(a, drive, step, z);
        if (solver == CdeSolver.EULER) {
          z = plus(z, 1, k1);
          continue;
        }
        double[] k2 = slope(a, drive, step, plus(z, 0.5, k1));
        double[] k3 = slope(a, drive, step, plus(z, 0.5, k2));
        double[] k4 = slope(a, drive, step, plus(z, 1, k3));
        z = plus(plus(plus(plus(z, 1 / 6.0, k1), 1 / 3.0, k2), 1 / 3.0, k3), 1 / 6.0, k4);
      }
    }
    return z;
  }

  private static double[] slope(double[][] a, double[] drive, double[] step, double[] z) {
    double[] slope = new double[N];
    for (int i = 0; i < step.length; i++) {
      for (int n = 0; n < N; n++) {
        slope[n] += drive[n * step.length + i] * step[i];
        for (int m = 0; m < N; m++) {
          slope[n] += step[i] * a[i][n * N + m] * z[m];
        }
      }
    }
    return slope;
  }

  private static double[] plus(double[] z, double scale, double[] k) {
    double[] sum = z.clone();
    for (int n = 0; n < N; n++) {
      sum[n] += scale * k[n];
    }
    return sum;
  }

  private static double[] normal(int count, double deviation, long... place) {
    var gaussian = ZigguratSampler.NormalizedGaussian.of(SeededRandom.create(SEED, place));
    double[] values = new double[count];
    for (int k = 0; k < count; k++) {
      values[k] = (float) (deviation * gaussian.sample());
    }
    return values;
  }

  private static double[] uniform(int points) {
    double[] times = new double[points];
    for (int l = 0; l < points; l++) {
      times[l] = points == 1 ? 0 : (double) l / (points - 1);
    }
    return times;
  }

  private static float[] randomPath(long seed, int points, int channels) {
    var gaussian = ZigguratSampler.NormalizedGaussian.of(SeededRandom.create(seed));
    float[] path = new float[points * channels];
    for (int k = 0; k < path.length; k++) {
      path[k] = (float) (0.3 * gaussian.sample());
    }
    return path;
  }

  private static void assertClose(double[] expected, float[] found, double tolerance) {
    double largest = Math.max(1, Arrays.stream(expected).map(Math::abs).max().orElseThrow());
    for (int n = 0; n < expected.length; n++) {
      assertEquals(expected[n], found[n], tolerance * largest);
    }
  }
}
