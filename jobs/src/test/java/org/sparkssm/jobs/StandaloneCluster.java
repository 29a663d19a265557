package org.sparkssm.jobs;

import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;

/**
 * A standalone Spark master with workers, two of one core and 1 GiB each if not said otherwise, in
 * processes of their own.
 */
final class StandaloneCluster implements AutoCloseable {
  private final Path folder;
  private final Path sparkHome;
  private final String master;

  private StandaloneCluster(Path folder, Path sparkHome, String master) {
    this.folder = folder;
    this.sparkHome = sparkHome;
    this.master = master;
  }

  /** Starts one that keeps its logs in {@code folder}. */
  static StandaloneCluster start(Path folder) {
    return start(folder, 2, 1, Map.of());
  }

  /** Starts one of as many workers, of as many cores each, in an environment. */
  static StandaloneCluster start(
      Path folder, int workers, int cores, Map<String, String> environment) {
    Path home = sparkHome();
    Map<String, String> variables = new TreeMap<>(environment);
    variables.put("SPARK_HOME", home.toString());
    String master =
        Launcher.script(
                variables,
                "deploy/standalone/start.sh",
                folder.toString(),
                String.valueOf(workers),
                String.valueOf(cores),
                cores + "g")
            .orFail()
            .out()
            .strip();
    return new StandaloneCluster(folder, home, master);
  }

  /** The machine's Spark distribution, or one installed into {@code target}. */
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

  /** The Spark distribution it runs. */
  Path home() {
    return sparkHome;
  }

  /** Its address, {@code spark://HOST:PORT}. */
  String master() {
    return master;
  }

  @Override
  public void close() {
    Launcher.script(Map.of(), "deploy/standalone/stop.sh", folder.toString()).orFail();
  }
}
