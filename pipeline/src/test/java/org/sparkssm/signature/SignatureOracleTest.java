package org.sparkssm.signature;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.sparkssm.signature.Agreement.assertAgrees;
import static org.sparkssm.signature.Agreement.toDouble;
import static org.sparkssm.signature.Agreement.toFloat;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.bytedeco.javacpp.BytePointer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.sparkssm.kernel.Native;
import org.sparkssm.kernel.NativeLibrary;
import org.sparkssm.testing.OracleFile;
import org.sparkssm.testing.OracleFile.Case;

class SignatureOracleTest {
  private static final double FLOAT = 2e-5;
  private static final double DOUBLE = 1e-12;

  /** Plain Java, and the native kernels of every instruction set of this machine. */
  static List<String> targets() {
    List<String> targets = new ArrayList<>(List.of("java"));
    if (NativeLibrary.isAvailable()) {
      for (String name : List.of("x86-64-v2", "x86-64-v3", "x86-64-v4", "generic")) {
        if (select(name)) {
          targets.add(name);
        }
      }
      select("auto");
    }
    return targets;
  }

  @AfterEach
  void backToTheBestTarget() {
    if (NativeLibrary.isAvailable()) {
      select("auto");
    }
  }

  @ParameterizedTest
  @MethodSource("targets")
  void signaturesAgreeWithTheOracle(String target) {
    SignatureBackend backend = backend(target);
    List<Case> cases = OracleFile.cases("signature.json", "signature");
    assertFalse(cases.isEmpty());
    for (Case oracle : cases) {
      int channels = oracle.parameter("channels").asInt();
      int depth = oracle.parameter("depth").asInt();
      double[] path = oracle.input("path");
      double[] expected = oracle.output("signature");
      long[] begin = {0};
      long[] end = {path.length / channels};
      double[] out = new double[expected.length];
      backend.forward(path, begin, end, channels, depth, out);
      assertAgrees(expected, out, DOUBLE, target + " " + oracle);
      float[] outFloat = new float[expected.length];
      backend.forward(toFloat(path), begin, end, channels, depth, outFloat);
      assertAgrees(expected, toDouble(outFloat), FLOAT, target + " float " + oracle);
    }
  }

  @ParameterizedTest
  @MethodSource("targets")
  void raggedBatchesGiveTheRowsOfSingleSequences(String target) {
    SignatureBackend backend = backend(target);
    for (int channels : new int[] {1, 2, 3, 4, 7, 17}) {
      for (int depth : new int[] {1, 2, 3, 4}) {
        for (int batch : new int[] {0, 1, 3, 16, 37}) {
          int width = (int) SignatureSize.width(channels, depth);
          long[] begin = new long[batch];
          long[] end = new long[batch];
          long rows = 0;
          for (int b = 0; b < batch; b++) {
            begin[b] = rows;
            rows += b * 7 % 41;
            end[b] = rows;
          }
          double[] values = path((int) rows * channels, channels + 10 * depth + batch);
          double[] expected = new double[batch * width];
          new JavaSignatures().forward(values, begin, end, channels, depth, expected);
          double[] out = new double[batch * width];
          backend.forward(values, begin, end, channels, depth, out);
          String what = target + " " + channels + " channels, depth " + depth + ", batch " + batch;
          for (int b = 0; b < batch; b++) {
            assertAgrees(row(expected, b, width), row(out, b, width), DOUBLE, what);
          }
          float[] outFloat = new float[batch * width];
          backend.forward(toFloat(values), begin, end, channels, depth, outFloat);
          for (int b = 0; b < batch; b++) {
            assertAgrees(row(expected, b, width), row(toDouble(outFloat), b, width), FLOAT, what);
          }
        }
      }
    }
  }

  @Test
  void prefixSignaturesAgreeWithTheOracle() {
    List<Case> cases = OracleFile.cases("signature.json", "prefix");
    assertFalse(cases.isEmpty());
    for (Case oracle : cases) {
      assertAgrees(
          oracle.output("prefix_signatures"),
          Signature.prefixes(
              oracle.input("path"),
              oracle.parameter("channels").asInt(),
              oracle.parameter("depth").asInt()),
          DOUBLE,
          oracle.toString());
    }
  }

