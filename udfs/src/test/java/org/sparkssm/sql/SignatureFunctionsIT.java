package org.sparkssm.sql;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.signature.SignatureSize;
import org.sparkssm.spark.Failures;
import org.sparkssm.testing.OracleFile;
import org.sparkssm.testing.OracleFile.Case;
import org.sparkssm.testing.SharedSpark;

class SignatureFunctionsIT {
  private static final SparkSession SPARK = SharedSpark.session();

  @TempDir Path folder;

  @BeforeAll
  static void register() {
    SparkSsmFunctions.register(SPARK);
    SparkSsmFunctions.register(SPARK);
  }

  @AfterEach
  void backToDefaults() {
    SPARK.conf().unset("spark.sql.codegen.wholeStage");
    SPARK.conf().unset("spark.sql.codegen.factoryMode");
    SPARK.conf().unset(SignatureSize.MAX_BYTES_KEY);
  }

  /** Every form an array comes in, with and without generated code, agrees with the oracle. */
  @ParameterizedTest
  @CsvSource({
    "true, CODEGEN_ONLY, parquet",
    "true, CODEGEN_ONLY, cache",
    "true, CODEGEN_ONLY, local",
    "false, NO_CODEGEN, parquet",
    "false, NO_CODEGEN, cache",
    "false, NO_CODEGEN, local",
  })
  void signaturesAgreeWithTheOracle(String wholeStage, String factoryMode, String source) {
    SPARK.conf().set("spark.sql.codegen.wholeStage", wholeStage);
    SPARK.conf().set("spark.sql.codegen.factoryMode", factoryMode);
    List<Case> cases =
        OracleFile.cases("signature.json", "signature").stream()
            .filter(oracle -> oracle.parameter("depth").asInt() < 6)
            .toList();
    assertFalse(cases.isEmpty());
    for (Case oracle : cases) {
      int channels = oracle.parameter("channels").asInt();
      int depth = oracle.parameter("depth").asInt();
      double[] expected = oracle.output("signature");
      for (DataType type : List.of(DataTypes.FloatType, DataTypes.DoubleType)) {
        Dataset<Row> paths = from(source, paths(oracle.input("path"), channels, type));
        Row row =
            paths
                .selectExpr(
                    "path_signature(flat, " + channels + ", " + depth + ")",
                    "path_signature(points, " + channels + ", " + depth + ")",
                    "path_signature(missing, " + channels + ", " + depth + ")")
                .first();
        assertEquals(DataTypes.createArrayType(type, false), row.schema().apply(0).dataType());
        double tolerance = type.equals(DataTypes.FloatType) ? 2e-5 : 1e-12;
        assertClose(expected, numbers(row, 0), tolerance, source + " " + oracle);
        assertArrayEquals(numbers(row, 0), numbers(row, 1), source + " " + oracle);
        assertNull(row.get(2));
        paths.unpersist();
      }
    }
  }

  @Test
  void literalsOfAnyNumericTypeAreTaken() {
    assertArrayEquals(
        new double[] {1, 2, 0.5, 1, 1, 2},
        numbers(one("path_signature(array(0, 0, 1, 2), 2, 2)"), 0));
    assertArrayEquals(
        new double[] {1, 2, 0.5, 1, 1, 2},
        numbers(one("path_signature(array(0.0, 0.0, 1.0, 2.0), 2, 1 + 1)"), 0));
    assertArrayEquals(
        new double[] {1, 2, 0.5, 1, 1, 2},
        numbers(one("path_signature(array(array(0, 0), array(1, 2)), 2, 2L)"), 0));
    assertArrayEquals(new double[6], numbers(one("path_signature(array(), 2, 2)"), 0));
    assertNull(one("path_signature(NULL, 2, 2)").get(0));
  }

  @Test
  void logSignaturesAgreeWithTheOracle() {
    for (Case oracle : OracleFile.cases("signature.json", "logsignature_lyndon")) {
      int channels = oracle.parameter("channels").asInt();
      int depth = oracle.parameter("depth").asInt();
      Dataset<Row> paths = paths(oracle.input("path"), channels, DataTypes.DoubleType);
      String shape = ", " + channels + ", " + depth;
      Row row =
          paths
              .selectExpr(
                  "path_logsignature(flat" + shape + ")",
                  "path_logsignature(points" + shape + ", 'words')",
                  "path_logsignature(flat" + shape + ", 'EXPANDED')",
                  "signature_log(path_signature(flat" + shape + ")" + shape + ")")
              .first();
      String what = oracle.toString();
      assertClose(oracle.output("logsignature_lyndon"), numbers(row, 0), 1e-12, what);
      assertClose(oracle.output("logsignature_words"), numbers(row, 1), 1e-12, what);
      assertClose(oracle.output("logsignature_expanded"), numbers(row, 2), 1e-12, what);
      assertClose(oracle.output("logsignature_expanded"), numbers(row, 3), 1e-12, what);
    }
  }

