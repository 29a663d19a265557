package org.sparkssm.ml;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.apache.spark.ml.linalg.Vector;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.signature.SignatureSize;
import org.sparkssm.spark.Failures;
import org.sparkssm.testing.OracleFile;
import org.sparkssm.testing.SharedSpark;

/**
 * The signature of a path of one channel is that of a straight line: with the increments a and b of
 * two such paths the kernel is {@code sum_n (a b)^n / n!^2}.
 */
class SignatureKernelGramIT {
  private static final SparkSession SPARK = SharedSpark.session();
  private static final SignatureKernelGram LINE = SignatureKernelGram.linear(1, 6).withBlockSize(3);

  /** Increments of the paths with ids 0, 10, 20, ... */
  private static final double[] A = {0.3, -0.7, 0, 0.9, -0.2, 0.55, 0.1, 0.8};

  private static final double[] B = {0.4, -0.1, 0.65, 0.2};

  @AfterEach
  void backToDefaults() {
    SPARK.conf().unset(SignatureSize.MAX_BYTES_KEY);
  }

  @Test
  void rowsHoldTheKernelWithEveryPathInTheOrderOfIds() {
    List<Row> rows = LINE.rows(lines(A, 1, 1)).orderBy("id").collectAsList();
    assertEquals(A.length, rows.size());
    for (int i = 0; i < A.length; i++) {
      assertEquals(10L * i, rows.get(i).getLong(0));
      assertRow(A[i], A, rows.get(i));
    }
    List<Row> cross = LINE.rows(lines(B, 2, 2), lines(A, 3, 1)).orderBy("id").collectAsList();
    assertEquals(B.length, cross.size());
    for (int i = 0; i < B.length; i++) {
      assertRow(B[i], A, cross.get(i));
    }
  }

  @Test
  void singlePrecisionGivesTheSameMatrixToItsDigits() {
    Dataset<Row> lines = lines(A, 1, 2);
    SignatureKernelGram gram = SignatureKernelGram.linear(1, 0);
    List<Row> rows = gram.rows(lines).orderBy("id").collectAsList();
    List<Row> single = gram.inSinglePrecision().rows(lines).orderBy("id").collectAsList();
    for (int i = 0; i < A.length; i++) {
      double[] expected = ((Vector) rows.get(i).get(1)).toArray();
      double[] found = ((Vector) single.get(i).get(1)).toArray();
      assertArrayEquals(expected, found, 2e-5);
      // The path at 2 does not move: its kernels are exactly 1.
      assertEquals(i == 2, Arrays.equals(expected, found));
    }
  }

  @Test
  void aSymmetricMatrixHasTheBlocksOnAndAboveTheDiagonal() {
    List<Row> blocks =
        LINE.blocks(lines(A, 1, 2)).orderBy("row_block", "column_block").collectAsList();
    List<String> numbers = new ArrayList<>();
    for (Row block : blocks) {
      numbers.add(block.getInt(0) + "," + block.getInt(1));
      List<Long> rowIds = block.getList(2);
      List<Long> columnIds = block.getList(3);
      List<Double> values = block.getList(4);
      assertEquals(rowIds.size() * columnIds.size(), values.size());
      for (int i = 0; i < rowIds.size(); i++) {
        for (int j = 0; j < columnIds.size(); j++) {
          assertEquals(
              kernel(A[(int) (rowIds.get(i) / 10)], A[(int) (columnIds.get(j) / 10)]),
              values.get(i * columnIds.size() + j),
              1e-5);
        }
      }
    }
    assertEquals(List.of("0,0", "0,1", "0,2", "1,1", "1,2", "2,2"), numbers);
    assertEquals(6, LINE.blocks(lines(A, 1, 1), lines(B, 1, 1)).count());
  }

  @Test
  void resultsAreTheSameBitsForAnyPartitioning() {
    Row expected = LINE.rows(lines(A, 1, 1)).orderBy("id").collectAsList().get(1);
    double discrepancy = LINE.squaredMmd(lines(A, 1, 1), lines(B, 1, 1));
    for (int seed = 2; seed < 5; seed++) {
      Dataset<Row> shuffled = lines(A, seed, 1 + seed);
      assertEquals(
          expected, LINE.rows(shuffled).orderBy("id").collectAsList().get(1), "seed " + seed);
      assertEquals(discrepancy, LINE.squaredMmd(shuffled, lines(B, seed, seed)));
    }
  }

  @Test
  void theDiscrepancyIsTheUnbiasedEstimate() {
    double expected = meanOffDiagonal(A) + meanOffDiagonal(B) - 2 * mean(A, B);
    assertEquals(expected, LINE.squaredMmd(lines(A, 1, 2), lines(B, 1, 3)), 1e-5);
  }

  @Test
  void entriesAgreeWithTheOracleForBothStaticKernels() {
    List<OracleFile.Case> cases =
        OracleFile.cases("signature_kernel.json", "finite_difference").stream()
            .filter(oracle -> oracle.parameter("dyadic_order").asInt() == 1)
            .toList();
    assertFalse(cases.isEmpty());
    for (OracleFile.Case oracle : cases) {
      int channels = oracle.parameter("channels").asInt();
      SignatureKernelGram gram =
          oracle.parameter("static_kernel").asText().equals("linear")
              ? SignatureKernelGram.linear(channels, 1)
              : SignatureKernelGram.rbf(channels, 1, oracle.parameter("sigma").asDouble());
      Dataset<Row> x = data(List.of(RowFactory.create(4L, boxed(oracle.input("x")))));
      Dataset<Row> y = data(List.of(RowFactory.create(2L, boxed(oracle.input("y")))));
      double expected = oracle.output("kernel")[0];
      Vector row = gram.rows(x, y).first().getAs("kernel");
      assertEquals(expected, row.apply(0), 1e-12 * Math.max(1, Math.abs(expected)));
    }
  }