  @Test
  void gradientsWithRespectToThePathAgreeWithTheOracle() {
    int compared = 0;
    for (Case oracle : OracleFile.cases("signature.json")) {
      int channels = oracle.parameter("channels").asInt();
      int depth = oracle.parameter("depth").asInt();
      double[] path = oracle.input("path");
      double[] gradient;
      if (oracle.hasCotangent("signature")) {
        gradient = Signature.backward(path, channels, depth, oracle.cotangent("signature"));
      } else if (oracle.hasCotangent("prefix_signatures")) {
        gradient =
            Signature.prefixesBackward(
                path, channels, depth, oracle.cotangent("prefix_signatures"));
      } else {
        LogSignatureBasis basis =
            LogSignatureBasis.of(oracle.kind().substring("logsignature_".length()));
        gradient =
            LogSignature.of(channels, depth, basis)
                .ofPathBackward(path, oracle.cotangent(oracle.kind()));
      }
      assertAgrees(oracle.gradient("path"), gradient, 1e-11, oracle.toString());
      compared++;
    }
    assertEquals(29, compared);
  }

  @ParameterizedTest
  @MethodSource("targets")
  void gradientsInBatchesAgreeWithTheOracle(String target) {
    SignatureBackend backend = backend(target);
    int compared = 0;
    for (Case oracle : OracleFile.cases("signature.json")) {
      int channels = oracle.parameter("channels").asInt();
      int depth = oracle.parameter("depth").asInt();
      double[] path = oracle.input("path");
      long[] begin = {0, 0, 0};
      long[] end = {path.length / channels, 0, path.length / channels};
      String what = target + " " + oracle;
      double[] gradient = new double[path.length];
      float[] narrow = new float[path.length];
      // After the path an empty one and the path again, both with cotangent zero.
      if (oracle.hasCotangent("signature")) {
        double[] one = oracle.cotangent("signature");
        double[] cotangents = Arrays.copyOf(one, 3 * one.length);
        double[] signatures = new double[cotangents.length];
        backend.forward(path, begin, end, channels, depth, signatures);
        backend.backward(path, begin, end, channels, depth, signatures, cotangents, gradient);
        float[] own = new float[cotangents.length];
        backend.forward(toFloat(path), begin, end, channels, depth, own);
        backend.backward(
            toFloat(path), begin, end, channels, depth, own, toFloat(cotangents), narrow);
      } else if (oracle.hasCotangent("logsignature_words")
          || oracle.hasCotangent("logsignature_expanded")) {
        boolean words = oracle.hasCotangent("logsignature_words");
        double[] one = oracle.cotangent(oracle.kind());
        double[] cotangents = Arrays.copyOf(one, 3 * one.length);
        backend.logBackward(path, begin, end, channels, depth, words, cotangents, gradient);
        backend.logBackward(
            toFloat(path), begin, end, channels, depth, words, toFloat(cotangents), narrow);
      } else {
        continue;
      }
      assertAgrees(oracle.gradient("path"), gradient, 1e-11, what);
      assertAgrees(oracle.gradient("path"), toDouble(narrow), 1e-4, what + " float");
      compared++;
    }
    assertTrue(compared > 10, "compared " + compared);
  }

