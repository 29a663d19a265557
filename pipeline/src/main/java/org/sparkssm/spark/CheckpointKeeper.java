package org.sparkssm.spark;

import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.sparkssm.train.StateKeeper;
import org.sparkssm.train.TrainingState;

/**
 * Writes states to a {@link CheckpointFolder} beside the training, which only waits for the copy of
 * its arrays and, where that is not through, for the write before. A state that cannot be written
 * is a warning: the training goes on, and the checkpoint before stays the last one.
 */
final class CheckpointKeeper implements StateKeeper, AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(CheckpointKeeper.class);

  /** The training waits for at most this share of its time. */
  private static final double GREATEST_SHARE = 0.01;

  /** Makes a written state a checkpoint. */
  interface Committer {
    /** Fails if a later attempt has begun or the folder was taken over. */
    void commit(CheckpointFolder.Written written) throws IOException;
  }

  private final CheckpointFolder folder;
  private final String run;
  private final long attempt;
  private final Duration interval;
  private final Committer committer;
  private final ExecutorService writer;
  private Future<?> writing;
  private double waited;

  CheckpointKeeper(
      CheckpointFolder folder, String run, long attempt, Duration interval, Committer committer) {
    this.folder = folder;
    this.run = run;
    this.attempt = attempt;
    this.interval = interval;
    this.committer = committer;
    this.writer =
        Executors.newSingleThreadExecutor(
            work -> {
              Thread thread = new Thread(work, "spark-ssm-checkpoint");
              thread.setDaemon(true);
              return thread;
            });
  }

  @Override
  public long stepsToNext(double secondsPerStep) {
    double seconds = Math.max(interval.toNanos() * 1e-9, waited / GREATEST_SHARE);
    return (long) Math.max(1, Math.min(1L << 40, Math.ceil(seconds / secondsPerStep)));
  }

  @Override
  public void keep(long step, Supplier<TrainingState> state) {
    long before = System.nanoTime();
    finish();
    TrainingState copy = state.get();
    writing = writer.submit(() -> write(copy));
    waited = (System.nanoTime() - before) * 1e-9;
  }

  private void write(TrainingState state) {
    try {
      long before = System.nanoTime();
      CheckpointFolder.Written written = folder.write(state, run, attempt);
      committer.commit(written);
      LOG.info(
          "Checkpoint of step {}: {} bytes in {} ms",
          state.step(),
          written.bytes(),
          (System.nanoTime() - before) / 1_000_000);
    } catch (IOException e) {
      LOG.warn(
          "The checkpoint of step {} could not be written, the training goes on: {}",
          state.step(),
          HadoopFiles.reason(e));
    }
  }

  /**
   * Waits for the write under way.
   *
   * @throws IllegalStateException if a later attempt has begun
   */
  void finish() {
    if (writing == null) {
      return;
    }
    try {
      writing.get();
      writing = null;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new CancellationException("the training was interrupted");
    } catch (ExecutionException e) {
      throw e.getCause() instanceof RuntimeException cause
          ? cause
          : new IllegalStateException(e.getCause());
    }
  }

  @Override
  public void close() {
    writer.shutdownNow();
  }
}
