package org.sparkssm.jobs;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** A standalone Spark of real processes, and drivers that train on it. */
final class TrainingCluster implements AutoCloseable {
  private final Path folder;
  private final String master;

  /**
   * Starts a master and one worker.
   *
   * @param cores of the worker: the most executors of one core
   * @param memory of the worker
   * @param daemonOptions JVM options of both
   */
  TrainingCluster(Path folder, int cores, String memory, String daemonOptions) {
    this.folder = folder;
    Path home = sparkHome();
    Map<String, String> environment = new HashMap<>();
    environment.put("SPARK_HOME", home.toString());
    environment.put("SPARK_DAEMON_MEMORY", "256m");
    environment.put("SPARK_DAEMON_JAVA_OPTS", daemonOptions);
    master =
        Launcher.script(
                environment,
                "deploy/standalone/start.sh",
                folder.toString(),
                "1",
                String.valueOf(cores),
                memory)
            .orFail()
            .out()
            .strip();
  }

  /** The one of SPARK_HOME, or that of PyPI's pyspark. */
  static Path sparkHome() {
    String home = System.getenv("SPARK_HOME");
    if (home == null) {
      home =
          Launcher.script(
                  Map.of(), "deploy/standalone/get-spark.sh", Path.of("target", "spark").toString())
              .orFail()
              .out()
              .strip();
    }
    return Path.of(home).toAbsolutePath();
  }

  String master() {
    return master;
  }

  /** The executors that run, as processes. */
  List<ProcessHandle> executors() throws IOException {
    List<ProcessHandle> found = new ArrayList<>();
    for (String line : Files.readAllLines(folder.resolve("pids"), StandardCharsets.UTF_8)) {
      Optional<ProcessHandle> daemon = ProcessHandle.of(Long.parseLong(line.split(" ", 2)[0]));
      Stream<ProcessHandle> below = daemon.stream().flatMap(ProcessHandle::descendants);
      below.filter(TrainingCluster::isExecutor).forEach(found::add);
    }
    return found;
  }

  private static boolean isExecutor(ProcessHandle process) {
    return commandLine(process).contains("CoarseGrainedExecutorBackend");
  }

  /** Longer than what ProcessHandle gives. */
  private static String commandLine(ProcessHandle process) {
    try {
      byte[] line = Files.readAllBytes(Path.of("/proc/" + process.pid() + "/cmdline"));
      return new String(line, StandardCharsets.UTF_8).replace('\0', ' ');
    } catch (IOException e) {
      return ""; // it has ended
    }
  }

  /** Sends a signal such as {@code KILL}, {@code STOP} or {@code CONT}. */
  static void signal(ProcessHandle process, String signal) throws IOException {
    try {
      new ProcessBuilder("kill", "-" + signal, String.valueOf(process.pid())).start().waitFor();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }

  @Override
  public void close() {
    Launcher.script(Map.of(), "deploy/standalone/stop.sh", folder.toString()).orFail();
  }

  /** A process of {@link TrainingProgram}. */
  static final class Driver implements AutoCloseable {
    private final Process process;
    private final Path out;
    private final Path err;
    private final long started = System.nanoTime();

    /**
     * Starts one.
     *
     * @param arguments {@code key=value}
     */
    Driver(Path folder, String... arguments) throws IOException {
      Files.createDirectories(folder);
      out = Files.createTempFile(folder, "driver", ".out");
      err = Files.createTempFile(folder, "driver", ".err");
      List<String> command = new ArrayList<>();
      command.add(ProcessHandle.current().info().command().orElseThrow());
      command.addAll(JvmOptions.ofSpark());
      command.addAll(List.of("-Xmx512m", "-cp", System.getProperty("java.class.path")));
      command.add(TrainingProgram.class.getName());
      command.addAll(Arrays.asList(arguments));
      ProcessBuilder builder =
          new ProcessBuilder(command).redirectOutput(out.toFile()).redirectError(err.toFile());
      builder.environment().put("OMP_NUM_THREADS", "1");
      builder.environment().put("SPARK_LOCAL_IP", "127.0.0.1");
      process = builder.start();
    }

    /** VmHWM of the process. */
    long peakResidentBytes() throws IOException {
      return Launcher.peakResidentBytes(process.pid());
    }

    boolean isAlive() {
      return process.isAlive();
    }

    double seconds() {
      return (System.nanoTime() - started) * 1e-9;
    }

    List<String> lines() throws IOException {
      return Files.readAllLines(out, StandardCharsets.UTF_8);
    }

    String log() throws IOException {
      return Files.readString(err, StandardCharsets.UTF_8);
    }

    /** Waits for a line of standard output. */
    void await(String line, Duration timeout) throws IOException {
      awaitThat(() -> lines().contains(line), "the line " + line, timeout);
    }

    /** Waits for a text in the log. */
    void awaitLog(String text, Duration timeout) throws IOException {
      awaitThat(() -> log().contains(text), "in its log: " + text, timeout);
    }

    private interface Claim {
      boolean holds() throws IOException;
    }

    private void awaitThat(Claim claim, String what, Duration timeout) throws IOException {
      long deadline = System.nanoTime() + timeout.toNanos();
      while (!claim.holds()) {
        if (!process.isAlive() || System.nanoTime() > deadline) {
          throw new AssertionError("the driver did not come to " + what + "\n" + tail());
        }
        pause();
      }
    }

    private static void pause() {
      try {
        Thread.sleep(50);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new IllegalStateException(e);
      }
    }

    /** What stands after the first word of the lines that begin with it, once it has ended. */
    List<String> results(String word, Duration timeout) throws IOException {
      try {
        if (!process.waitFor(timeout.toMillis(), TimeUnit.MILLISECONDS)) {
          throw new AssertionError(
              "the driver has not ended after " + timeout.toSeconds() + " s\n" + tail());
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new IllegalStateException(e);
      }
      return lines().stream()
          .filter(line -> line.startsWith(word))
          .map(line -> line.substring(word.length()).strip())
          .toList();
    }

    void kill() {
      process.destroyForcibly();
    }

    private String tail() throws IOException {
      List<String> log = log().lines().toList();
      return String.join("\n", lines())
          + "\n"
          + String.join("\n", log.subList(Math.max(0, log.size() - 60), log.size()));
    }

    /** What it printed, and the end of its log. */
    @Override
    public String toString() {
      try {
        return tail();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }

    @Override
    public void close() {
      process.destroyForcibly();
    }
  }
}