  @Test
  void chenProductAndInverseAgreeWithTheOracle() {
    for (Case oracle : OracleFile.cases("chen.json")) {
      int channels = oracle.parameter("channels").asInt();
      int depth = oracle.parameter("depth").asInt();
      String shape = ", " + channels + ", " + depth + ")";
      if (oracle.kind().equals("combine")) {
        Row row =
            one(
                "signature_combine("
                    + literal(oracle.input("sig1"))
                    + ", "
                    + literal(oracle.input("sig2"))
                    + shape);
        assertClose(oracle.output("combined"), numbers(row, 0), 1e-12, oracle.toString());
      } else if (oracle.kind().equals("inverse")) {
        Row row = one("signature_inverse(" + literal(oracle.input("sig")) + shape);
        assertClose(oracle.output("inverse"), numbers(row, 0), 1e-12, oracle.toString());
      }
    }
  }

  @Test
  void transformsEqualTheOracle() {
    int compared = 0;
    for (Case oracle : OracleFile.cases("signature_transforms.json")) {
      if (!oracle.hasInput("path")) {
        continue;
      }
      String path = literal(oracle.input("path"));
      String times = oracle.hasInput("times") ? ", " + literal(oracle.input("times")) : "";
      Row row =
          one(
              "path_"
                  + oracle.kind()
                  + "("
                  + path
                  + ", "
                  + oracle.parameter("channels").asInt()
                  + times
                  + ")");
      assertArrayEquals(oracle.output("out"), numbers(row, 0), oracle.toString());
      compared++;
    }
    assertEquals(5, compared);
  }

  @Test
  void windowsArePathsOfTheirOwn() {
    Row row = one("path_windows(array(1D, 2D, 3D, 4D, 5D), 1, 'sliding', 2, 2)");
    assertEquals("[ArraySeq(1.0, 2.0), ArraySeq(3.0, 4.0)]", row.getList(0).toString());
    Row lengths =
        one(
            "transform(path_windows(array(1, 2, 3, 4, 5), 1, 'dyadic', 1), w -> size(w))",
            "transform(path_windows(array(1, 2, 3, 4, 5), 1, 'expanding', 3), w -> size(w))");
    assertEquals(List.of(5, 2, 3), lengths.getList(0));
    assertEquals(List.of(3, 4, 5), lengths.getList(1));
  }

  @Test
  void signaturesOfWindowsAreTakenWithSqlsOwnFunctions() {
    Row row =
        one(
            "transform(path_windows(array(1, 2, 4, 7), 1, 'sliding', 2, 1),"
                + " w -> path_signature(w, 1, 2)[0])");
    assertEquals(List.of(1.0, 2.0, 3.0), row.getList(0));
  }

  @Test
  void theKernelOfPathsOnALineIsABesselSum() {
    // One channel, increments a and b: k = sum_n (a b)^n / n!^2.
    double expected = 0;
    double term = 1;
    for (int n = 1; n < 20; n++) {
      expected += term;
      term *= 0.35 / ((double) n * n);
    }
    Row row = one("path_signature_kernel(array(0D, 0.7D), array(0D, 0.5D), 1, 6)");
    assertEquals(expected, row.getDouble(0), 1e-6);
  }

  @Test
  void wordsLabelTheEntries() {
    assertEquals(
        List.of("1", "2", "1,1", "1,2", "2,1", "2,2"), one("signature_words(2, 2)").getList(0));
  }

  @Test
  void columnsAreNamedLikeTheirCalls() {
    Dataset<Row> paths = paths(new double[] {1, 2}, 1, DataTypes.FloatType);
    assertEquals(
        "path_signature(flat, 1, 2)", paths.selectExpr("path_signature(flat, 1, 2)").columns()[0]);
  }

