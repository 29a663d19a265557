package org.sparkssm.ml;

import static org.apache.spark.sql.functions.col;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.spark.ml.linalg.Vector;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.testing.SharedSpark;

/**
 * Sequences in segments over partitions give what {@code transform} gives for the same sequences in
 * one row each.
 */
class LongSequencesIT {
  private static final String PARTITIONS = "spark.sql.shuffle.partitions";

  private static SparkSession spark;
  private static String partitionsBefore;

  /** A long sequence, two that fit in a partition, and one of a single point. */
  private static Dataset<Row> points;

  /** The same sequences, a row each. */
  private static Dataset<Row> rows;

  @BeforeAll
  static void sequences() {
    spark = SharedSpark.session();
    partitionsBefore = spark.conf().get(PARTITIONS);
    spark.conf().set(PARTITIONS, "5");
    points =
        spark
            .range(700)
            .selectExpr("id k", "if(id < 600, 7, if(id < 640, 8, if(id < 699, 9, 10))) sensor")
            .selectExpr(
                "sensor",
                "k + 0.3 * sin(k) as time",
                "0.4 * sin(0.05 * k) + 0.1 * cos(1.7 * k * k) as x",
                "0.3 * cos(0.03 * k + sensor) as y")
            .orderBy(col("x"))
            .cache();
    rows =
        points
            .groupBy("sensor")
            .agg(
                org.apache.spark.sql.functions.expr(
                    "sort_array(collect_list(struct(time, float(x) x, float(y) y))) points"))
            .selectExpr(
                "bigint(sensor) as id",
                "flatten(transform(points, p -> array(p.x, p.y))) as values",
                "points.time as times",
                "transform(points, p -> double(p.x)) as labels",
                "double(sensor) as label")
            .cache();
  }

  @AfterAll
  static void restore() {
    spark.conf().set(PARTITIONS, partitionsBefore);
  }

  @ParameterizedTest
  @CsvSource({"rk4, true", "rk4, false", "euler, false", "exponential, true"})
  void statesAreThoseOfWholePaths(String solver, boolean timed) {
    RandomLinearCde cde =
        new RandomLinearCde()
            .setInputCol("values")
            .setChannels(2)
            .setStateSize(12)
            .setScaling(0.3)
            .setSolver(solver)
            .setOutputCol("state");
    if (timed) {
      cde.setTimesCol("times");
    }
    Map<Long, double[]> expected = vectors(cde.transform(rows), "id", "state");
    for (int chunk : new int[] {1, 50, 1000}) {
      try (LongSequences sequences = sequences(chunk)) {
        assertClose(expected, vectors(sequences.states(cde), "sensor", "state"));
      }
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "mamba; {\"state\": 3}",
        "mamba; {\"state\": 3, \"clock\": 1}",
        "s4d; {\"state\": 3}",
        "s5; {\"state\": 3}",
        "s5; {\"state\": 3, \"clock\": 0.5}",
        "gla; {\"heads\": 2}",
        "gateloop; {\"heads\": 2}",
        "linear-cde; {\"state\": 5, \"controls\": 2}",
        "linear-cde; {\"state\": 5, \"controls\": 2, \"structure\": \"diagonal\"}"
      })
  void predictionsAreThoseOfWholeSequences(String layer) {
    for (String readout : new String[] {"last", "mean"}) {
      assertPredictions(regressor(layer).setReadout(readout));
    }
    SequenceRegressionModel everyStep =
        regressor(layer).setLabelCol("labels").setTimesCol("times").setEpochs(1).fit(rows);
    Map<Long, double[]> expected = arrays(everyStep.transform(rows), "id");
    try (LongSequences sequences = sequences(64)) {
      assertClose(expected, arrays(sequences.predictions(everyStep), "sensor"));
    }
  }

  private void assertPredictions(SequenceRegressor regressor) {
    SequenceRegressionModel model = regressor.setTimesCol("times").setEpochs(1).fit(rows);
    Map<Long, double[]> expected = numbers(model.transform(rows), "id");
    for (int chunk : new int[] {2, 1000}) {
      try (LongSequences sequences = sequences(chunk)) {
        assertClose(expected, numbers(sequences.predictions(model), "sensor"));
      }
    }
  }

  private static SequenceRegressor regressor(String layer) {
    return new SequenceRegressor()
        .setChannels(2)
        .setWidth(4)
        .setBlocks(2)
        .setLayer(layer.substring(0, layer.indexOf(';')))
        .setLayerOptions(layer.substring(layer.indexOf(';') + 1))
        .setTimeChannel(true)
        .setSeed(2);
  }

