package org.sparkssm.sql;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.sql.Timestamp;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.streaming.StreamingQuery;
import org.apache.spark.sql.streaming.Trigger;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.spark.Failures;
import org.sparkssm.testing.SharedSpark;

class SignatureStreamIT {
  private static final String PROVIDER = "spark.sql.streaming.stateStore.providerClass";
  private static final SparkSession SPARK = SharedSpark.session();
  private static final StructType SCHEMA =
      new StructType()
          .add("sensor", DataTypes.StringType)
          .add("time", DataTypes.TimestampType)
          .add("values", DataTypes.createArrayType(DataTypes.FloatType));

  @TempDir Path folder;

  @BeforeEach
  void rocksState() {
    SPARK
        .conf()
        .set(PROVIDER, "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider");
  }

  @AfterEach
  void backToDefaults() {
    SPARK.conf().unset(PROVIDER);
  }

  @Test
  void theLastRowOfAKeyIsTheBatchAnswerWhenNothingIsLate() throws Exception {
    Random random = new Random(4);
    double[][] paths = new double[3][];
    List<Row> rows = new ArrayList<>();
    for (int key = 0; key < paths.length; key++) {
      paths[key] = new double[2 * 90];
      for (int l = 0; l < 90; l++) {
        float x = random.nextFloat();
        float y = random.nextFloat();
        paths[key][2 * l] = x;
        paths[key][2 * l + 1] = y;
        rows.add(point("s" + key, 3L * l + key, x, y));
      }
    }
    // Up to 20 seconds out of order, which is what the watermark allows.
    rows.sort((a, b) -> Long.compare(seconds(a), seconds(b)));
    for (int from = 0; from < rows.size(); from += 20) {
      Collections.shuffle(rows.subList(from, Math.min(rows.size(), from + 20)), random);
    }
    for (int from = 0; from < rows.size(); from += 60) {
      arrive(rows.subList(from, Math.min(rows.size(), from + 60)));
      // A query a file: each goes on from the checkpoint of the one before.
      run("20 seconds");
    }
    arrive(List.of(point("end", 10_000, 0, 0)));
    run("20 seconds");
    Map<String, Row> last = lastRows();
    for (int key = 0; key < paths.length; key++) {
      Row row = last.get("s" + key);
      assertEquals(90, row.<Long>getAs("points"));
      assertEquals(0, row.<Long>getAs("late"));
      assertEquals(time(3 * 89 + key), row.getAs("last_time"));
      assertArrayEquals(IteratedSums.of(paths[key], 2), numbers(row), 1e-10);
    }
  }

  @Test
  void latePointsAreCountedAndRefused() throws Exception {
    arrive(List.of(point("a", 100, 1), point("a", 200, 3)));
    run("10 seconds");
    // The watermark is at 190: the point at 100 is in the signature, that at 200 waits.
    arrive(List.of(point("a", 150, 7), point("a", 195, 2), point("b", 20, 5)));
    run("10 seconds");
    arrive(List.of(point("a", 300, 9)));
    run("10 seconds");
    Map<String, Row> last = lastRows();
    IteratedSums expected = new IteratedSums(1);
    expected.add(1);
    expected.add(2);
    expected.add(3);
    assertArrayEquals(expected.upTo(3), numbers(last.get("a")), 1e-12);
    assertEquals(3, last.get("a").<Long>getAs("points"));
    assertEquals(1, last.get("a").<Long>getAs("late"));
    assertEquals(0, last.get("b").<Long>getAs("points"));
    assertEquals(1, last.get("b").<Long>getAs("late"));
    assertTrue(last.get("b").isNullAt(last.get("b").fieldIndex("signature")));
  }

  @Test
  void twoPointsOfOneTimeFailTheQuery() {
    arrive(List.of(point("a", 100, 1), point("a", 100, 3)));
    Exception failure = assertThrows(Exception.class, () -> run("10 seconds"));
    assertEquals(
        "a stream of signatures: two points have time 1970-01-01T00:01:40Z, expected one point at a"
            + " time",
        Failures.invalidInput(failure).orElseThrow().getMessage());
  }

