package org.sparkssm.jobs;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.io.File;
import java.io.IOException;
import java.io.StringReader;
import java.net.MalformedURLException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.apache.spark.internal.config.ConfigEntry;
import org.apache.spark.resource.ResourceInformation;
import org.apache.spark.sql.internal.SQLConf;
import org.apache.spark.sql.internal.StaticSQLConf;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Files under deploy/ say what Spark understands. */
@Tag("operations")
class DeploymentIT {
  @TempDir private static Path folder;

  /** Keys that Spark builds from parts, or passes on. */
  private static final List<String> FAMILIES =
      List.of(
          "spark\\.(driver|executor|worker|task)\\.resource\\.gpu\\.(amount|vendor|discoveryScript)",
          "spark\\.executorEnv\\.\\w+",
          "spark\\.kubernetes\\.driverEnv\\.\\w+",
          "spark\\.hadoop\\.fs\\.s3a\\..+",
          "spark\\.ssm\\..+"); // DocumentedSettingsTest

  @Test
  void propertiesAreOnesThatSparkKnows() throws Exception {
    Set<String> unknown = new TreeSet<>();
    try (URLClassLoader kubernetes = kubernetes()) {
      for (String registry :
          List.of(
              "org.apache.spark.internal.config.package$",
              SQLConf.class.getName() + "$",
              StaticSQLConf.class.getName() + "$",
              "org.apache.spark.deploy.k8s.Config$")) {
        Class.forName(registry, true, kubernetes);
      }
      for (Path file : files("deploy", ".conf")) {
        Properties properties = new Properties();
        properties.load(new StringReader(Files.readString(file)));
        assertFalse(properties.isEmpty(), file.toString());
        properties.stringPropertyNames().stream()
            .filter(key -> ConfigEntry.findEntry(key) == null)
            .filter(key -> FAMILIES.stream().noneMatch(key::matches))
            .forEach(unknown::add);
      }
    }
    assertEquals(Set.of(), unknown);
  }

  @Test
  void gpusAreListedAsSparkReadsThem() throws IOException {
    Path tools = Files.createDirectories(folder.resolve("bin"));
    Path smi = Files.writeString(tools.resolve("nvidia-smi"), "#!/bin/sh\nprintf '0\\n1\\n'\n");
    assertEquals(true, smi.toFile().setExecutable(true));
    String path = tools + File.pathSeparator + System.getenv("PATH");

    String json =
        Launcher.script(Map.of("PATH", path), "deploy/gpu/discover-gpus.sh").orFail().out();

    ResourceInformation gpus = ResourceInformation.parseJson(json);
    assertEquals("gpu", gpus.name());
    assertArrayEquals(new String[] {"0", "1"}, gpus.addresses());
  }

  /** Spark's own jars for Kubernetes, which a project that runs on it does not depend on. */
  private static URLClassLoader kubernetes() throws IOException {
    try (Stream<Path> jars = Files.list(StandaloneCluster.sparkHome().resolve("jars"))) {
      URL[] urls =
          jars.filter(jar -> jar.getFileName().toString().contains("kubernetes"))
              .map(DeploymentIT::url)
              .toArray(URL[]::new);
      return new URLClassLoader(urls, DeploymentIT.class.getClassLoader());
    }
  }

  private static URL url(Path path) {
    try {
      return path.toUri().toURL();
    } catch (MalformedURLException e) {
      throw new AssertionError(e);
    }
  }

  private static List<Path> files(String place, String end) throws IOException {
    try (Stream<Path> files = Files.walk(Launcher.ROOT.resolve(place))) {
      return files.filter(file -> file.toString().endsWith(end)).sorted().toList();
    }
  }
}
