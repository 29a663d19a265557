package org.sparkssm.jobs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.TreeSet;
import java.util.jar.JarFile;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/**
 * The jar for spark-submit holds what src/main/assembly/packages.txt lists, and nothing that Spark
 * brings itself.
 */
class AssembledJarIT {
  private static final Path JAR = Path.of("target", "spark-ssm-jobs.jar");
  private static final Path LIST = Path.of("src", "main", "assembly", "packages.txt");

  @Test
  void holdsExactlyTheListedPackages() throws IOException {
    TreeSet<String> found = new TreeSet<>();
    try (JarFile jar = new JarFile(JAR.toFile())) {
      jar.stream()
          .filter(entry -> !entry.isDirectory())
          .forEach(entry -> found.add(packageOf(entry.getName())));
    }
    List<String> expected =
        Files.readAllLines(LIST).stream()
            .filter(line -> !line.isBlank() && !line.startsWith("#"))
            .collect(Collectors.toList());
    assertEquals(
        String.join("\n", expected),
        String.join("\n", found),
        "the content of the assembled jar changed; if that is meant, update " + LIST);
  }

  @Test
  void bringsNoSparkHadoopOrScala() throws IOException {
    try (JarFile jar = new JarFile(JAR.toFile())) {
      List<String> foreign =
          jar.stream()
              .map(entry -> entry.getName())
              .filter(
                  name ->
                      name.matches(
                          "(org/apache/(spark|hadoop|parquet|arrow)|scala|breeze)/.*\\.class"))
              .collect(Collectors.toList());
      assertEquals(List.of(), foreign);
    }
  }

  @Test
  void mergesServiceFilesSoThatNd4jFindsItsBackend() throws IOException {
    try (JarFile jar = new JarFile(JAR.toFile())) {
      String services =
          new String(
              jar.getInputStream(
                      jar.getJarEntry("META-INF/services/org.nd4j.linalg.factory.Nd4jBackend"))
                  .readAllBytes(),
              StandardCharsets.UTF_8);
      assertTrue(services.contains("org.nd4j.linalg.cpu.nativecpu.CpuBackend"), services);
    }
  }

  /** The first three folders of an entry. */
  private static String packageOf(String entry) {
    String[] parts = entry.split("/", -1);
    int depth = Math.min(3, parts.length - 1);
    return depth == 0 ? "(root) " + entry : String.join("/", List.of(parts).subList(0, depth));
  }
}
