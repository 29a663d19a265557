package org.sparkssm.jobs;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The promise in one table: the hash of the trained weights for 1, 2, 3 and 7 executors of 1 and 2
 * cores, in both modes, undisturbed, and killed and resumed. Run it by {@code mvn -pl jobs -am
 * verify -Pfaults -Dit.test=WeightsIdentityIT -Dsurefire.failIfNoSpecifiedTests=false}.
 */
@Tag("faults")
class WeightsIdentityIT {
  private static final Duration PATIENCE = Duration.ofMinutes(5);

  @TempDir private Path folder;

  private final List<String> table = new ArrayList<>();
  private final TreeSet<String> hashes = new TreeSet<>();

  @Test
  void weightsAreTheSameBitsEverywhere() throws IOException {
    add("this process, 1 core", "barrier", run("master=local[1]", "modes=barrier"));
    try (TrainingCluster cluster = new TrainingCluster(folder.resolve("cluster"), 14, "8g", "")) {
      for (int executors : new int[] {1, 2, 3, 7}) {
        for (int cores : new int[] {1, 2}) {
          List<String> found = run(layout(cluster, executors, cores, "modes=barrier,elastic"));
          String where = "%d executors of %d cores".formatted(executors, cores);
          add(where, "barrier", found.subList(0, 1));
          add(where, "elastic", found.subList(1, 2));
        }
      }
      for (String mode : new String[] {"barrier", "elastic"}) {
        String checkpoint = "checkpoint=" + folder.resolve("checkpoint-" + mode);
        kill(layout(cluster, 3, 2, "modes=" + mode, checkpoint));
        String[] other = layout(cluster, 7, 1, "modes=" + mode, checkpoint, "resume=true");
        add("killed on 3 of 2, resumed on 7 of 1", mode, run(other));
      }
    }
    table.forEach(System.out::println);
    assertEquals(1, hashes.size());
  }

  private void add(String where, String mode, List<String> found) {
    assertEquals(1, found.size());
    hashes.addAll(found);
    table.add("%-38s %-8s %s".formatted(where, mode, found.get(0)));
  }

  private static String[] layout(
      TrainingCluster cluster, int executors, int cores, String... more) {
    List<String> arguments = new ArrayList<>(List.of(more));
    arguments.add("master=" + cluster.master());
    arguments.add("spark.executor.cores=" + cores);
    arguments.add("spark.cores.max=" + executors * cores);
    arguments.add("spark.scheduler.minRegisteredResourcesRatio=1");
    arguments.add("spark.scheduler.maxRegisteredResourcesWaitingTime=120s");
    return arguments.toArray(String[]::new);
  }

  private List<String> run(String... arguments) throws IOException {
    List<String> all = new ArrayList<>(List.of(arguments));
    all.addAll(List.of("epochs=8", "spark.ssm.checkpointLease=3s"));
    try (TrainingCluster.Driver driver =
        new TrainingCluster.Driver(folder, all.toArray(String[]::new))) {
      return driver.results("weights", PATIENCE);
    }
  }

  private void kill(String... arguments) throws IOException {
    List<String> all = new ArrayList<>(List.of(arguments));
    all.addAll(
        List.of("epochs=8", "spark.ssm.checkpointInterval=10ms", "spark.ssm.checkpointLease=3s"));
    try (TrainingCluster.Driver driver =
        new TrainingCluster.Driver(folder, all.toArray(String[]::new))) {
      driver.await("epoch 4", PATIENCE);
      driver.kill();
    }
  }
}
