package org.sparkssm.signature;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.sparkssm.signature.Agreement.assertAgrees;

import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class OverlappingWindowsTest {
  @Property(tries = 80)
  void everyWindowHasTheSignatureOfItsPoints(
      @ForAll @IntRange(min = 1, max = 3) int channels,
      @ForAll @IntRange(min = 1, max = 4) int depth,
      @ForAll @IntRange(min = 2, max = 60) int length,
      @ForAll @IntRange(min = 2, max = 30) int size,
      @ForAll @IntRange(min = 1, max = 20) int step,
      @ForAll boolean isSliding,
      @ForAll long seed) {
    Window window = isSliding ? Window.sliding(size, step) : Window.expanding(size, step);
    // The path lies behind two rows of another.
    double[] values = walk(length + 2, channels, seed);
    double[] found = OverlappingWindows.signatures(values, 2, length, channels, depth, window);
    int[] ranges = window.ranges(length);
    int width = SignatureSize.arrayWidth(channels, depth);
    assertEquals(ranges.length / 2 * width, found.length);
    for (int w = 0; w < ranges.length / 2; w++) {
      double[] points =
          Arrays.copyOfRange(
              values, (2 + ranges[2 * w]) * channels, (2 + ranges[2 * w + 1]) * channels);
      assertAgrees(
          Signature.of(points, channels, depth),
          Arrays.copyOfRange(found, w * width, (w + 1) * width),
          1e-11,
          window + ", window " + w);
    }
  }

  @Test
  void manyOverlappingWindowsOfALongPathKeepTheirDigits() {
    int length = 5000;
    int depth = 3;
    double[] path = walk(length, 2, 7);
    Window window = Window.sliding(400, 1);
    assertTrue(OverlappingWindows.pay(window, length, depth));
    SignatureFeatures features =
        new SignatureFeatures(SignatureFeatures.Kind.SIGNATURE, depth, null, List.of(), window);
    double[] found = features.computeDouble(List.of(path), null, 2)[0];
    int width = SignatureSize.arrayWidth(2, depth);
    for (int w = 0; w < window.count(length); w += 97) {
      double[] points = Arrays.copyOfRange(path, 2 * w, 2 * (w + 400));
      assertAgrees(
          Signature.of(points, 2, depth),
          Arrays.copyOfRange(found, w * width, (w + 1) * width),
          1e-12,
          "window " + w);
    }
  }

  private static double[] walk(int length, int channels, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    double[] values = new double[length * channels];
    for (int i = 0; i < values.length; i++) {
      values[i] = (i < channels ? 0 : values[i - channels]) + random.nextDouble(-0.3, 0.3);
    }
    return values;
  }
}