  @Test
  void badDataIsNamed() {
    fails(
        () -> LINE.rows(SPARK.range(3).toDF()).count(),
        "there is no column values, expected array<float> or array<double>; the columns are id");
    fails(
        () -> LINE.rows(SPARK.sql("SELECT 'a' id, array(1D) values")).count(),
        "column id is of type string, expected bigint");
    fails(
        () -> LINE.blocks(SPARK.sql("SELECT 7L id, array(1D, double('NaN')) values")).collect(),
        "row id = 7 has NaN at step 1, channel 1, expected a finite number");
    fails(
        () -> LINE.blocks(SPARK.sql("SELECT 7L id, array(1D, NULL) values")).collect(),
        "row id = 7 has a null at step 1, channel 1, expected a finite number");
    fails(
        () ->
            SignatureKernelGram.linear(2, 0)
                .blocks(SPARK.sql("SELECT 7L id, array(1D) values"))
                .collect(),
        "row id = 7 has 1 values, expected a multiple of 2 channels");
    fails(
        () ->
            LINE.blocks(
                    SPARK.sql(
                        "SELECT * FROM VALUES (7L, array(1D)), (7L, array(2D)) d(id, values)"))
                .collect(),
        "two rows have id = 7, expected a row of its own for each id");
    fails(
        () -> LINE.squaredMmd(lines(new double[] {1}, 1, 1), lines(B, 1, 1)),
        "a data set has 1 paths, expected at least 2 for a discrepancy");
    fails(() -> LINE.withBlockSize(0), "the block size is 0, expected at least 1");
    fails(() -> SignatureKernelGram.linear(2, 11), "the dyadic order is 11, expected 0 to 10");
  }

  @Test
  void resultsOverTheLimitAreRefusedBeforeAnythingRuns() {
    SPARK.conf().set(SignatureSize.MAX_BYTES_KEY, "60");
    fails(
        () -> LINE.blocks(lines(A, 1, 1)),
        "a block of 3 x 3 kernels has 9 entries and takes 72 bytes a row, more than the limit"
            + " spark.ssm.signature.maxBytes = 60 bytes");
    fails(
        () -> LINE.withBlockSize(1).rows(lines(A, 1, 1)),
        "a Gram matrix of 8 columns has 8 entries and takes 64 bytes a row, more than the limit"
            + " spark.ssm.signature.maxBytes = 60 bytes");
  }

  private static void fails(Runnable call, String message) {
    Exception failure = assertThrows(Exception.class, call::run);
    InvalidInputException invalid =
        Failures.invalidInput(failure).orElseThrow(() -> new AssertionError(failure));
    assertEquals(message, invalid.getMessage());
  }

  private static void assertRow(double a, double[] others, Row row) {
    Vector kernel = row.getAs("kernel");
    double[] expected = new double[others.length];
    for (int j = 0; j < expected.length; j++) {
      expected[j] = kernel(a, others[j]);
    }
    assertArrayEquals(expected, kernel.toArray(), 1e-5);
  }

  private static double meanOffDiagonal(double[] paths) {
    double sum = 0;
    for (int i = 0; i < paths.length; i++) {
      for (int j = 0; j < paths.length; j++) {
        sum += i == j ? 0 : kernel(paths[i], paths[j]);
      }
    }
    return sum / (paths.length * (paths.length - 1.0));
  }

  private static double mean(double[] x, double[] y) {
    double sum = 0;
    for (double a : x) {
      for (double b : y) {
        sum += kernel(a, b);
      }
    }
    return sum / x.length / y.length;
  }

  private static double kernel(double a, double b) {
    double sum = 0;
    double term = 1;
    for (int n = 1; n < 25; n++) {
      sum += term;
      term *= a * b / ((double) n * n);
    }
    return sum;
  }

  /** Paths of one channel with the increments, at ids 0, 10, 20, ..., in shuffled rows. */
  private static Dataset<Row> lines(double[] increments, int seed, int partitions) {
    Random random = new Random(3);
    List<Row> rows = new ArrayList<>();
    for (int i = 0; i < increments.length; i++) {
      double start = random.nextDouble();
      double middle = start + increments[i] * random.nextDouble();
      rows.add(
          RowFactory.create(10L * i, boxed(new double[] {start, middle, start + increments[i]})));
    }
    Collections.shuffle(rows, new Random(seed));
    return data(rows).repartition(partitions);
  }

  private static Object[] boxed(double[] values) {
    return Arrays.stream(values).boxed().toArray();
  }

  private static Dataset<Row> data(List<Row> rows) {
    return SPARK.createDataFrame(
        rows,
        new StructType()
            .add("id", DataTypes.LongType)
            .add("values", DataTypes.createArrayType(DataTypes.DoubleType)));
  }
}
