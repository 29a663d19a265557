package org.sparkssm.jobs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Trainings on two executors while something breaks: each ends with the weights of an undisturbed
 * one or with a clear error, in bounded time. The last thing printed is a table of them. Two of the
 * faults belong to every build, the others to {@code -Pfaults}; those that need no processes are in
 * {@code TrainingRecoveryIT}.
 */
class TrainingFaultsIT {
  private static final Duration PATIENCE = Duration.ofMinutes(4);
  private static final String COMMIT = "_checkpoint.json";
  private static final int EPOCHS = 400;

  /** Fewer, since each step is a Spark job. */
  private static final int ELASTIC_EPOCHS = 60;

  private static final String[] ELASTIC = {"modes=elastic", "epochs=" + ELASTIC_EPOCHS};

  @TempDir private static Path folder;

  private static final List<String> TABLE = new ArrayList<>();
  private static TrainingCluster cluster;
  private static final Map<Integer, String> UNDISTURBED = new HashMap<>();

  private int number;

  @BeforeAll
  static void start() throws IOException {
    cluster = new TrainingCluster(folder.resolve("cluster"), 2, "2g", "");
    for (int epochs : new int[] {EPOCHS, ELASTIC_EPOCHS}) {
      try (TrainingCluster.Driver driver =
          new TrainingCluster.Driver(folder, "master=local[1]", "epochs=" + epochs)) {
        UNDISTURBED.put(epochs, driver.results("weights", PATIENCE).get(0));
      }
    }
  }

  @AfterAll
  static void stop() {
    cluster.close();
    System.out.println("fault                                    outcome                  seconds");
    TABLE.forEach(System.out::println);
  }

  private TrainingCluster.Driver driver(String... more) throws IOException {
    List<String> arguments =
        new ArrayList<>(
            List.of(
                "master=" + cluster.master(),
                "epochs=" + EPOCHS,
                "spark.executor.cores=1",
                "spark.cores.max=2",
                "spark.ssm.checkpointInterval=200ms",
                "spark.ssm.checkpointLease=3s"));
    arguments.addAll(List.of(more));
    return new TrainingCluster.Driver(folder, arguments.toArray(String[]::new));
  }

  private String checkpoint() {
    return "checkpoint=" + folder.resolve("checkpoint-" + System.nanoTime() + "-" + number++);
  }

  /** Waits until a checkpoint is whole. */
  private static void awaitCommit(Path checkpoints) throws Exception {
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    while (!hasCommit(checkpoints)) {
      assertTrue(System.nanoTime() < deadline, () -> "no checkpoint below " + checkpoints);
      Thread.sleep(10);
    }
  }

  private static boolean hasCommit(Path checkpoints) throws IOException {
    try (Stream<Path> files = Files.walk(checkpoints)) {
      return files.anyMatch(file -> file.getFileName().toString().equals(COMMIT));
    } catch (UncheckedIOException | NoSuchFileException e) {
      return false; // not there yet, or one was removed meanwhile
    }
  }

  private static void assertSameWeights(String fault, TrainingCluster.Driver driver)
      throws IOException {
    assertSameWeights(fault, EPOCHS, driver);
  }

  private static void assertSameWeights(String fault, int epochs, TrainingCluster.Driver driver)
      throws IOException {
    assertEquals(
        List.of(UNDISTURBED.get(epochs)), driver.results("weights", PATIENCE), driver::toString);
    assertEquals(1, driver.results("usable", PATIENCE).size(), "Spark runs jobs afterwards");
    note(fault, "the same weights", driver);
  }

  private static void note(String fault, String outcome, TrainingCluster.Driver driver) {
    TABLE.add(String.format(Locale.ROOT, "%-40s %-24s %5.0f", fault, outcome, driver.seconds()));
  }

  @Test
  void anExecutorThatIsKilledIsReplaced() throws IOException {
    try (TrainingCluster.Driver driver = driver(checkpoint())) {
      driver.await("epoch 10", PATIENCE);
      TrainingCluster.signal(cluster.executors().get(0), "KILL");
      assertSameWeights("kill -9 of an executor", driver);
      assertTrue(driver.log().contains("goes on from step"), "it was restarted");
    }
  }

  @Test
  void aDriverThatIsKilledIsResumed() throws Exception {
    String checkpoint = checkpoint();
    try (TrainingCluster.Driver driver = driver(checkpoint)) {
      driver.await("epoch 10", PATIENCE);
      awaitCommit(Path.of(checkpoint.substring(checkpoint.indexOf('=') + 1)));
      driver.kill();
    }
    try (TrainingCluster.Driver driver = driver(checkpoint, "resume=true")) {
      assertSameWeights("kill -9 of the driver, --resume", driver);
      assertTrue(
          driver.results("begins", PATIENCE).get(0).contains("goes on from the checkpoint of step"),
          "it was resumed");
    }
  }

