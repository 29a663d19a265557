package org.sparkssm.jobs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The pipeline through a real spark-submit on a standalone master with two workers, against an
 * embedded Spark.
 */
class StandaloneClusterIT {
  @TempDir private static Path folder;

  private static StandaloneCluster cluster;

  @BeforeAll
  static void startCluster() {
    cluster = StandaloneCluster.start(folder.resolve("cluster"));
  }

  @AfterAll
  static void stopCluster() {
    cluster.close();
  }

  @Test
  void twoWorkersGiveTheBitsOfOneCore() {
    JsonNode[] cluster = pipeline("cluster-run", true);
    JsonNode[] local = pipeline("local-run", false);

    assertEquals(local[0].path("fingerprint").asText(), cluster[0].path("fingerprint").asText());
    assertEquals(64, cluster[1].path("weightsSha256").asText().length());
    assertEquals(
        local[1].path("weightsSha256").asText(), cluster[1].path("weightsSha256").asText());
    double rmse = cluster[2].path("metrics").path("rmse").asDouble(Double.NaN);
    assertTrue(rmse < 0.02, "validation RMSE " + rmse + ", the labels' deviation is about 0.15");
    // The metric is a sum over partitions in Spark's order: equal up to rounding.
    assertEquals(local[2].path("metrics").path("rmse").asDouble(), rmse, 1e-12 * rmse);
  }

  /** Summaries of generate, train and evaluate. */
  private static JsonNode[] pipeline(String name, boolean onCluster) {
    String data = folder.resolve(name).resolve("data").toString();
    String features = folder.resolve(name).resolve("features").toString();
    String model = folder.resolve(name).resolve("model").toString();
    JsonNode generated =
        run(
            onCluster,
            "generate",
            "--task",
            "area",
            "--count",
            "3000",
            "--length",
            "30",
            "--seed",
            "7",
            "--shards",
            onCluster ? "5" : "2",
            "--output",
            data);
    JsonNode computed =
        run(
            onCluster,
            "features",
            "--input",
            data,
            "--output",
            features,
            "--kind",
            "linear-cde",
            "--state",
            "64",
            "--solver",
            "rk4",
            "--seed",
            "3");
    assertEquals(3000, computed.path("rows").asLong());
    JsonNode trained =
        run(
            onCluster,
            "train",
            "--input",
            features,
            "--output",
            model,
            "--model",
            "linear-readout");
    JsonNode evaluated =
        run(onCluster, "evaluate", "--model", model, "--input", features, "--split", "validation");
    return new JsonNode[] {generated, trained, evaluated};
  }

  private static JsonNode run(boolean onCluster, String... arguments) {
    String[] all = new String[arguments.length + 2];
    System.arraycopy(arguments, 0, all, 0, arguments.length);
    all[arguments.length] = "--master";
    all[arguments.length + 1] = onCluster ? cluster.master() : "local[1]";
    return (onCluster ? Launcher.submitted(cluster.home(), all) : Launcher.embedded("1g", all))
        .orFail()
        .summary();
  }
}
