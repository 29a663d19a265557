package org.sparkssm.jobs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The DAG in a real Airflow, as its page says, on a standalone master: real data in, report out.
 */
@Tag("operations")
class AirflowIT {
  static final String PAGE = "deploy/airflow/README.md";

  @TempDir private static Path folder;

  @Test
  void aDeliveryBecomesAReportEvenAfterAKilledAttempt() throws IOException {
    Path results = folder.resolve("results/2026-11-23");
    Path killed = Files.createDirectories(results.resolve("features"));
    Files.writeString(killed.resolve("_in_progress.json"), "{\"writer\":\"spark-ssm\"}");
    Files.writeString(killed.resolve("part-00000.snappy.parquet"), "half a file");

    try (StandaloneCluster cluster = StandaloneCluster.start(folder.resolve("cluster"))) {
      DocumentationPage.of(PAGE).run(cluster, folder).orFail();
    }

    JsonNode evaluation = new ObjectMapper().readTree(results.resolve("evaluation.json").toFile());
    assertEquals("test", evaluation.path("split").asText());
    assertEquals(370, evaluation.path("count").asInt());
    assertTrue(evaluation.path("metrics").path("accuracy").asDouble() >= 0.95);
    assertTrue(Files.readString(results.resolve("report.html")).contains("2026-11-23"));
    assertFalse(Files.exists(killed.resolve("part-00000.snappy.parquet")));
  }
}
