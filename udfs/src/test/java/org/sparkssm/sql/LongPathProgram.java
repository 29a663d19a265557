package org.sparkssm.sql;

import java.util.List;
import java.util.stream.Collectors;
import org.apache.spark.sql.SparkSession;

/** The signature of one long path whose points come shuffled; LongPathIT starts it. */
final class LongPathProgram {
  static final String PREFIX = "signature ";
  static final int DEPTH = 3;

  private LongPathProgram() {}

  /** The point at time t: two sawtooths, whose signature grows and cancels again and again. */
  static double[] point(long t) {
    return new double[] {(t % 1009) / 1009.0, (t * t % 1013) / 1013.0};
  }

  /** Arguments: the number of points, and a folder for what does not fit the heap. */
  public static void main(String[] arguments) {
    long count = Long.parseLong(arguments[0]);
    SparkSession spark =
        SparkSession.builder()
            .master("local[2]")
            .config("spark.ui.enabled", "false")
            .config("spark.local.dir", arguments[1])
            .config("spark.driver.host", "127.0.0.1")
            .config("spark.driver.bindAddress", "127.0.0.1")
            .config("spark.sql.extensions", SparkSsmExtensions.class.getName())
            .getOrCreate();
    // The factor is a prime that does not divide the count: a permutation of the times.
    List<Double> signature =
        spark
            .sql(
                "SELECT path_signature_agg(t, array((t % 1009) / 1009D, (t * t % 1013) / 1013D), "
                    + DEPTH
                    + ") FROM (SELECT (id * 7368787 + 12345) % "
                    + count
                    + " AS t FROM range("
                    + count
                    + "))")
            .first()
            .getList(0);
    System.out.println(
        PREFIX + signature.stream().map(Object::toString).collect(Collectors.joining(" ")));
    spark.stop();
  }
}
