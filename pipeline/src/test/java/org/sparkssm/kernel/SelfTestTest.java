package org.sparkssm.kernel;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.File;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.apache.commons.math3.special.Erf;
import org.bytedeco.javacpp.Pointer;
import org.junit.jupiter.api.Test;

class SelfTestTest {
  @Test
  void everyOperationOfTheProcessorPasses() {
    try (HostKernels host = new HostKernels()) {
      List<SelfTest.Outcome> outcomes = SelfTest.test(host);
      assertEquals(
          List.copyOf(OperationCases.OPERATIONS.keySet()),
          outcomes.stream().map(SelfTest.Outcome::operation).toList());
      outcomes.forEach(outcome -> assertTrue(outcome.passed(), outcome.toString()));
    }
  }

  @Test
  void aWrongOperationFails() {
    SelfTest.Outcome exact = new SelfTest.Outcome("gemm", 0.9, null, 1, 1);
    assertTrue(exact.passed());
    assertFalse(new SelfTest.Outcome("gemm", 1.1, null, 1, 1).passed());
    assertFalse(new SelfTest.Outcome("gemm", 0, "out of memory", 1, 1).passed());
    // The cases tell kernels of single precision from those of double.
    try (ReferenceKernels single = new ReferenceKernels(Precision.FLOAT);
        ReferenceKernels doubles = new ReferenceKernels(Precision.DOUBLE)) {
      OperationCases.Case expected = new OperationCases.Case(doubles, 2);
      OperationCases.Case actual = new OperationCases.Case(single, 2);
      Tensor wrong = actual.tensor(5, 5);
      expected.tensor(5, 5);
      assertEquals(0, actual.distance(expected));
      single.fill(wrong, Double.NaN);
      assertEquals(Double.POSITIVE_INFINITY, actual.distance(expected));
    }
  }

  @Test
  void itRunsOnAClassPathWithoutSparkAndNd4j() throws IOException, InterruptedException {
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx512m",
                "-cp",
                String.join(
                    File.pathSeparator,
                    place(SelfTest.class),
                    place(Pointer.class),
                    place(Erf.class)),
                SelfTest.class.getName())
            .redirectErrorStream(true)
            .start();
    String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, process.waitFor(), out);
    assertTrue(out.contains("the GPU was not tested: the class path has no CUDA kernels"), out);
    assertTrue(out.contains("the processor was not tested: ND4J's processor backend"), out);
    Stream<String> tested = out.lines().filter(line -> line.startsWith("  ok "));
    assertEquals(OperationCases.OPERATIONS.size(), tested.count(), out);
  }

  /** The jar or folder that a class comes from. */
  private static String place(Class<?> type) {
    try {
      return Path.of(type.getProtectionDomain().getCodeSource().getLocation().toURI()).toString();
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }
}