  @Test
  void everyFunctionDescribesItself() {
    for (SqlFunction function : SparkSsmFunctions.all()) {
      String text =
          SPARK.sql("DESCRIBE FUNCTION EXTENDED " + function.name()).collectAsList().stream()
              .map(row -> row.getString(0))
              .collect(Collectors.joining("\n"));
      assertTrue(text.contains("Usage: " + function.name() + "("), text);
      assertTrue(text.contains("Arguments:"), text);
      assertTrue(text.contains("> SELECT " + function.name() + "("), text);
    }
  }

  @Test
  void theExamplesOfTheDescriptionsAreTrue() {
    for (SqlFunction function : SparkSsmFunctions.all()) {
      String[] lines = function.example().split("\n", -1);
      String call = lines[0].replace("> ", "").replace("_FUNC_", function.name()).replace(";", "");
      Object value = SPARK.sql(call).first().get(0);
      Object shown =
          value instanceof Double
              ? value
              : SPARK.sql(call).toDF("x").selectExpr("to_json(x)").first().get(0);
      assertEquals(lines[1].strip(), shown.toString(), call);
    }
  }

  @Test
  void theSessionExtensionAddsTheFunctions() {
    SparkSession.clearActiveSession();
    SparkSession.clearDefaultSession();
    try {
      SparkSession extended =
          SparkSession.builder().withExtensions(new SparkSsmExtensions()).getOrCreate();
      assertFalse(extended == SPARK);
      assertEquals(
          1.0, extended.sql("SELECT path_signature(array(0D, 1D), 1, 1)[0]").first().getDouble(0));
    } finally {
      SparkSession.setActiveSession(SPARK);
      SparkSession.setDefaultSession(SPARK);
    }
  }

  @Test
  void wrongCallsAreRefusedAtAnalysis() {
    assertRefused(
        "path_signature(array(1D), 1)",
        "path_signature has 2 arguments, expected 3: values, channels, depth");
    assertRefused(
        "path_logsignature(array(1D))",
        "path_logsignature has 1 arguments, expected 3 to 4: values, channels, depth, basis");
    assertRefused(
        "path_signature('abc', 1, 2)",
        "path_signature: values is 'abc' of type string, expected an array of numbers, of arrays of"
            + " numbers or of structs of numbers");
    assertRefused(
        "path_signature(array('a', 'b'), 1, 2)",
        "path_signature: values is array('a', 'b') of type array<string>, expected an"
            + " array of numbers, of arrays of numbers or of structs of numbers");
    assertRefused(
        "path_signature(array(array('a')), 1, 2)",
        "path_signature: values is array(array('a')) of type array<array<string>>, expected an array"
            + " of numbers, of arrays of numbers or of structs of numbers");
    assertRefused(
        "path_signature(array(1D), 0, 2)", "path_signature: channels is 0, expected at least 1");
    assertRefused(
        "path_signature(array(1D), 1, -2)", "path_signature: depth is -2, expected at least 1");
    assertRefused(
        "path_signature(array(1D), 1, 1.5)",
        "path_signature: depth is 1.5BD of type decimal(2,1), expected a constant whole number");
    assertRefused(
        "path_signature(array(1D), 1, NULL)",
        "path_signature: depth is NULL of type void, expected a constant whole number");
    assertRefused(
        "path_logsignature(array(1D), 1, 2, 'hall')",
        "path_logsignature: the log-signature basis is 'hall', expected expanded, words or lyndon");
    assertRefused(
        "path_windows(array(1D), 1, 'sliding', 0, 1)",
        "path_windows: a sliding window has size 0 and step 1, expected both at least 1");
    assertRefused(
        "path_signature_kernel(array(1D), array(1D), 1, 11)",
        "path_signature_kernel: the dyadic order is 11, expected 0 to 10");
    InvalidInputException refusal =
        assertThrows(
            InvalidInputException.class,
            () -> SPARK.range(3).selectExpr("path_signature(array(1D), 1, CAST(id AS INT))"));
    assertTrue(refusal.getMessage().endsWith("expected a constant whole number"));
  }

  @Test
  void aRowOverTheLimitIsRefusedAtAnalysis() {
    SPARK.conf().set(SignatureSize.MAX_BYTES_KEY, "1000");
    assertRefused(
        "path_signature(array(1D), 3, 5)",
        "path_signature: a signature of 3 channels at depth 5 has 363 entries and takes 2904 bytes"
            + " a row, more than the limit spark.ssm.signature.maxBytes = 1000 bytes");
  }

