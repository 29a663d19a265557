package org.sparkssm.jobs;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** Runs commands as users do, in processes of their own. */
final class Launcher {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int TIMEOUT_MINUTES = 20;

  /** The root of the project; tests run in its jobs folder. */
  static final Path ROOT = Path.of("").toAbsolutePath().getParent();

  private Launcher() {}

  /**
   * What a process left behind.
   *
   * @param status exit code
   * @param out standard output
   * @param err standard error
   * @param peakResidentBytes the most memory the process had resident, as the kernel counted it
   */
  record Result(int status, String out, String err, long peakResidentBytes) {
    /** The JSON summary: the last line of standard output. */
    JsonNode summary() {
      List<String> lines = out.strip().lines().toList();
      try {
        return JSON.readTree(lines.get(lines.size() - 1));
      } catch (IOException e) {
        throw new UncheckedIOException("no JSON summary in: " + out + err, e);
      }
    }

    /** This result, if it ended well. */
    Result orFail() {
      if (status != 0) {
        throw new AssertionError("exit code " + status + "\n" + out + "\n" + err);
      }
      return this;
    }
  }

  /** {@code jobs/bin/spark-ssm} on the embedded Spark, with a driver heap such as {@code 1g}. */
  static Result embedded(String memory, String... arguments) {
    return run(
        Map.of("SPARK_DRIVER_MEMORY", memory),
        List.of("SPARK_HOME"),
        command("jobs/bin/spark-ssm", arguments));
  }

  /** {@code jobs/bin/spark-ssm} through the spark-submit of a Spark distribution. */
  static Result submitted(Path sparkHome, String... arguments) {
    return run(
        Map.of(
            "SPARK_HOME",
            sparkHome.toString(),
            "SPARK_DRIVER_MEMORY",
            "1g",
            "SPARK_LOCAL_IP",
            "127.0.0.1"),
        List.of(),
        command("jobs/bin/spark-ssm", arguments));
  }

  /** A script of the project, named from its root. */
  static Result script(Map<String, String> environment, String script, String... arguments) {
    return run(environment, List.of(), command(script, arguments));
  }

  private static List<String> command(String script, String... arguments) {
    List<String> command = new ArrayList<>();
    command.add("bash");
    command.add(ROOT.resolve(script).toString());
    command.addAll(Arrays.asList(arguments));
    return command;
  }

  private static Result run(
      Map<String, String> environment, List<String> unset, List<String> command) {
    try {
      Path out = Files.createTempFile("spark-ssm", ".out");
      Path err = Files.createTempFile("spark-ssm", ".err");
      try {
        ProcessBuilder builder =
            new ProcessBuilder(command).redirectOutput(out.toFile()).redirectError(err.toFile());
        builder.environment().putAll(environment);
        builder.environment().keySet().removeAll(unset);
        Process process = builder.start();
        long deadline = System.nanoTime() + TimeUnit.MINUTES.toNanos(TIMEOUT_MINUTES);
        long peak = 0;
        while (!process.waitFor(200, TimeUnit.MILLISECONDS)) {
          peak = Math.max(peak, peakResidentBytes(process.pid()));
          if (System.nanoTime() > deadline) {
            process.descendants().forEach(ProcessHandle::destroyForcibly);
            process.destroyForcibly();
            throw new AssertionError(
                command + " did not end within " + TIMEOUT_MINUTES + " minutes");
          }
        }
        return new Result(
            process.exitValue(),
            Files.readString(out, StandardCharsets.UTF_8),
            Files.readString(err, StandardCharsets.UTF_8),
            peak);
      } finally {
        Files.delete(out);
        Files.delete(err);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }

  /** VmHWM of a process; the launcher script becomes the JVM by exec, so its id is the JVM's. */
  static long peakResidentBytes(long pid) throws IOException {
    Path status = Path.of("/proc", Long.toString(pid), "status");
    try {
      return Files.readString(status)
          .lines()
          .filter(line -> line.startsWith("VmHWM:"))
          .mapToLong(line -> 1024 * Long.parseLong(line.replaceAll("[^0-9]", "")))
          .findFirst()
          .orElse(0);
    } catch (NoSuchFileException e) {
      return 0; // ended meanwhile
    }
  }
}
