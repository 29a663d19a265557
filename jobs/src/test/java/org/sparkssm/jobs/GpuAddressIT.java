package org.sparkssm.jobs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Tasks compute on the GPU that Spark assigned to them: a standalone cluster whose worker's
 * discovery finds two GPUs, which need not exist.
 */
class GpuAddressIT {
  @TempDir private static Path folder;

  private static StandaloneCluster cluster;

  @BeforeAll
  static void startCluster() throws IOException {
    Path script = folder.resolve("discover.sh");
    // deploy/gpu/discover-gpus.sh, on a machine whose nvidia-smi lists the GPUs 2 and 5.
    Path tools = Files.createDirectories(folder.resolve("tools"));
    Path smi = tools.resolve("nvidia-smi");
    Files.writeString(smi, "#!/bin/sh\nprintf '2\\n5\\n'\n");
    Files.writeString(
        script,
        "#!/bin/sh\nPATH="
            + tools
            + ":$PATH exec bash "
            + Launcher.ROOT.resolve("deploy/gpu/discover-gpus.sh")
            + "\n");
    assertTrue(smi.toFile().setExecutable(true) && script.toFile().setExecutable(true));
    cluster =
        StandaloneCluster.start(
            folder.resolve("cluster"),
            1,
            4,
            Map.of(
                "SPARK_WORKER_OPTS",
                "-Dspark.worker.resource.gpu.amount=2 -Dspark.worker.resource.gpu.discoveryScript="
                    + script));
  }

  @AfterAll
  static void stopCluster() {
    cluster.close();
  }

  @Test
  void eachTaskGetsTheAddressOfItsExecutorsGpu() throws IOException, InterruptedException {
    List<String> lines = run();
    for (String stage : List.of("default", "profile")) {
      Map<String, Set<String>> byExecutor = new TreeMap<>();
      for (String line : lines) {
        if (line.startsWith(stage + " ")) {
          String[] words = line.split(" ", -1);
          byExecutor.computeIfAbsent(words[1], name -> new TreeSet<>()).add(words[2]);
          assertEquals(8L << 30, Long.parseLong(words[3]));
        }
      }
      assertEquals(2, byExecutor.size(), lines.toString());
      Set<String> addresses = new TreeSet<>();
      byExecutor.forEach(
          (executor, ofExecutor) -> {
            assertEquals(1, ofExecutor.size(), lines.toString());
            addresses.addAll(ofExecutor);
          });
      assertEquals(Set.of("2", "5"), addresses, lines.toString());
    }
    assertTrue(
        lines.get(lines.size() - 1).startsWith("device gpu is not available here: "),
        lines.toString());
  }

  private static List<String> run() throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(ProcessHandle.current().info().command().orElseThrow());
    command.addAll(JvmOptions.ofSpark());
    command.addAll(List.of("-Xmx512m", "-cp", System.getProperty("java.class.path")));
    command.addAll(List.of(GpuAddressProgram.class.getName(), cluster.master()));
    Path err = folder.resolve("driver.err");
    ProcessBuilder builder = new ProcessBuilder(command).redirectError(err.toFile());
    builder.environment().put("SPARK_LOCAL_IP", "127.0.0.1");
    Process process = builder.start();
    String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, process.waitFor(), out + Files.readString(err));
    return out.lines().toList();
  }
}