  @Test
  void probabilitiesOfClassesComeToo() {
    Dataset<Row> labelled = rows.selectExpr("*", "int(id % 2) as class");
    SequenceClassificationModel model =
        new SequenceClassifier()
            .setChannels(2)
            .setWidth(4)
            .setLabelCol("class")
            .setEpochs(1)
            .fit(labelled);
    try (LongSequences sequences = sequences(100)) {
      assertClose(
          vectors(model.transform(labelled), "id", "probability"),
          vectors(sequences.predictions(model), "sensor", "probability"));
    }
  }

  @Test
  void aLongSequenceIsInSegments() {
    try (LongSequences sequences = sequences(1000)) {
      assertTrue(sequences.chains().get(0).size() >= 4, "segments of the long sequence");
    }
  }

  @Test
  void whatCannotBeDoneIsSaid() {
    SequenceRegressionModel recurrent =
        regressor("lstm; {}").setTimesCol("times").setEpochs(1).fit(rows);
    try (LongSequences sequences = sequences(1000)) {
      refused(
          "layer lstm of block 1 carries what is neither diagonal nor linear from step to step, so"
              + " that segments of a sequence cannot be run at the same time",
          () -> sequences.predictions(recurrent));
    }
    refused(
        "column sensor is of type string, expected a number",
        () ->
            LongSequences.of(
                points.withColumn("sensor", col("sensor").cast("string")),
                "x",
                "time",
                List.of("sensor")));
    String twice = "sequence 8 has the time ";
    String message =
        assertThrows(
                InvalidInputException.class,
                () ->
                    LongSequences.of(
                        points.union(points.filter("sensor = 8")),
                        "sensor",
                        "time",
                        List.of("x", "y")))
            .getMessage();
    assertTrue(message.startsWith(twice) && message.contains(" twice, expected"), message);
    refused(
        "sequence 10 has the x NaN at time 699.0, expected a finite number",
        () ->
            LongSequences.of(
                points.selectExpr(
                    "sensor", "if(sensor = 10, 699, time) time", "if(sensor = 10, null, x) x"),
                "sensor",
                "time",
                List.of("x")));
  }

  private static void refused(String sentence, org.junit.jupiter.api.function.Executable call) {
    assertEquals(sentence, assertThrows(InvalidInputException.class, call).getMessage());
  }

  private static LongSequences sequences(int chunkLength) {
    return LongSequences.of(points, "sensor", "time", List.of("x", "y"), chunkLength);
  }

  /** Within 1e-5 of the size of the sequence's numbers. */
  private static void assertClose(Map<Long, double[]> expected, Map<Long, double[]> found) {
    assertEquals(expected.keySet(), found.keySet());
    expected.forEach(
        (id, numbers) -> {
          double[] others = found.get(id);
          assertEquals(numbers.length, others.length);
          double size = 1;
          for (double number : numbers) {
            size = Math.max(size, Math.abs(number));
          }
          for (int k = 0; k < numbers.length; k++) {
            assertEquals(numbers[k], others[k], 1e-5 * size, "sequence " + id + " at " + k);
          }
        });
  }

  private static Map<Long, double[]> vectors(Dataset<Row> data, String key, String column) {
    Map<Long, double[]> found = new HashMap<>();
    for (Row row : data.select(col(key).cast("bigint"), col(column)).collectAsList()) {
      found.put(row.getLong(0), ((Vector) row.get(1)).toArray());
    }
    return found;
  }

  private static Map<Long, double[]> numbers(Dataset<Row> data, String key) {
    Map<Long, double[]> found = new HashMap<>();
    for (Row row : data.select(col(key).cast("bigint"), col("prediction")).collectAsList()) {
      found.put(row.getLong(0), new double[] {row.getDouble(1)});
    }
    return found;
  }

  /** Predictions of every step, put together in order of time. */
  private static Map<Long, double[]> arrays(Dataset<Row> data, String key) {
    Map<Long, List<Row>> pieces = new HashMap<>();
    data.select(col(key).cast("bigint"), col("times"), col("prediction"))
        .collectAsList()
        .forEach(row -> pieces.computeIfAbsent(row.getLong(0), id -> new ArrayList<>()).add(row));
    Map<Long, double[]> found = new HashMap<>();
    pieces.forEach(
        (id, list) -> {
          list.sort(
              (a, b) -> Double.compare((double) a.getList(1).get(0), (double) b.getList(1).get(0)));
          found.put(
              id,
              list.stream()
                  .flatMap(row -> row.<Double>getList(2).stream())
                  .mapToDouble(Double::doubleValue)
                  .toArray());
        });
    return found;
  }
}
