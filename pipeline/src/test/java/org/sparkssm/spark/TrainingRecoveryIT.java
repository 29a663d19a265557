package org.sparkssm.spark;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerTaskStart;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.ml.SequenceRegressor;
import org.sparkssm.testing.DetachedFileSystem;
import org.sparkssm.testing.FileCreation;
import org.sparkssm.testing.FullFileSystem;
import org.sparkssm.testing.SharedSpark;
import org.sparkssm.train.EpochRecord;
import org.sparkssm.train.TrainingListener;

/** What becomes of a training that is interrupted, and of its checkpoints. */
@Timeout(120)
class TrainingRecoveryIT {
  private static final int EPOCHS = 200;
  private static final String STATE = "state.safetensors";

  private static SparkSession spark;
  private static Dataset<Row> rows;
  private static String undisturbed;

  @TempDir private Path folder;

  @BeforeAll
  static void train() {
    spark = SharedSpark.session();
    Configuration hadoop = spark.sparkContext().hadoopConfiguration();
    hadoop.set(FullFileSystem.IMPLEMENTATION, FullFileSystem.class.getName());
    FullFileSystem.setRoom(Long.MAX_VALUE / 2);
    rows =
        spark
            .range(0, 200, 1, 3)
            .selectExpr(
                "id",
                "transform(sequence(0, 2 * (4 + id % 5) - 1), k -> float(sin(k * id))) as values",
                "cos(id) as label");
    undisturbed = fit(regressor());
  }

  private static SequenceRegressor regressor() {
    return new SequenceRegressor()
        .setChannels(2)
        .setWidth(4)
        .setStateSize(2)
        .setBlocks(1)
        .setEpochs(EPOCHS)
        .setValidationFraction(0.1);
  }

  private static String fit(SequenceRegressor regressor) {
    return regressor.fit(rows).weightsSha256();
  }

  private SequenceRegressor checkpointed(String where) {
    return regressor().setCheckpointDir(where);
  }

  private SequenceRegressor checkpointed() {
    return checkpointed("full://" + folder.resolve("checkpoints"));
  }

  /** Acts at the end of an epoch, on the driver. */
  private static TrainingListener afterEpoch(int epoch, Runnable action) {
    return new TrainingListener() {
      @Override
      public void epochEnds(EpochRecord record) {
        if (record.epoch() == epoch) {
          action.run();
        }
      }
    };
  }

  private static String message(SequenceRegressor regressor) {
    return assertThrows(InvalidInputException.class, () -> fit(regressor)).getMessage();
  }

  private List<Path> committed() throws IOException {
    try (Stream<Path> files = Files.walk(folder)) {
      return files
          .filter(file -> file.getFileName().toString().equals(CheckpointFolder.COMMIT))
          .sorted()
          .toList();
    } catch (UncheckedIOException e) {
      return List.of(); // an old one was removed meanwhile
    }
  }

  /** Ends a training by cancelling its jobs after its second epoch. */
  private void cancel(SequenceRegressor regressor) {
    String group = group();
    try {
      regressor.setTrainingListener(
          afterEpoch(2, () -> spark.sparkContext().cancelJobGroupAndFutureJobs(group)));
      assertThrows(CancellationException.class, () -> fit(regressor));
    } finally {
      spark.sparkContext().clearJobGroup();
    }
  }

  /**
   * Ends a training by cancelling its jobs when it has as many checkpoints, while it waits for the
   * next one to be written.
   */
  private void interrupt(SequenceRegressor regressor, int checkpoints) {
    String group = group();
    AtomicInteger states = new AtomicInteger();
    CountDownLatch ended = new CountDownLatch(1);
    FileCreation.listen(
        path -> {
          if (path.getName().equals(STATE) && states.getAndIncrement() == checkpoints) {
            spark.sparkContext().cancelJobGroupAndFutureJobs(group);
            await(ended);
          }
        });
    try {
      assertThrows(CancellationException.class, () -> fit(regressor));
    } finally {
      ended.countDown();
      FileCreation.ignore();
      spark.sparkContext().clearJobGroup();
    }
  }

  private static String group() {
    String group = "interrupted " + UUID.randomUUID();
    spark.sparkContext().setJobGroup(group, group, false);
    return group;
  }

