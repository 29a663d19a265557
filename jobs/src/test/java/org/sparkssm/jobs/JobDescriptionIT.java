package org.sparkssm.jobs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.apache.spark.SparkContext;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerJobStart;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.sparkssm.testing.SharedSpark;

/** What Spark's pages and the history server show of a command's jobs. */
class JobDescriptionIT {
  @TempDir private static Path folder;

  /** Commands with those of their options that name a folder or file. */
  private static final Set<String> PATHS =
      Set.of(
          "generate --output",
          "features --input",
          "features --output",
          "train --input",
          "train --output",
          "evaluate --model",
          "evaluate --input",
          "evaluate --output",
          "predict --model",
          "predict --input",
          "predict --output",
          "report --input",
          "report --output");

  @Test
  void everyJobOfACommandSaysWhichCommandAndOnWhat() throws Exception {
    described("generate", "--task", "area", "--count", "80", "--length", "9", "--output", "area");
    described("features", "--input", "area", "--kind", "signature", "--output", "features");
    described("train", "--input", "features", "--model", "linear-readout", "--output", "model");
    described("evaluate", "--model", "model", "--input", "area", "--output", "evaluation.json");
    described("predict", "--model", "model", "--input", "area", "--output", "predictions");
    described("report", "--input", "area", "--output", "report.html");
  }

  /** Runs a command; names of folders and files are below the test's folder. */
  private static void described(String command, String... options) throws Exception {
    String[] arguments = new String[options.length + 1];
    arguments[0] = command;
    for (int k = 0; k < options.length; k++) {
      boolean isPath = k > 0 && PATHS.contains(command + " " + options[k - 1]);
      arguments[k + 1] = isPath ? folder.resolve(options[k]).toString() : options[k];
    }
    Descriptions descriptions = new Descriptions();
    SparkContext context = SharedSpark.session().sparkContext();
    context.addSparkListener(descriptions);
    try {
      assertEquals(0, CommandLineRun.of(arguments).status(), command);
      context.listenerBus().waitUntilEmpty();
    } finally {
      context.removeSparkListener(descriptions);
    }
    assertFalse(descriptions.found.isEmpty(), command + " ran no job");
    for (String description : descriptions.found) {
      assertTrue(description.startsWith("spark-ssm " + command + ": "), description);
    }
  }

  /** Descriptions of the jobs that were started. */
  private static final class Descriptions extends SparkListener {
    private final ConcurrentLinkedQueue<String> found = new ConcurrentLinkedQueue<>();

    @Override
    public void onJobStart(SparkListenerJobStart job) {
      found.add(
          Optional.ofNullable(job.properties().getProperty("spark.job.description"))
              .orElse("none"));
    }
  }
}
