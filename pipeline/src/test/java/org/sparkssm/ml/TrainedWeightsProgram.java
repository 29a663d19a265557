package org.sparkssm.ml;

import java.io.IOException;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/**
 * Trains a small model in a process of its own and prints the hash of its weights; arguments:
 * master, serializer, mode.
 */
final class TrainedWeightsProgram {
  static final String PREFIX = "weights ";

  private TrainedWeightsProgram() {}

  public static void main(String[] arguments) throws IOException {
    try (SparkSession spark =
        SparkSession.builder()
            .master(arguments[0])
            .config("spark.serializer", arguments[1])
            .config("spark.ui.enabled", "false")
            .config("spark.driver.host", "127.0.0.1")
            .config("spark.driver.bindAddress", "127.0.0.1")
            .getOrCreate()) {
      Dataset<Row> rows =
          spark
              .range(200)
              .selectExpr(
                  "id",
                  "transform(sequence(0, 2 * (4 + id % 5) - 1), k -> float(sin(k * id))) as values",
                  "cos(id) as label");
      SequenceRegressor regressor =
          new SequenceRegressor()
              .setChannels(2)
              .setWidth(8)
              .setStateSize(4)
              .setEpochs(2)
              .setValidationFraction(0.1)
              .setMode(arguments[2]);
      System.out.println(PREFIX + regressor.fit(rows).weightsSha256());
    }
  }
}
