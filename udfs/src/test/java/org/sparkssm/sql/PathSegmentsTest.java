package org.sparkssm.sql;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;
import org.sparkssm.data.InvalidInputException;

class PathSegmentsTest {
  /** Runs in any buffers, stored and read back or not, merged in any order. */
  @Property(tries = 200)
  void anyDivisionMergedInAnyOrderGivesTheSignatureOfTheWhole(
      @ForAll @IntRange(min = 1, max = 700) int length,
      @ForAll @IntRange(min = 1, max = 3) int channels,
      @ForAll @IntRange(min = 1, max = 20) int runs,
      @ForAll long seed) {
    Random random = new Random(seed);
    double[] path = random.doubles((long) length * channels, -1, 1).toArray();
    List<PathSegments> buffers = new ArrayList<>();
    for (int run = 0; run < runs; run++) {
      PathSegments buffer = segments(3);
      for (int l = run * length / runs; l < (run + 1) * length / runs; l++) {
        buffer.add(l, Arrays.copyOfRange(path, l * channels, (l + 1) * channels));
      }
      buffers.add(random.nextBoolean() ? buffer : copy(buffer, 3));
    }
    Collections.shuffle(buffers, random);
    while (buffers.size() > 1) {
      PathSegments one = buffers.remove(random.nextInt(buffers.size()));
      buffers.get(random.nextInt(buffers.size())).merge(one);
    }
    double[] expected = IteratedSums.of(path, channels);
    double scale = Math.max(1, Arrays.stream(expected).map(Math::abs).max().orElse(1));
    assertArrayEquals(expected, buffers.get(0).signature(), 1e-10 * scale);
  }

  @Test
  void pointsInOrderAreOneSegment() {
    PathSegments path = segments(2);
    for (int l = 0; l < 10_000; l++) {
      path.add(l, new double[] {l, l * l});
    }
    assertEquals(1, path.count());
    assertEquals(9999, path.lastTime());
  }

  @Test
  void readingTheSignatureDoesNotEndThePath() {
    PathSegments path = segments(3);
    double[] points = new Random(3).doubles(20).toArray();
    for (int l = 0; l < 10; l++) {
      path.add(l, Arrays.copyOfRange(points, 2 * l, 2 * l + 2));
      assertArrayEquals(
          IteratedSums.of(Arrays.copyOf(points, 2 * l + 2), 2), path.signature(), 1e-12);
    }
  }

  @Test
  void noPointsHaveNoSignatureAndOnePointHasSignatureZero() {
    assertNull(segments(2).signature());
    assertNull(copy(segments(2), 2).signature());
    PathSegments path = segments(2);
    path.merge(segments(2));
    path.add(5, new double[] {1, 2});
    path.merge(segments(2));
    assertArrayEquals(new double[6], path.signature());
    assertArrayEquals(new double[6], copy(path, 2).signature());
  }

  @Test
  void overlapsDuplicatesAndOtherChannelsAreRefused() {
    PathSegments path = segments(2);
    path.add(1, new double[] {1});
    path.add(5, new double[] {2});
    refused(
        () -> path.add(5, new double[] {2}),
        "test: two points have time t5, expected one point at a time");
    refused(
        () -> path.add(1, new double[] {2}),
        "test: two points have time t1, expected one point at a time");
    refused(
        () -> path.add(3, new double[] {2}),
        "test: the points from t3 to t3 overlap those from t1 to t5, expected points in order of"
            + " time: read them from a query with ORDER BY key, time, or set"
            + " spark.sql.extensions=org.sparkssm.sql.SparkSsmExtensions");
    refused(
        () -> path.add(6, new double[] {2, 3}),
        "test: the point at time t6 has 2 channels, expected 1 as the points before");
    PathSegments around = segments(2);
    around.add(0, new double[] {1});
    around.add(9, new double[] {1});
    refused(
        () -> path.merge(around),
        "test: the points from t0 to t9 overlap those from t1 to t5, expected points in order of"
            + " time: read them from a query with ORDER BY key, time, or set"
            + " spark.sql.extensions=org.sparkssm.sql.SparkSsmExtensions");
    PathSegments wide = segments(2);
    wide.add(9, new double[] {1, 2});
    refused(
        () -> path.merge(wide),
        "test: the point at time t9 has 2 channels, the one at time t1 has 1, expected as many");
    refused(
        () -> segments(2).add(0, new double[0]),
        "test: a point has no channels, expected at least 1");
    refused(
        () -> new PathSegments("test", 5, 1000, time -> "t" + time).add(0, new double[3]),
        "test: a signature of 3 channels at depth 5 has 363 entries and takes 2904 bytes a row,"
            + " more than the limit spark.ssm.signature.maxBytes = 1000 bytes");
  }

  private static void refused(Runnable call, String message) {
    InvalidInputException refusal = assertThrows(InvalidInputException.class, call::run);
    assertEquals(message, refusal.getMessage());
  }

  private static PathSegments segments(int depth) {
    return new PathSegments("test", depth, 1 << 20, time -> "t" + time);
  }

  private static PathSegments copy(PathSegments path, int depth) {
    PathSegments copy = segments(depth);
    copy.addBytes(path.toBytes());
    return copy;
  }
}
