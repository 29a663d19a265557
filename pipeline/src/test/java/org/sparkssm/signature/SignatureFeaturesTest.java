package org.sparkssm.signature;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class SignatureFeaturesTest {
  private static final int CHANNELS = 2;

  static Stream<SignatureFeatures> features() {
    List<SignatureFeatures> all = new ArrayList<>();
    for (Window window :
        List.of(
            Window.global(), Window.dyadic(2), Window.sliding(150, 1), Window.expanding(9, 3))) {
      for (int depth : new int[] {2, 4}) {
        all.add(
            new SignatureFeatures(
                SignatureFeatures.Kind.SIGNATURE, depth, null, List.of(), window));
        all.add(
            new SignatureFeatures(
                SignatureFeatures.Kind.LOGSIGNATURE,
                depth,
                LogSignatureBasis.LYNDON,
                List.of(),
                window));
      }
    }
    return all.stream();
  }

  /** Else trained weights would depend on how the rows of a data set lie in files. */
  @ParameterizedTest
  @MethodSource("features")
  void aSequenceHasTheSameBitsWhateverItsNeighbours(SignatureFeatures features) {
    SplittableRandom random = new SplittableRandom(11);
    List<float[]> paths = new ArrayList<>();
    for (int b = 0; b < 19; b++) {
      float[] path = new float[CHANNELS * random.nextInt(1, b % 5 == 0 ? 400 : 40)];
      for (int i = 0; i < path.length; i++) {
        path[i] = (float) random.nextGaussian();
      }
      paths.add(path);
    }
    List<double[]> wide = paths.stream().map(SignatureFeaturesTest::widened).toList();
    float[][] together = features.compute(paths, null, CHANNELS);
    double[][] togetherInDouble = features.computeDouble(wide, null, CHANNELS);
    for (int size : new int[] {1, 2, 7}) {
      for (int from = 0; from < paths.size(); from += size) {
        int to = Math.min(paths.size(), from + size);
        float[][] part = features.compute(paths.subList(from, to), null, CHANNELS);
        double[][] partInDouble = features.computeDouble(wide.subList(from, to), null, CHANNELS);
        for (int b = from; b < to; b++) {
          assertArrayEquals(together[b], part[b - from]);
          assertArrayEquals(togetherInDouble[b], partInDouble[b - from]);
        }
      }
    }
  }

  private static double[] widened(float[] path) {
    double[] wide = new double[path.length];
    for (int i = 0; i < wide.length; i++) {
      wide[i] = path[i];
    }
    return wide;
  }
}
