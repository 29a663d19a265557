package org.sparkssm.sql;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.apache.spark.SparkThrowable;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.sparkssm.signature.SignatureSize;
import org.sparkssm.spark.Failures;
import org.sparkssm.testing.SharedSpark;

/**
 * Calls of every function with arguments of any type and size, with nulls, non-finite numbers,
 * ragged points and huge requests: each gives a result or an error that says what was wrong, and
 * the JVM lives on.
 */
class RandomCallsIT {
  private static final SparkSession SPARK = ExtendedSpark.session();
  private static final Map<String, String> SETTINGS =
      Map.of(
          SignatureSize.MAX_BYTES_KEY,
          "65536",
          // Calls of constants run in tasks too.
          "spark.sql.optimizer.excludedRules",
          "org.apache.spark.sql.catalyst.optimizer.ConstantFolding,"
              + "org.apache.spark.sql.catalyst.optimizer.ConvertToLocalRelation",
          "spark.sql.shuffle.partitions",
          "2");

  @BeforeAll
  static void settings() {
    SparkSession.setActiveSession(SPARK);
    SETTINGS.forEach((key, value) -> SPARK.conf().set(key, value));
  }

  @AfterAll
  static void backToDefaults() {
    SETTINGS.keySet().forEach(key -> SPARK.conf().unset(key));
    SPARK.conf().unset("spark.sql.codegen.wholeStage");
    SPARK.conf().unset("spark.sql.codegen.factoryMode");
    SparkSession.setActiveSession(SharedSpark.session());
  }

  @Test
  void everyFunctionAnswersOrSaysWhatIsWrong() {
    run(IntStream.range(0, 150), SparkSsmFunctions.all().size() / 2);
  }

  @Test
  @Tag("fuzz")
  void everyFunctionAnswersOrSaysWhatIsWrongManyTimes() {
    run(IntStream.range(150, 6000), SparkSsmFunctions.all().size());
  }

  /** Fails unless {@code least} functions gave a result at least once. */
  private static void run(IntStream seeds, int least) {
    Map<String, Integer> answered = new TreeMap<>();
    seeds.forEach(
        seed -> {
          String query = new RandomCall(new Random(seed)).query();
          boolean isCompiled = seed % 2 == 0;
          SPARK.conf().set("spark.sql.codegen.wholeStage", isCompiled);
          SPARK
              .conf()
              .set("spark.sql.codegen.factoryMode", isCompiled ? "CODEGEN_ONLY" : "NO_CODEGEN");
          try {
            SPARK.sql(query).collect();
            answered.merge(query.replaceAll("SELECT (\\w+).*", "$1"), 1, Integer::sum);
          } catch (Exception failure) {
            assertTrue(isNamed(failure), () -> "seed " + seed + ": " + query + "\n" + failure);
          }
        });
    assertTrue(answered.size() >= least, answered::toString);
  }

  /** Whether it is ours, or Spark's own about the types or values of the query. */
  private static boolean isNamed(Throwable failure) {
    if (Failures.invalidInput(failure).isPresent()) {
      return true;
    }
    for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
      if (cause instanceof SparkThrowable spark
          && spark.getCondition() != null
          && !spark.getCondition().startsWith("INTERNAL_ERROR")
          && !spark.getCondition().startsWith("FAILED_EXECUTE_UDF")) {
        return true;
      }
    }
    return false;
  }
}