  @Test
  void wrongColumnsAreRefused() {
    refused(
        SPARK.createDataFrame(List.of(), SCHEMA),
        "the points are no stream, expected one, or path_signature_agg");
    refused(
        source(),
        "column time of type timestamp has no watermark, expected a timestamp that withWatermark"
            + " was called for");
    refused(
        source().drop("sensor").withWatermark("time", "1 second"),
        "there is no column sensor; the columns are time, values");
    refused(
        source().withColumn("values", functions.lit(1)).withWatermark("time", "1 second"),
        "column values is of type int, expected an array of numbers");
  }

  @Test
  void theAggregateOfAStreamIsRefusedWithTheClassToUse() {
    Dataset<Row> aggregate =
        ExtendedSpark.session()
            .readStream()
            .schema(SCHEMA)
            .parquet(input())
            .groupBy("sensor")
            .agg(functions.expr("path_signature_agg(time, values, 2)"));
    arrive(List.of(point("a", 100, 1)));
    Exception failure =
        assertThrows(
            Exception.class,
            () ->
                aggregate
                    .writeStream()
                    .outputMode("update")
                    .format("memory")
                    .queryName("refused")
                    .trigger(Trigger.AvailableNow())
                    .start()
                    .awaitTermination());
    assertEquals(
        "path_signature_agg is called on a stream, whose points cannot be sorted, expected"
            + " org.sparkssm.sql.SignatureStream",
        Failures.invalidInput(failure).orElseThrow().getMessage());
  }

  private void refused(Dataset<Row> points, String message) {
    SignatureStream signatures = new SignatureStream(List.of("sensor"), "time", "values", 3);
    assertEquals(
        message,
        assertThrows(InvalidInputException.class, () -> signatures.apply(points)).getMessage());
  }

  private void run(String delay) throws Exception {
    Dataset<Row> signatures =
        new SignatureStream(List.of("sensor"), "time", "values", 3)
            .apply(source().withWatermark("time", delay));
    StreamingQuery query =
        signatures
            .writeStream()
            .outputMode("update")
            .foreachBatch(
                (batch, id) -> {
                  batch
                      .withColumn("batch", functions.lit(id))
                      .write()
                      .mode("append")
                      .parquet(folder.resolve("out").toString());
                })
            .option("checkpointLocation", folder.resolve("checkpoint").toString())
            .trigger(Trigger.AvailableNow())
            .start();
    query.awaitTermination();
  }

  private Map<String, Row> lastRows() {
    Map<String, Row> last = new TreeMap<>();
    for (Row row :
        SPARK.read().parquet(folder.resolve("out").toString()).orderBy("batch").collectAsList()) {
      last.put(row.getAs("sensor"), row);
    }
    return last;
  }

  private Dataset<Row> source() {
    return SPARK.readStream().schema(SCHEMA).parquet(input());
  }

  private String input() {
    Path in = folder.resolve("in");
    in.toFile().mkdirs();
    return in.toString();
  }

  private void arrive(List<Row> rows) {
    SPARK.createDataFrame(rows, SCHEMA).coalesce(1).write().mode("append").parquet(input());
  }

  private static Row point(String key, long second, float... values) {
    Object[] numbers = new Object[values.length];
    for (int c = 0; c < values.length; c++) {
      numbers[c] = values[c];
    }
    return RowFactory.create(key, time(second), numbers);
  }

  private static Timestamp time(long second) {
    return Timestamp.from(Instant.ofEpochSecond(second));
  }

  private static long seconds(Row row) {
    return row.getTimestamp(1).toInstant().getEpochSecond();
  }

  private static double[] numbers(Row row) {
    List<Double> values = row.getList(row.fieldIndex("signature"));
    return values.stream().mapToDouble(Double::doubleValue).toArray();
  }
}
