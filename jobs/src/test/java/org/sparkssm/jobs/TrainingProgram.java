package org.sparkssm.jobs;

import java.io.IOException;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.spark.SparkConf;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerTaskStart;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.sparkssm.ml.SequenceRegressor;
import org.sparkssm.train.EpochRecord;
import org.sparkssm.train.TrainingListener;

/**
 * A driver of its own that trains a small model and tells how it goes, a line each: {@code epoch
 * N}, {@code weights HASH} or {@code error CLASS: MESSAGE}, and at last {@code usable}, if Spark
 * still runs jobs. Arguments are {@code key=value}: {@code master}, {@code modes} (one training
 * each), {@code epochs}, {@code batch}, {@code rows}, {@code values} (an SQL expression of the id)
 * of {@code channels}, {@code checkpoint}, {@code resume}, {@code kill} (after this epoch one task
 * is killed), {@code cancel} (after this epoch the job group is cancelled), and Spark's own
 * settings.
 */
final class TrainingProgram {
  private static final String VALUES =
      "transform(sequence(0, 2 * (4 + id % 5) - 1), k -> float(sin(k * id)))";

  private final Map<String, String> options = new TreeMap<>();
  private final AtomicLong lastTask = new AtomicLong(-1);

  private TrainingProgram(String[] arguments) {
    for (String argument : arguments) {
      String[] parts = argument.split("=", 2);
      options.put(parts[0], parts[1]);
    }
  }

  public static void main(String[] arguments) {
    new TrainingProgram(arguments).run();
    System.out.flush();
    System.exit(0);
  }

  private void run() {
    try (SparkSession spark =
        SparkSession.builder().config(configuration()).appName("spark-ssm faults").getOrCreate()) {
      spark.sparkContext().addSparkListener(new LastTask());
      for (String mode : option("modes", "barrier").split(",", -1)) {
        train(spark, mode);
      }
      if (spark.range(100).count() == 100) {
        System.out.println("usable");
      }
    } catch (IOException | RuntimeException e) {
      System.out.println("error " + e.getClass().getName() + ": " + e.getMessage());
    }
  }

  private SparkConf configuration() {
    SparkConf configuration = new SparkConf().setMaster(option("master", "local[1]"));
    configuration.set("spark.ui.enabled", "false");
    configuration.set("spark.driver.host", "127.0.0.1");
    configuration.set("spark.driver.bindAddress", "127.0.0.1");
    configuration.set("spark.sql.shuffle.partitions", "4");
    configuration.set("spark.executor.extraClassPath", System.getProperty("java.class.path"));
    configuration.set("spark.executorEnv.OMP_NUM_THREADS", "1");
    configuration.set("spark.executor.memory", "512m");
    options.forEach(
        (key, value) -> {
          if (key.startsWith("spark.")) {
            configuration.set(key, value);
          }
        });
    return configuration;
  }

  private String option(String name, String otherwise) {
    return options.getOrDefault(name, otherwise);
  }

  private void train(SparkSession spark, String mode) {
    int count = Integer.parseInt(option("rows", "400"));
    Dataset<Row> rows =
        spark
            .range(0, count, 1, Math.max(4, count / 10_000))
            .selectExpr("id", option("values", VALUES) + " as values", "cos(id) as label");
    spark.sparkContext().setJobGroup("training", "training", false);
    SequenceRegressor regressor =
        new SequenceRegressor()
            .setChannels(Integer.parseInt(option("channels", "2")))
            .setWidth(8)
            .setStateSize(4)
            .setMicroShards(16)
            .setBatchSize(Integer.parseInt(option("batch", "32")))
            .setEpochs(Integer.parseInt(option("epochs", "3")))
            .setValidationFraction(0.1)
            .setCheckpointDir(option("checkpoint", ""))
            .setResume(Boolean.parseBoolean(option("resume", "false")))
            .setMode(mode)
            .setTrainingListener(new Injector(spark));
    try {
      long start = System.nanoTime();
      String hash = regressor.fit(rows).weightsSha256();
      System.out.printf("seconds %.1f%n", (System.nanoTime() - start) * 1e-9);
      System.out.println("weights " + hash);
    } catch (RuntimeException e) {
      System.out.println(
          "error "
              + e.getClass().getName()
              + ": "
              + String.valueOf(e.getMessage()).lines().findFirst().orElse(""));
    } finally {
      spark.sparkContext().clearJobGroup();
    }
  }

  private final class LastTask extends SparkListener {
    @Override
    public void onTaskStart(SparkListenerTaskStart start) {
      lastTask.set(start.taskInfo().taskId());
    }
  }

  private final class Injector implements TrainingListener {
    private final SparkSession spark;

    Injector(SparkSession spark) {
      this.spark = spark;
    }

    @Override
    public void begins(String description, long trainingRows, long validationRows) {
      System.out.println("begins " + description);
    }

    @Override
    public void epochEnds(EpochRecord record) {
      System.out.println("epoch " + record.epoch());
      if (record.epoch() == Integer.parseInt(option("kill", "-1"))) {
        spark.sparkContext().killTaskAttempt(lastTask.get(), true, "injected");
      }
      if (record.epoch() == Integer.parseInt(option("cancel", "-1"))) {
        spark.sparkContext().cancelJobGroup("training");
      }
    }
  }
}