  @Test
  @Tag("faults")
  void anExecutorThatIsKilledInElasticModeIsReplaced() throws IOException {
    try (TrainingCluster.Driver driver = driver(checkpoint(), ELASTIC[0], ELASTIC[1])) {
      driver.await("epoch 5", PATIENCE);
      TrainingCluster.signal(cluster.executors().get(0), "KILL");
      assertSameWeights("kill -9 of an executor, elastic", ELASTIC_EPOCHS, driver);
    }
  }

  @Test
  @Tag("faults")
  void aTaskThatFailsCostsOneAttempt() throws IOException {
    try (TrainingCluster.Driver driver = driver("kill=10")) {
      assertSameWeights("injected task failure, no checkpoint", driver);
    }
  }

  @Test
  @Tag("faults")
  void aCancelledTrainingEnds() throws IOException {
    try (TrainingCluster.Driver driver = driver("cancel=10", "epochs=100000")) {
      driver.await("epoch 10", PATIENCE);
      List<String> errors = driver.results("error", Duration.ofSeconds(30));
      assertTrue(errors.get(0).contains("CancellationException"), errors::toString);
      assertEquals(1, driver.results("usable", PATIENCE).size());
      note("job group cancelled", "cancelled", driver);
    }
  }

  @Test
  @Tag("faults")
  void speculationDoesNotChangeABit() throws IOException {
    try (TrainingCluster.Driver driver =
        driver(
            ELASTIC[0],
            ELASTIC[1],
            "spark.speculation=true",
            "spark.speculation.interval=10ms",
            "spark.speculation.multiplier=1.01",
            "spark.speculation.quantile=0.5",
            "spark.speculation.minTaskRuntime=1ms")) {
      assertSameWeights("speculation, elastic", ELASTIC_EPOCHS, driver);
    }
  }

  @Test
  @Tag("faults")
  void anExecutorThatStopsAnsweringIsGivenUp() throws IOException {
    try (TrainingCluster.Driver driver =
        driver(
            checkpoint(),
            "spark.ssm.exchangeTimeout=10s",
            "spark.ssm.maxRestarts=8",
            "spark.network.timeout=20s",
            "spark.network.timeoutInterval=5s",
            "spark.executor.heartbeatInterval=2s")) {
      driver.await("epoch 10", PATIENCE);
      ProcessHandle executor = cluster.executors().get(0);
      TrainingCluster.signal(executor, "STOP");
      try {
        assertSameWeights("SIGSTOP of an executor", driver);
      } finally {
        TrainingCluster.signal(executor, "KILL");
      }
    }
  }

  @Test
  @Tag("faults")
  void aStragglerOfAnEarlierAttemptIsRefused() throws IOException {
    try (TrainingCluster.Driver driver =
        driver(
            checkpoint(),
            "spark.ssm.exchangeTimeout=5s",
            "spark.ssm.maxRestarts=8",
            "spark.network.timeout=60s",
            "spark.executor.heartbeatInterval=2s")) {
      driver.await("epoch 10", PATIENCE);
      ProcessHandle executor = cluster.executors().get(0);
      TrainingCluster.signal(executor, "STOP");
      driver.awaitLog("goes on from step", PATIENCE);
      TrainingCluster.signal(executor, "CONT");
      assertSameWeights("straggler of a failed attempt", driver);
    }
  }

  @Test
  @Tag("faults")
  void secondOfTwoDriversOnAFolderIsRefused() throws IOException {
    String checkpoint = checkpoint();
    try (TrainingCluster.Driver first = driver(checkpoint, "epochs=100000")) {
      first.await("epoch 5", PATIENCE);
      try (TrainingCluster.Driver second = driver(checkpoint, "resume=true", "master=local[1]")) {
        List<String> errors = second.results("error", PATIENCE);
        assertEquals(1, errors.size(), errors::toString);
        assertTrue(errors.get(0).contains("is in use by application"), errors::toString);
        note("two drivers, one checkpoint folder", "the second one refused", second);
      }
      long epochs = first.lines().size();
      first.await("epoch " + (epochs + 5), PATIENCE);
    }
  }

  @Test
  @Tag("faults")
  void authenticatedAndEncryptedWeightsAreTheSameAndAWrongSecretIsRefused() throws IOException {
    String[] secured = {
      "spark.authenticate=true", "spark.network.crypto.enabled=true", "spark.authenticate.secret=a"
    };
    String daemons =
        "-Dspark.authenticate=true -Dspark.network.crypto.enabled=true"
            + " -Dspark.authenticate.secret=a -Dspark.master.rest.enabled=false";
    try (TrainingCluster own = new TrainingCluster(folder.resolve("secured"), 2, "2g", daemons)) {
      try (TrainingCluster.Driver driver =
          driver("master=" + own.master(), secured[0], secured[1], secured[2])) {
        assertSameWeights("none: authenticated and encrypted", driver);
      }
      try (TrainingCluster.Driver driver =
          driver("master=" + own.master(), secured[0], secured[1], "spark.authenticate.secret=b")) {
        assertEquals(List.of(), driver.results("weights", PATIENCE));
        assertTrue(driver.seconds() < PATIENCE.toSeconds());
        note("wrong shared secret", "refused by the cluster", driver);
      }
    }
  }
}
