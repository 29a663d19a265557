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

/**
 * A progress bar of the running stages' tasks: redrawn in place on a terminal, a line every ten
 * seconds elsewhere; nothing for work that takes less than two seconds.
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

  private synchronized void draw() {
    long now = System.nanoTime();
    int tasks = tasksOfRunningStages.values().stream().mapToInt(Integer::intValue).sum();
    boolean due = terminal || now - lastDrawn >= LOG_NANOS;
    if (tasks == 0 || now - start < QUIET_NANOS || !due) {
      return;
    }
    int done = doneOfRunningStages.values().stream().mapToInt(Integer::intValue).sum();
    String line = line(done, tasks, Duration.ofNanos(now - start));
    if (terminal) {
      out.print("\r" + line);
      out.flush();
      drawn = true;
    } else {
      out.println(line);
    }
    lastDrawn = now;
  }

  private String line(int done, int tasks, Duration elapsed) {
    int filled = (int) ((long) WIDTH * done / tasks);
    return String.format(
        "%s [%s%s] %d/%d tasks%s, %d:%02d",
        name,
        "#".repeat(filled),
        ".".repeat(WIDTH - filled),
        done,
        tasks,
        rows > 0 ? String.format(", %,d rows written", rows) : "",
        elapsed.toMinutes(),
        elapsed.toSecondsPart());
  }

  @Override
  public void close() {
    clock.shutdownNow();
    context.removeSparkListener(this);
    synchronized (this) {
      if (drawn) {
        out.print("\r" + " ".repeat(100) + "\r");
        out.flush();
      }
    }
  }
}
