package org.sparkssm.sql;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.spark.Failures;
import org.sparkssm.testing.OracleFile;
import org.sparkssm.testing.OracleFile.Case;
import org.sparkssm.testing.SharedSpark;

class PathSignatureAggregateIT {
  private static final SparkSession EXTENDED = ExtendedSpark.session();

  @BeforeEach
  void extendedSession() {
    SparkSession.setActiveSession(EXTENDED);
  }

  @AfterEach
  void backToDefaults() {
    EXTENDED.conf().unset("spark.sql.adaptive.enabled");
    EXTENDED.conf().unset("spark.sql.shuffle.partitions");
    SparkSession.setActiveSession(SharedSpark.session());
  }

  @Test
  void shuffledPointsGiveTheOraclesSignatures() {
    List<Case> cases =
        OracleFile.cases("signature.json", "signature").stream()
            .filter(oracle -> oracle.input("path").length > 0)
            .toList();
    assertFalse(cases.isEmpty());
    for (Case oracle : cases) {
      int channels = oracle.parameter("channels").asInt();
      double[] path = oracle.input("path");
      for (DataType type : List.of(DataTypes.FloatType, DataTypes.DoubleType)) {
        List<Row> rows = rows("a", path, channels, type);
        Collections.shuffle(rows, new Random(7));
        Row row =
            points(EXTENDED, rows, type)
                .repartition(3)
                .selectExpr(
                    "path_signature_agg(time, values, " + oracle.parameter("depth").asInt() + ")")
                .first();
        double tolerance = type.equals(DataTypes.FloatType) ? 2e-5 : 1e-10;
        assertClose(oracle.output("signature"), numbers(row, 0), tolerance, oracle.toString());
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"1,1,true", "2,4,true", "3,7,false", "4,1,false", "5,16,true"})
  void anyPartitioningGivesTheSignatureOfTheWhole(int seed, int partitions, boolean adaptive) {
    EXTENDED.conf().set("spark.sql.adaptive.enabled", Boolean.toString(adaptive));
    EXTENDED.conf().set("spark.sql.shuffle.partitions", Integer.toString(partitions));
    Random random = new Random(seed);
    List<Row> rows = new ArrayList<>();
    List<double[]> paths = new ArrayList<>();
    for (int key = 0; key < 5; key++) {
      double[] path = random.doubles(2L * (1 + random.nextInt(2000)), -1, 1).toArray();
      paths.add(path);
      rows.addAll(rows("key" + key, path, 2, DataTypes.DoubleType));
    }
    Collections.shuffle(rows, random);
    List<Row> found =
        points(EXTENDED, rows, DataTypes.DoubleType)
            .repartition(1 + random.nextInt(9))
            .groupBy("key")
            .agg(functions.expr("path_signature_agg(time, values, 3)"), functions.expr("count(*)"))
            .orderBy("key")
            .collectAsList();
    assertEquals(paths.size(), found.size());
    for (int key = 0; key < paths.size(); key++) {
      assertEquals(paths.get(key).length / 2, found.get(key).getLong(2));
      assertClose(
          IteratedSums.of(paths.get(key), 2), numbers(found.get(key), 1), 1e-10, "key" + key);
    }
  }

  @Test
  void manyKeysOfAPartitionAreTakenOneAfterTheOther() {
    EXTENDED.conf().set("spark.sql.shuffle.partitions", "2");
    Dataset<Row> signatures =
        EXTENDED.sql(
            "SELECT k, path_signature_agg(t, array(t, t * t), 2) s FROM"
                + " (SELECT id % 1000 AS k, (id * 7919) % 20000 DIV 1000 AS t FROM range(20000))"
                + " GROUP BY k");
    String plan = signatures.queryExecution().executedPlan().toString();
    assertTrue(plan.contains("SortAggregate"), plan);
    List<Row> rows = signatures.collectAsList();
    assertEquals(1000, rows.size());
    IteratedSums expected = new IteratedSums(2);
    for (int t = 0; t < 20; t++) {
      expected.add(t, t * t);
    }
    for (Row row : rows) {
      assertClose(expected.upTo(2), numbers(row, 1), 1e-10, row.toString());
    }
  }

  @Test
  void severalAggregatesFiltersAndGroupingSetsShareOneSort() {
    List<Row> rows =
        EXTENDED
            .sql(
                "SELECT k, path_signature_agg(t, array(x), 1)[0] a,"
                    + " path_signature_agg(t, array(x, t), 2)[0] b,"
                    + " path_signature_agg(t, named_struct('x', x, 't', t), 1)[1] c,"
                    + " path_signature_agg(t, array(x), 1) FILTER (WHERE t < 3)[0] d,"
                    + " max(x) e FROM VALUES ('p', 3, 10D), ('p', 1, 1D), ('q', 2, 7D),"
                    + " ('p', 2, 5D), ('q', 5, 9D) AS points(k, t, x)"
                    + " GROUP BY k GROUPING SETS ((k)) ORDER BY k")
            .collectAsList();
    assertEquals("[p,9.0,9.0,2.0,4.0,10.0]", rows.get(0).toString());
    assertEquals("[q,2.0,2.0,3.0,0.0,9.0]", rows.get(1).toString());
  }

  @Test
  void missingPointsAreLeftOutAndGroupsWithoutPointsHaveNoSignature() {
    String values =
        " FROM VALUES (1, array(1D)), (NULL, NULL), (3, NULL), (2, array(4D)) AS p(t, x)";
    assertArrayEquals(
        new double[] {3, 4.5}, numbers(sql("path_signature_agg(t, x, 2)" + values), 0));
    assertNull(sql("path_signature_agg(t, x, 2)" + values + " WHERE t > 8").get(0));
    assertNull(sql("path_signature_agg(t, x, 2)" + values + " WHERE t = 3").get(0));
    assertArrayEquals(
        new double[2], numbers(sql("path_signature_agg(t, x, 2)" + values + " WHERE t = 1"), 0));
    assertFails(
        "path_signature_agg(t, x, 2) FROM VALUES (CAST(NULL AS INT), array(1D)) AS p(t, x)",
        "path_signature_agg: a point has no time, expected one");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "t",
        "CAST(t AS TINYINT)",
        "CAST(t AS DOUBLE) / 7 - 1",
        "CAST(-1 / (t + 1) AS FLOAT)",
        "CAST(t AS DECIMAL(8, 2))",
        "date_add(DATE '2020-02-27', t)",
        "timestamp_micros(t - 2)",
        "CAST(timestamp_micros(t) AS TIMESTAMP_NTZ)"
      })
  void timesMayBeOfAnyOrderedType(String time) {
    Row row =
        sql(
            "path_signature_agg("
                + time
                + ", array(x, x * x), 2) FROM VALUES (3, 9F), (1, 4F), (0, 1F), (2, 7F) p(t, x)");
    IteratedSums expected = new IteratedSums(2);
    for (double x : new double[] {1, 4, 7, 9}) {
      expected.add(x, x * x);
    }
    assertArrayEquals(expected.upTo(2), numbers(row, 0), 1e-10);
  }

