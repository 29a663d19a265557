package org.sparkssm.jobs;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.not;
import static org.apache.spark.sql.functions.udf;

import java.util.Arrays;
import java.util.List;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.api.java.UDF1;
import org.apache.spark.sql.types.DataTypes;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.data.SequenceSchema;
import org.sparkssm.data.Split;

/**
 * Which rows train, validate and test.
 *
 * <p>Rows that the source put in the test split test. The others train, but for those that a column
 * marks for validation, or a share that a hash of their ids holds back; so {@code train} and {@code
 * evaluate} agree.
 *
 * @param validationFraction in [0, 1)
 * @param seed of the hash
 * @param validationColumn nullable: a boolean column
 */
public record Splits(double validationFraction, long seed, String validationColumn) {
  private static final List<String> NAMES = List.of("train", "validation", "test", "all");

  /**
   * The rows of a split.
   *
   * @param name train, validation, test or all
   * @throws InvalidInputException for another name, or a split that the data has not
   */
  public Dataset<Row> rows(Dataset<Row> data, String name) {
    if (!NAMES.contains(name)) {
      throw new InvalidInputException(
          "--split is '" + name + "', expected one of " + String.join(", ", NAMES));
    }
    Column tests = tests(data);
    if (validationColumn != null && !Arrays.asList(data.columns()).contains(validationColumn)) {
      throw new InvalidInputException(
          "there is no column " + validationColumn + ", by which the model's training was split");
    }
    return switch (name) {
      case "train" -> data.filter(not(tests.or(validation())));
      case "validation" -> {
        if (validationFraction == 0 && validationColumn == null) {
          throw new InvalidInputException(
              "there is no validation split: the model was trained with --validation-fraction 0");
        }
        yield data.filter(not(tests).and(validation()));
      }
      case "test" -> {
        if (!isMarked(data)) {
          throw new InvalidInputException(
              "there is no test split: the data set has no column " + SequenceSchema.SPLIT);
        }
        yield data.filter(tests);
      }
      default -> data;
    };
  }

  /** All rows but those of the test split. */
  public Dataset<Row> trainingAndValidation(Dataset<Row> data) {
    return data.filter(not(tests(data)));
  }

  private static Column tests(Dataset<Row> data) {
    return isMarked(data)
        ? col(SequenceSchema.SPLIT).eqNullSafe(SequenceSchema.TEST_SPLIT)
        : lit(false);
  }

  private static boolean isMarked(Dataset<Row> data) {
    return Arrays.asList(data.columns()).contains(SequenceSchema.SPLIT);
  }

  private Column validation() {
    if (validationColumn != null) {
      return col("`" + validationColumn + "`");
    }
    double fraction = validationFraction;
    long hashSeed = seed;
    UDF1<Long, Boolean> held = id -> Split.isValidation(id, fraction, hashSeed);
    return fraction == 0
        ? lit(false)
        : udf(held, DataTypes.BooleanType).apply(col(SequenceSchema.ID));
  }
}
