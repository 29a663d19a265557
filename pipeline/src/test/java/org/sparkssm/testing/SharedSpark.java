package org.sparkssm.testing;

import org.apache.spark.sql.SparkSession;

/** The one local SparkSession of a test JVM. */
public final class SharedSpark {
  private SharedSpark() {}

  public static SparkSession session() {
    return Holder.SESSION;
  }

  private static final class Holder {
    static final SparkSession SESSION =
        SparkSession.builder()
            .master("local[2]")
            .appName("spark-ssm tests")
            .config("spark.ui.enabled", "false")
            .config("spark.ssm.checkpointInterval", "0ms")
            .config("spark.ssm.checkpointLease", "1s")
            .config("spark.sql.shuffle.partitions", "4")
            .config("spark.driver.host", "127.0.0.1")
            .config("spark.driver.bindAddress", "127.0.0.1")
            .config("spark.sql.warehouse.dir", "target/spark-warehouse")
            .getOrCreate();

    private Holder() {}
  }
}