  @Test
  void aGrowingWindowGivesPrefixSignatures() {
    List<Row> rows =
        EXTENDED
            .sql(
                "SELECT path_signature_agg(t, array(x), 2) OVER (ORDER BY t) FROM"
                    + " VALUES (3, 9D), (1, 4D), (0, 1D) p(t, x) ORDER BY t")
            .collectAsList();
    assertArrayEquals(new double[] {0, 0}, numbers(rows.get(0), 0));
    assertArrayEquals(new double[] {3, 4.5}, numbers(rows.get(1), 0), 1e-12);
    assertArrayEquals(new double[] {8, 32}, numbers(rows.get(2), 0), 1e-12);
  }

  @Test
  void columnsAreNamedLikeTheirCalls() {
    assertEquals(
        "path_signature_agg(t, x, 2)",
        EXTENDED.sql("SELECT path_signature_agg(t, x, 2) FROM VALUES (1, array(1)) p(t, x)")
            .columns()[0]);
  }

  @Test
  void duplicateTimesAreNamed() {
    assertFails(
        "path_signature_agg(t, array(x), 2) FROM VALUES (TIMESTAMP '2020-01-02 03:04:05', 1D),"
            + " (TIMESTAMP '2020-01-02 03:04:05', 1D) p(t, x)",
        "path_signature_agg: two points have time 2020-01-02 03:04:05, expected one point at a"
            + " time");
    assertFails(
        "path_signature_agg(t, array(x), 2) FROM VALUES (0.5D, 1D), (0.5D, 2D) p(t, x)",
        "path_signature_agg: two points have time 0.5, expected one point at a time");
  }

  @Test
  void badNumbersAreNamed() {
    assertFails(
        "path_signature_agg(t, x, 2) FROM VALUES (1, array(1D, double('NaN'))) p(t, x)",
        "path_signature_agg: the point at time 1 has NaN in channel 2, expected a finite number");
    assertFails(
        "path_signature_agg(t, x, 2) FROM VALUES (DATE '2020-01-02', array(1D, NULL)) p(t, x)",
        "path_signature_agg: the point at time 2020-01-02 has a null in channel 2, expected a"
            + " finite number");
    assertFails(
        "path_signature_agg(t, named_struct('x', x, 'y', 1), 2) FROM VALUES (1, 2), (2, NULL)"
            + " p(t, x)",
        "path_signature_agg: the point at time 2 has a null in channel 1, expected a finite"
            + " number");
    assertFails(
        "path_signature_agg(t, x, 2) FROM VALUES (1, array(1D, 2D)), (2, array(1D)) p(t, x)",
        "path_signature_agg: the point at time 2 has 1 channels, expected 2 as the points before");
    assertFails(
        "path_signature_agg(t, x, 2) FROM VALUES (double('NaN'), array(1D, 2D)) p(t, x)",
        "path_signature_agg: a point has the time NaN, expected a number");
  }