  @ParameterizedTest
  @MethodSource("targets")
  void logSignaturesInBatchesAgreeWithTheOracle(String target) {
    SignatureBackend backend = backend(target);
    for (Case oracle : OracleFile.cases("signature.json", "logsignature")) {
      int channels = oracle.parameter("channels").asInt();
      int depth = oracle.parameter("depth").asInt();
      double[] path = oracle.input("path");
      long[] begin = {0, 0, 0};
      long[] end = {path.length / channels, 0, path.length / channels};
      double largest = 0;
      for (double entry : Signature.of(path, channels, depth)) {
        largest = Math.max(largest, Math.abs(entry));
      }
      for (boolean words : new boolean[] {true, false}) {
        String name = words ? "logsignature_words" : "logsignature_expanded";
        if (oracle.hasOutput(name)) {
          double[] expected = oracle.output(name);
          int width = expected.length;
          double[] out = new double[3 * width];
          float[] narrow = new float[3 * width];
          backend.logForward(path, begin, end, channels, depth, words, out);
          backend.logForward(toFloat(path), begin, end, channels, depth, words, narrow);
          String what = target + " " + name + " " + oracle;
          for (int b = 0; b < 3; b += 2) {
            assertAgrees(expected, row(out, b, width), DOUBLE, what);
            // A logarithm is the difference of a signature's entries.
            assertArrayEquals(
                expected, row(toDouble(narrow), b, width), FLOAT * (1 + largest), what);
          }
          assertArrayEquals(new double[width], row(out, 1, width), what);
        }
      }
    }
  }

  @Test
  void wordsAreThoseOfTheOracle() {
    for (Case oracle : OracleFile.cases("signature.json", "signature")) {
      if (oracle.parameter("words").isArray()) {
        assertEquals(
            texts(oracle.parameter("words")),
            Words.labels(oracle.parameter("channels").asInt(), oracle.parameter("depth").asInt()));
      }
    }
  }

  @Test
  void logSignaturesAgreeWithTheOracleInEveryBasis() {
    List<Case> cases = OracleFile.cases("signature.json", "logsignature");
    assertFalse(cases.isEmpty());
    for (Case oracle : cases) {
      int channels = oracle.parameter("channels").asInt();
      int depth = oracle.parameter("depth").asInt();
      for (LogSignatureBasis basis : LogSignatureBasis.values()) {
        String name = "logsignature_" + basis.label();
        if (!oracle.hasOutput(name)) {
          continue;
        }
        LogSignature log = LogSignature.of(channels, depth, basis);
        double[] expected = oracle.output(name);
        assertEquals(expected.length, log.width());
        assertEquals(expected.length, SignatureSize.logWidth(channels, depth, basis));
        assertAgrees(expected, log.ofPath(oracle.input("path")), 1e-12, name + " " + oracle);
      }
      if (oracle.parameter("lyndon_words").isArray()) {
        assertEquals(
            texts(oracle.parameter("lyndon_words")),
            LogSignature.of(channels, depth, LogSignatureBasis.WORDS).labels());
        assertEquals(
            texts(oracle.parameter("lyndon_brackets")),
            LogSignature.of(channels, depth, LogSignatureBasis.LYNDON).labels());
      }
    }
  }

  @Test
  void tensorOperationsAgreeWithTheOracle() {
    List<Case> cases = OracleFile.cases("chen.json");
    assertFalse(cases.isEmpty());
    for (Case oracle : cases) {
      int channels = oracle.parameter("channels").asInt();
      int depth = oracle.parameter("depth").asInt();
      String what = oracle.toString();
      switch (oracle.kind()) {
        case "combine" -> {
          double[] a = oracle.input("sig1");
          double[] b = oracle.input("sig2");
          assertAgrees(
              oracle.output("combined"),
              TensorAlgebra.combine(a, b, channels, depth),
              DOUBLE,
              what);
          double[][] gradients =
              TensorAlgebra.combineBackward(a, b, channels, depth, oracle.cotangent("combined"));
          assertAgrees(oracle.gradient("sig1"), gradients[0], 1e-11, what);
          assertAgrees(oracle.gradient("sig2"), gradients[1], 1e-11, what);
        }
        case "inverse" -> {
          double[] inverse = TensorAlgebra.inverse(oracle.input("sig"), channels, depth);
          assertArrayEquals(oracle.output("inverse"), inverse, 1e-13, what);
          double[] gradient = TensorAlgebra.inverse(oracle.cotangent("inverse"), channels, depth);
          assertArrayEquals(oracle.gradient("sig"), gradient, 1e-13, what);
        }
        case "exp" -> {
          double[] lie = oracle.input("lie_expanded");
          assertAgrees(oracle.output("exp"), TensorAlgebra.exp(lie, channels, depth), DOUBLE, what);
          assertAgrees(
              oracle.gradient("lie_expanded"),
              TensorAlgebra.expBackward(lie, channels, depth, oracle.cotangent("exp")),
              1e-11,
              what);
          assertAgrees(
              oracle.input("lie_lyndon"),
              LogSignature.of(channels, depth, LogSignatureBasis.LYNDON).project(lie),
              DOUBLE,
              what);
        }
        case "log" -> {
          double[] signature = oracle.input("sig");
          assertAgrees(
              oracle.output("log"), TensorAlgebra.log(signature, channels, depth), DOUBLE, what);
          assertAgrees(
              oracle.gradient("sig"),
              TensorAlgebra.logBackward(signature, channels, depth, oracle.cotangent("log")),
              1e-11,
              what);
        }
        case "exp_log_round_trip" -> {
          double[] exp = TensorAlgebra.exp(oracle.input("lie_expanded"), channels, depth);
          assertAgrees(oracle.output("exp"), exp, DOUBLE, what);
          assertAgrees(oracle.output("log"), TensorAlgebra.log(exp, channels, depth), 1e-11, what);
        }
        default -> throw new AssertionError("unknown case " + what);
      }
    }
  }