  @Test
  void badNumbersAreNamed() {
    assertFails(
        "path_signature(array(1D, 2D, 3D), 2, 2)",
        "path_signature: a path has 3 values, expected a multiple of 2 channels");
    assertFails(
        "path_signature(array(1D, 2D, 3D, double('NaN')), 2, 2)",
        "path_signature: a path has NaN at step 1, channel 2, expected a finite number");
    assertFails(
        "path_lead_lag(array(float(1), float('Infinity')), 1)",
        "path_lead_lag: a path has Infinity at step 1, channel 1, expected a finite number");
    assertFails(
        "path_signature(array(1D, NULL), 1, 2)",
        "path_signature: values has a null at position 1, expected a number");
    assertFails(
        "path_signature(array(array(1D, 2D), NULL), 2, 2)",
        "path_signature: values has a null at step 1, expected a point");
    assertFails(
        "path_signature(array(array(1D, 2D), array(1D, NULL)), 2, 2)",
        "path_signature: values has a null at step 1, channel 2, expected a number");
    assertFails(
        "path_signature(array(array(1D, 2D), array(1D)), 2, 2)",
        "path_signature: values has 1 numbers at step 1, expected 2 channels");
    assertFails(
        "path_lead_lag(array(array(1D, 2D), array(3D, 4D)), 2147483647)",
        "path_lead_lag: values has 2 numbers at step 0, expected 2147483647 channels");
    assertFails(
        "path_time_augment(array(1D, 2D), 1, array(0D))",
        "a path of 2 points has 1 times, expected as many");
    assertFails(
        "signature_combine(array(1D), array(1D, 2D), 1, 2)",
        "a signature of 1 channels at depth 2 has 1 entries, expected 2");
    assertFails(
        "signature_log(array(1D, double('NaN')), 1, 2)",
        "signature_log: a signature has NaN at position 1, expected a finite number");
  }

  private static void assertRefused(String call, String message) {
    InvalidInputException refusal =
        assertThrows(InvalidInputException.class, () -> SPARK.sql("SELECT " + call));
    assertEquals(message, refusal.getMessage());
  }

  private static void assertFails(String call, String message) {
    Exception failure = assertThrows(Exception.class, () -> one(call));
    assertEquals(message, Failures.invalidInput(failure).orElseThrow().getMessage());
  }

  private static Row one(String... calls) {
    return SPARK.sql("SELECT " + String.join(", ", calls)).first();
  }

  private Dataset<Row> from(String source, Dataset<Row> rows) {
    if (source.equals("parquet")) {
      String place = folder.resolve("paths").toString();
      rows.write().mode("overwrite").parquet(place);
      return SPARK.read().parquet(place);
    }
    if (source.equals("cache")) {
      Dataset<Row> cached = rows.cache();
      cached.count();
      return cached;
    }
    return rows;
  }

  /** One row: the path flat, as points, and missing. */
  private static Dataset<Row> paths(double[] path, int channels, DataType type) {
    DataType numbers = DataTypes.createArrayType(type, true);
    StructType schema =
        new StructType()
            .add("flat", numbers)
            .add("points", DataTypes.createArrayType(numbers, true))
            .add("missing", numbers);
    List<Object> flat = new ArrayList<>();
    for (double value : path) {
      flat.add(type.equals(DataTypes.FloatType) ? (Object) (float) value : (Object) value);
    }
    List<Object> points = new ArrayList<>();
    for (int l = 0; l < flat.size() / channels; l++) {
      points.add(flat.subList(l * channels, (l + 1) * channels).toArray());
    }
    return SPARK.createDataFrame(
        List.of(RowFactory.create(flat.toArray(), points.toArray(), null)), schema);
  }

  private static String literal(double[] values) {
    StringBuilder text = new StringBuilder("array(");
    for (int i = 0; i < values.length; i++) {
      text.append(i == 0 ? "" : ", ").append(values[i]).append('D');
    }
    return text.append(')').toString();
  }

  private static double[] numbers(Row row, int column) {
    List<Number> values = row.getList(column);
    return values.stream().mapToDouble(Number::doubleValue).toArray();
  }

  private static void assertClose(
      double[] expected, double[] actual, double tolerance, String what) {
    assertEquals(expected.length, actual.length, what);
    double scale = 1;
    for (double value : expected) {
      scale = Math.max(scale, Math.abs(value));
    }
    assertArrayEquals(expected, actual, tolerance * scale, what);
  }
}
