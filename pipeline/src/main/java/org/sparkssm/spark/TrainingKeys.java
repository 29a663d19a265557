package org.sparkssm.spark;

import java.time.Duration;
import org.apache.spark.SparkConf;

/** The settings of distributed training, all in Spark's configuration. */
public final class TrainingKeys {
  /**
   * How long workers wait for one another, in an exchange and at the start; default {@code
   * spark.network.timeout}, which is 120 s.
   */
  public static final String EXCHANGE_TIMEOUT = "spark.ssm.exchangeTimeout";

  /**
   * Time between two checkpoints, default 60 s. It is stretched where keeping the state takes more
   * than a hundredth of it.
   */
  public static final String CHECKPOINT_INTERVAL = "spark.ssm.checkpointInterval";

  /**
   * How long a driver owns a checkpoint folder without a sign of life, default 30 s; renewed three
   * times as often.
   */
  public static final String CHECKPOINT_LEASE = "spark.ssm.checkpointLease";

  /** How often a training goes on by itself after a failure, default 3. */
  public static final String MAX_RESTARTS = "spark.ssm.maxRestarts";

  private TrainingKeys() {}

  static Duration exchangeTimeout(SparkConf conf) {
    return Duration.ofSeconds(
        conf.getTimeAsSeconds(EXCHANGE_TIMEOUT, conf.get("spark.network.timeout", "120s")));
  }

  static Duration checkpointInterval(SparkConf conf) {
    return Duration.ofMillis(conf.getTimeAsMs(CHECKPOINT_INTERVAL, "60s"));
  }

  static Duration checkpointLease(SparkConf conf) {
    return Duration.ofMillis(conf.getTimeAsMs(CHECKPOINT_LEASE, "30s"));
  }

  static int maxRestarts(SparkConf conf) {
    return conf.getInt(MAX_RESTARTS, 3);
  }
}