  @Test
  void transformsEqualTheOracle() {
    int compared = 0;
    for (Case oracle : OracleFile.cases("signature_transforms.json")) {
      if (!oracle.hasInput("path")) {
        continue;
      }
      int channels = oracle.parameter("channels").asInt();
      double[] path = oracle.input("path");
      double[] times = oracle.hasInput("times") ? oracle.input("times") : null;
      PathTransform transform =
          PathTransform.of(oracle.kind().equals("time_augment") ? "time" : oracle.kind());
      double[] expected = oracle.output("out");
      assertArrayEquals(expected, transform.apply(path, channels, times), oracle.toString());
      assertEquals(expected.length % transform.channelsAfter(channels), 0, oracle.toString());
      if (transform != PathTransform.CUMSUM) {
        assertArrayEquals(
            toFloat(expected), transform.apply(toFloat(path), channels, times), oracle.toString());
      }
      compared++;
    }
    assertEquals(5, compared);
  }

  @Test
  void windowsEqualTheOracle() {
    int compared = 0;
    for (Case oracle : OracleFile.cases("signature_transforms.json")) {
      Window window =
          switch (oracle.kind()) {
            case "sliding" ->
                Window.sliding(oracle.parameter("size").asInt(), oracle.parameter("step").asInt());
            case "expanding" ->
                Window.expanding(
                    oracle.parameter("initial").asInt(), oracle.parameter("step").asInt());
            case "dyadic" -> Window.dyadic(oracle.parameter("depth").asInt());
            default -> null;
          };
      if (window == null) {
        continue;
      }
      int length = oracle.parameter("length").asInt();
      double[] expected = oracle.output("windows");
      int[] ranges = window.ranges(length);
      assertEquals(expected.length, ranges.length, oracle.toString());
      for (int i = 0; i < ranges.length; i++) {
        assertEquals(expected[i], ranges[i], oracle.toString());
      }
      assertEquals(ranges.length / 2, window.count(length));
      assertEquals(window, Window.parse(window.toString()));
      compared++;
    }
    assertEquals(10, compared);
  }

  private static SignatureBackend backend(String target) {
    if (target.equals("java")) {
      return new JavaSignatures();
    }
    select(target);
    assertEquals(target, NativeLibrary.targetName());
    return new NativeSignatures();
  }

  private static boolean select(String target) {
    try (BytePointer name = new BytePointer(target)) {
      return Native.ssm_target_select(name) == 0;
    }
  }

  private static double[] path(int size, long seed) {
    java.util.SplittableRandom random = new java.util.SplittableRandom(seed);
    return random.doubles(size, -0.4, 0.4).toArray();
  }

  private static double[] row(double[] values, int row, int width) {
    return java.util.Arrays.copyOfRange(values, row * width, (row + 1) * width);
  }

  private static List<String> texts(JsonNode array) {
    List<String> texts = new ArrayList<>();
    array.forEach(node -> texts.add(node.asText()));
    return texts;
  }
}