  private static void await(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @Test
  void aCancelledTrainingEndsAndLeavesSparkUsable() {
    for (String mode : List.of("barrier", "elastic")) {
      long start = System.nanoTime();
      cancel(regressor().setMode(mode).setEpochs(100_000));
      assertTrue(System.nanoTime() - start < 60e9);
      assertEquals(10, spark.range(10).count());
    }
  }

  @Test
  void aResumedTrainingEndsWithTheSameBits() throws IOException {
    for (String mode : List.of("barrier", "elastic")) {
      String where = "full://" + folder.resolve(mode);
      interrupt(checkpointed(where).setMode(mode), 1);
      String other = mode.equals("barrier") ? "elastic" : "barrier";
      assertEquals(undisturbed, fit(checkpointed(where).setResume(true).setMode(other)));
    }
  }

  @Test
  void aTrainingResumedAtItsEndGivesItsResultAgain() {
    assertEquals(undisturbed, fit(checkpointed().setResume(true)));
    List<Integer> epochs = new ArrayList<>();
    SequenceRegressor again = checkpointed().setResume(true);
    again.setTrainingListener(
        new TrainingListener() {
          @Override
          public void progresses(Progress progress) {
            epochs.add(progress.epoch());
          }
        });
    assertEquals(undisturbed, fit(again));
    assertEquals(List.of(), epochs);
  }

  @Test
  void aKilledTaskCostsOneAttempt() {
    AtomicLong lastTask = new AtomicLong();
    SparkListener tasks =
        new SparkListener() {
          @Override
          public void onTaskStart(SparkListenerTaskStart start) {
            lastTask.set(start.taskInfo().taskId());
          }
        };
    spark.sparkContext().addSparkListener(tasks);
    try {
      for (SequenceRegressor regressor : List.of(checkpointed(), regressor())) {
        regressor.setTrainingListener(
            afterEpoch(
                EPOCHS / 2,
                () -> spark.sparkContext().killTaskAttempt(lastTask.get(), true, "injected")));
        assertEquals(undisturbed, fit(regressor));
      }
    } finally {
      spark.sparkContext().removeSparkListener(tasks);
    }
  }

  @Test
  void checkpointsLieOnAnyFileSystem() {
    Configuration hadoop = spark.sparkContext().hadoopConfiguration();
    hadoop.set(DetachedFileSystem.IMPLEMENTATION, DetachedFileSystem.class.getName());
    hadoop.set(DetachedFileSystem.ROOT, folder.toString());
    interrupt(checkpointed("detached://bucket/checkpoints"), 1);
    assertEquals(undisturbed, fit(checkpointed("detached://bucket/checkpoints").setResume(true)));
  }

  @Test
  void aFolderThatCannotBeWrittenIsRefusedAtOnce() {
    String message = message(checkpointed("/proc/checkpoints"));
    assertTrue(
        message.startsWith("the checkpoint folder /proc/checkpoints cannot be written"), message);
  }

  @Test
  void aDiskThatFillsUpCostsCheckpointsOnly() throws IOException {
    FullFileSystem.setRoom(20_000);
    assertEquals(undisturbed, fit(checkpointed()));
    FullFileSystem.setRoom(Long.MAX_VALUE / 2);
    assertEquals(undisturbed, fit(checkpointed().setResume(true)));
  }

  @Test
  void aDamagedCheckpointIsPassedOver() throws IOException {
    Supplier<SequenceRegressor> longer = () -> checkpointed().setEpochs(10 * EPOCHS);
    String expected = fit(regressor().setEpochs(10 * EPOCHS));
    interrupt(longer.get(), 2);
    List<Path> kept = committed();
    assertTrue(kept.size() > 1, kept::toString);
    Path last = kept.get(kept.size() - 1).resolveSibling(STATE);
    byte[] content = Files.readAllBytes(last);
    content[content.length / 2] ^= 1;
    Files.write(last, content);
    assertEquals(expected, fit(longer.get().setResume(true)));
  }

  @Test
  void whereAllCheckpointsAreDamagedTheTrainingIsRefused() throws IOException {
    fit(checkpointed());
    for (Path commit : committed()) {
      Files.writeString(commit.resolveSibling(STATE), "x");
    }
    String message = message(checkpointed().setResume(true));
    assertTrue(message.endsWith("all of them damaged"), message);
  }

  @Test
  void aCheckpointWithoutItsCommitFileDoesNotExist() throws IOException {
    fit(checkpointed());
    for (Path commit : committed()) {
      Files.delete(commit);
    }
    assertEquals(undisturbed, fit(checkpointed()));
  }

  @Test
  void aCheckpointOfAnotherTrainingIsRefusedWithTheDifference() {
    fit(checkpointed());
    String message = message(checkpointed().setResume(true).setBatchSize(16));
    assertTrue(message.contains("settings.batchSize is 16, was 32"), message);
    Dataset<Row> others = rows.selectExpr("id", "values", "label + 1 as label");
    String data =
        assertThrows(
                InvalidInputException.class,
                () -> checkpointed().setResume(true).fit(others).weightsSha256())
            .getMessage();
    assertTrue(data.contains("data.hash is"), data);
  }

  @Test
  void aTrainingThatIsKeptIsNotOverwrittenUnasked() {
    fit(checkpointed());
    String message = message(checkpointed());
    assertTrue(message.contains("resume it (--resume), or choose another folder"), message);
  }

  @Test
  void oneOfTwoDriversOnAFolderIsRefused() throws Exception {
    ExecutorService threads = Executors.newFixedThreadPool(1);
    try {
      List<String> refusals = new ArrayList<>();
      SequenceRegressor first = checkpointed();
      Consumer<SequenceRegressor> second = other -> refusals.add(message(other));
      first.setTrainingListener(afterEpoch(2, () -> second.accept(checkpointed().setResume(true))));
      Future<String> hash = threads.submit(() -> fit(first));
      assertEquals(undisturbed, hash.get());
      assertTrue(refusals.get(0).contains("is in use by application"), refusals::toString);
    } finally {
      threads.shutdownNow();
    }
  }

  @Test
  void aLeaseThatNobodyRenewsIsTakenOver() throws IOException {
    Path where = Files.createDirectories(folder.resolve("checkpoints"));
    Files.write(
        where.resolve(CheckpointLease.FILE),
        "{\"owner\":\"gone\",\"description\":\"a dead driver\"}".getBytes(StandardCharsets.UTF_8));
    assertEquals(undisturbed, fit(checkpointed()));
  }

  @Test
  void twoTrainingsAtOnceDoNotDisturbEachOther() throws InterruptedException, ExecutionException {
    ExecutorService threads = Executors.newFixedThreadPool(2);
    try {
      Future<String> barrier = threads.submit(() -> fit(regressor()));
      Future<String> elastic = threads.submit(() -> fit(regressor().setMode("elastic")));
      Future<String> again = threads.submit(() -> fit(regressor().setMode("barrier")));
      assertEquals(undisturbed, barrier.get());
      assertEquals(undisturbed, elastic.get());
      assertEquals(undisturbed, again.get());
    } finally {
      threads.shutdownNow();
    }
  }
}
