package org.sparkssm.jobs;

import java.io.PrintWriter;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.apache.spark.SparkContext;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerStageCompleted;
import org.apache.spark.scheduler.SparkListenerStageSubmitted;
import org.apache.spark.scheduler.SparkListenerTaskEnd;
import org.sparkssm.train.EpochRecord;
import org.sparkssm.train.TrainingListener;

/**
 * A progress bar of a training, or else of the running stages' tasks: redrawn in place on a
 * terminal, a line every ten seconds elsewhere; nothing for work that takes less than two seconds.
 */
final class Progress extends SparkListener implements AutoCloseable {
  private static final int WIDTH = 30;
  private static final long QUIET_NANOS = Duration.ofSeconds(2).toNanos();
  private static final long LOG_NANOS = Duration.ofSeconds(10).toNanos();

  private final SparkContext context;
  private final String name;
  private final PrintWriter out;
  private final boolean terminal;
  private final long start = System.nanoTime();
  private final Map<Integer, Integer> tasksOfRunningStages = new HashMap<>();
  private final Map<Integer, Integer> doneOfRunningStages = new HashMap<>();
  private final ScheduledExecutorService clock =
      Executors.newSingleThreadScheduledExecutor(
          task -> {
            Thread thread = new Thread(task, "spark-ssm-progress");
            thread.setDaemon(true);
            return thread;
          });
  private long rows;
  private long lastDrawn;
  private boolean drawn;
  private TrainingListener.Progress training;

  @SuppressWarnings("SystemConsoleNull") // JDK 17 and 21 return null where output is redirected
  private Progress(SparkContext context, String name, PrintWriter out) {
    this.context = context;
    this.name = name;
    this.out = out;
    this.terminal = System.console() != null;
  }

  /** Shows the progress of all Spark jobs until it is closed. */
  static Progress show(SparkContext context, String name, PrintWriter out) {
    Progress progress = new Progress(context, name, out);
    context.addSparkListener(progress);
    progress.lastDrawn = progress.start;
    var unused =
        progress.clock.scheduleWithFixedDelay(progress::draw, 500, 500, TimeUnit.MILLISECONDS);
    return progress;
  }

  @Override
  public synchronized void onStageSubmitted(SparkListenerStageSubmitted event) {
    tasksOfRunningStages.put(event.stageInfo().stageId(), event.stageInfo().numTasks());
    doneOfRunningStages.put(event.stageInfo().stageId(), 0);
  }

  @Override
  public synchronized void onStageCompleted(SparkListenerStageCompleted event) {
    tasksOfRunningStages.remove(event.stageInfo().stageId());
    doneOfRunningStages.remove(event.stageInfo().stageId());
  }

  @Override
  public synchronized void onTaskEnd(SparkListenerTaskEnd event) {
    if (event.taskInfo().successful()) {
      doneOfRunningStages.computeIfPresent(event.stageId(), (stage, done) -> done + 1);
      if (event.taskMetrics() != null) {
        rows += event.taskMetrics().outputMetrics().recordsWritten();
      }
    }
  }

  /** Tells the course of a training: its bar, and a line an epoch. */
  TrainingListener training() {
    return new TrainingListener() {
      @Override
      public void begins(String description, long trainingRows, long validationRows) {
        tell(
            "%,d sequences, %,d more for validation; %s"
                .formatted(trainingRows, validationRows, description));
      }

      @Override
      public void progresses(Progress progress) {
        synchronized (org.sparkssm.jobs.Progress.this) {
          training = progress;
        }
      }

      @Override
      public void epochEnds(EpochRecord epoch) {
        tell(
            "epoch %d: training loss %.5g, validation %s, %.0f s"
                .formatted(
                    epoch.epoch(), epoch.trainingLoss(), epoch.validation(), epoch.seconds()));
      }
    };
  }

  /** Prints a line above the bar. */
  private synchronized void tell(String line) {
    clear();
    out.println(line);
    lastDrawn = System.nanoTime();
  }

  private synchronized void draw() {
    long now = System.nanoTime();
    boolean due = terminal || now - lastDrawn >= LOG_NANOS;
    if (now - start < QUIET_NANOS || !due) {
      return;
    }
    String line = training == null ? tasks(Duration.ofNanos(now - start)) : steps(training);
    if (line.isEmpty()) {
      return;
    }
    if (terminal) {
      out.print("\r" + line);
      out.flush();
      drawn = true;
    } else {
      out.println(line);
    }
    lastDrawn = now;
  }

  /** Empty if no stage runs. */
  private String tasks(Duration elapsed) {
    int tasks = tasksOfRunningStages.values().stream().mapToInt(Integer::intValue).sum();
    if (tasks == 0) {
      return "";
    }
    int done = doneOfRunningStages.values().stream().mapToInt(Integer::intValue).sum();
    return String.format(
        "%s %s %d/%d tasks%s, %s",
        name,
        bar(done, tasks),
        done,
        tasks,
        rows > 0 ? String.format(", %,d rows written", rows) : "",
        time(elapsed));
  }

  private String steps(TrainingListener.Progress at) {
    return String.format(
        "%s %s epoch %d/%d, loss %.5g, %,.0f sequences/s, %s left",
        name,
        bar(at.step(), at.steps()),
        at.epoch(),
        at.epochs(),
        at.loss(),
        at.sequencesPerSecond(),
        time(Duration.ofSeconds(Math.round(at.secondsLeft()))));
  }

  private static String bar(long done, long all) {
    int filled = (int) (WIDTH * done / all);
    return "[" + "#".repeat(filled) + ".".repeat(WIDTH - filled) + "]";
  }

  private static String time(Duration time) {
    return String.format("%d:%02d", time.toMinutes(), time.toSecondsPart());
  }

  private void clear() {
    if (drawn) {
      out.print("\r" + " ".repeat(100) + "\r");
      out.flush();
      drawn = false;
    }
  }

  @Override
  public void close() {
    clock.shutdownNow();
    context.removeSparkListener(this);
    synchronized (this) {
      clear();
    }
  }
}