  @Test
  void wrongCallsAreRefusedBeforeAnythingRuns() {
    String from = " FROM VALUES (1, array(1D), 'a') p(t, x, s)";
    assertFails(
        "path_signature_agg(t, x)" + from,
        "path_signature_agg has 2 arguments, expected 3: time, values, depth");
    assertFails(
        "path_signature_agg(s, x, 2)" + from,
        "path_signature_agg: time is p.s of type string, expected a date, a timestamp or a number");
    assertFails(
        "path_signature_agg(t, s, 2)" + from,
        "path_signature_agg: values is p.s of type string, expected an array or a struct of numbers");
    assertFails(
        "path_signature_agg(t, named_struct('s', s), 2)" + from,
        "path_signature_agg: values is named_struct('s', p.s) of type struct<s:string>, expected an"
            + " array or a struct of numbers");
    assertFails(
        "path_signature_agg(t, x, t)" + from,
        "path_signature_agg: depth is p.t of type int, expected a constant whole number");
    assertFails(
        "path_signature_agg(DISTINCT t, x, 2)" + from,
        "path_signature_agg(DISTINCT p.t, p.x, 2) cannot be computed of a path, expected"
            + " path_signature_agg in a GROUP BY without DISTINCT");
    assertFails(
        "path_signature_agg(t, x, 2), count(DISTINCT s)" + from,
        "count(DISTINCT p.s) cannot be computed beside a path, expected path_signature_agg in a GROUP"
            + " BY without DISTINCT");
    assertFails(
        "path_signature_agg(t, x, 2), path_signature_agg(-t, x, 2)" + from,
        "path_signature_agg is called with the times p.t and (- p.t) in one GROUP BY, expected one");
    assertFails(
        "path_signature_agg(t, named_struct('a', 1, 'b', 2), 40)" + from,
        "path_signature_agg: a signature of 2 channels at depth 40 has 2199023255550 entries and"
            + " takes 17592186044400 bytes a row, more than the limit spark.ssm.signature.maxBytes"
            + " = 268435456 bytes");
  }

  @Test
  void withoutTheExtensionOrderedPointsAreTakenAndOthersRefusedWithTheFix() {
    SparkSession plain = SharedSpark.session();
    SparkSession.setActiveSession(plain);
    SparkSsmFunctions.register(plain);
    double[] path = new Random(5).doubles(4000, -1, 1).toArray();
    List<Row> rows = rows("a", path, 2, DataTypes.DoubleType);
    Collections.shuffle(rows, new Random(6));
    points(plain, rows, DataTypes.DoubleType).repartition(3).createOrReplaceTempView("shuffled");
    Exception failure =
        assertThrows(
            Exception.class,
            () ->
                plain
                    .sql("SELECT key, path_signature_agg(time, values, 3) FROM shuffled GROUP BY 1")
                    .collect());
    String message = Failures.invalidInput(failure).orElseThrow().getMessage();
    assertTrue(
        message.endsWith(
            "expected points in order of time: read them from a query with ORDER BY key, time, or"
                + " set spark.sql.extensions=org.sparkssm.sql.SparkSsmExtensions"),
        message);
    Row row =
        plain
            .sql(
                "SELECT key, path_signature_agg(time, values, 3) FROM"
                    + " (SELECT * FROM shuffled ORDER BY key, time) GROUP BY 1")
            .first();
    assertClose(IteratedSums.of(path, 2), numbers(row, 1), 1e-10, "ordered");
  }

  private static Row sql(String query) {
    return EXTENDED.sql("SELECT " + query).first();
  }

  private static void assertFails(String query, String message) {
    Exception failure = assertThrows(Exception.class, () -> sql(query));
    InvalidInputException invalid =
        Failures.invalidInput(failure).orElseThrow(() -> new AssertionError(failure));
    assertEquals(message, invalid.getMessage());
  }

  private static List<Row> rows(String key, double[] path, int channels, DataType type) {
    List<Row> rows = new ArrayList<>();
    for (int l = 0; l < path.length / channels; l++) {
      Object[] point = new Object[channels];
      for (int c = 0; c < channels; c++) {
        double value = path[l * channels + c];
        point[c] = type.equals(DataTypes.FloatType) ? (Object) (float) value : (Object) value;
      }
      rows.add(RowFactory.create(key, 10L * l - 500, point));
    }
    return rows;
  }

  private static Dataset<Row> points(SparkSession spark, List<Row> rows, DataType type) {
    StructType schema =
        new StructType()
            .add("key", DataTypes.StringType)
            .add("time", DataTypes.LongType)
            .add("values", DataTypes.createArrayType(type, true));
    return spark.createDataFrame(rows, schema);
  }

  private static double[] numbers(Row row, int column) {
    List<Number> values = row.getList(column);
    return values.stream().mapToDouble(Number::doubleValue).toArray();
  }

  private static void assertClose(
      double[] expected, double[] actual, double tolerance, String what) {
    double scale = Math.max(1, Arrays.stream(expected).map(Math::abs).max().orElse(1));
    assertArrayEquals(expected, actual, tolerance * scale, what);
  }
}
