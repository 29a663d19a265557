package org.sparkssm.signature;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.sparkssm.data.InvalidInputException;

class SignatureInputTest {
  @Test
  void widthsAreKnownBeforeAnythingRuns() {
    assertEquals(5, SignatureSize.width(1, 5));
    assertEquals(363, SignatureSize.width(3, 5));
    assertEquals(Long.MAX_VALUE, SignatureSize.width(10, 40));
    assertEquals(Long.MAX_VALUE, SignatureSize.width(Integer.MAX_VALUE, 3));
    assertEquals(80, SignatureSize.logWidth(3, 5, LogSignatureBasis.LYNDON));
    assertEquals(363, SignatureSize.logWidth(3, 5, LogSignatureBasis.EXPANDED));
    assertEquals(LyndonWords.upTo(4, 6).size(), LyndonWords.count(4, 6));
    assertEquals(1, LyndonWords.count(1, 9));
  }

  @Test
  void aRowOverTheLimitIsRefusedWithBothNumbers() {
    assertRefused(
        () -> SignatureSize.requireWidth(3, 8, Float.BYTES, 39_359),
        "a signature of 3 channels at depth 8 has 9840 entries and takes 39360 bytes a row, more"
            + " than the limit spark.ssm.signature.maxBytes = 39359 bytes");
    assertEquals(9840, SignatureSize.requireWidth(3, 8, Float.BYTES, 39_360));
    assertRefused(
        () -> SignatureSize.requireWidth(10, 40, Float.BYTES, 1 << 20),
        "a signature of 10 channels at depth 40 has over 9223372036854775807 entries and takes over"
            + " 9223372036854775807 bytes a row, more than the limit spark.ssm.signature.maxBytes"
            + " = 1048576 bytes");
    assertRefused(
        () -> Signature.of(new double[4], 4, 30),
        "a signature of 4 channels at depth 30 has 1537228672809129300 entries, more than an array"
            + " can hold, which is 2147483639");
  }

  @Test
  void shapesThatCannotBeAreRefused() {
    assertRefused(
        () -> Signature.of(new float[7], 3, 2),
        "a path has 7 values, expected a multiple of 3 channels");
    assertRefused(
        () -> Signature.of(new float[6], 0, 2), "the number of channels is 0, expected at least 1");
    assertRefused(() -> Signature.of(new float[6], 3, 0), "the depth is 0, expected at least 1");
    assertRefused(
        () ->
            Signature.batch(new float[6], new long[] {0, 2}, new long[] {1, 4}, 2, 1, new float[4]),
        "sequence 1 is the rows 2 to 4, expected a range within 3 rows");
    assertRefused(
        () -> Signature.batch(new float[6], new long[2], new long[2], 2, 2, new float[11]),
        "the output has 11 entries, expected 2 rows of 6");
    assertRefused(
        () -> TensorAlgebra.log(new double[5], 2, 2),
        "a signature of 2 channels at depth 2 has 5 entries, expected 6");
  }

  @Test
  void namesAreReadOrRefused() {
    assertEquals(
        List.of(PathTransform.TIME, PathTransform.BASEPOINT, PathTransform.LEAD_LAG),
        PathTransform.list("time, basepoint,lead_lag"));
    assertEquals(List.of(), PathTransform.list(""));
    assertEquals(6, PathTransform.channelsAfter(PathTransform.list("time,lead-lag"), 2));
    assertRefused(
        () -> PathTransform.list("tme"),
        "the path transform is 'tme', expected one of time, basepoint, lead-lag,"
            + " invisibility-reset, cumsum");
    assertRefused(
        () -> PathTransform.list("basepoint,time"),
        "the path transform time comes after basepoint, expected it before, because times belong to"
            + " the points of the data");
    assertEquals(Window.sliding(50, 10), Window.parse("sliding:50:10"));
    assertRefused(
        () -> Window.parse("sliding:50"), "the window is 'sliding:50', expected sliding:SIZE:STEP");
    assertRefused(
        () -> Window.parse("hopping:5:5"), "the window is 'hopping:5:5', expected global");
    assertRefused(
        () -> Window.parse("sliding:0:1"),
        "a sliding window has size 0 and step 1, expected both at least 1");
    assertRefused(
        () -> LogSignatureBasis.of("hall"),
        "the log-signature basis is 'hall', expected expanded, words or lyndon");
  }

  @Test
  void shortPathsHaveSignatureZero() {
    assertArrayEquals(new float[6], Signature.of(new float[0], 2, 2));
    assertArrayEquals(new float[6], Signature.of(new float[] {3, 4}, 2, 2));
    assertEquals(0, Signature.prefixes(new double[2], 2, 3).length);
  }

  @Test
  void uniformTimesGoFromZeroToOne() {
    assertArrayEquals(new double[] {0, 0.25, 0.5, 0.75, 1}, PathTransform.uniformTimes(5));
    assertArrayEquals(new double[] {0}, PathTransform.uniformTimes(1));
    assertArrayEquals(new double[0], PathTransform.uniformTimes(0));
  }

  private static void assertRefused(Executable call, String message) {
    InvalidInputException refusal = assertThrows(InvalidInputException.class, call);
    assertTrue(refusal.getMessage().equals(message), refusal.getMessage());
  }
}
