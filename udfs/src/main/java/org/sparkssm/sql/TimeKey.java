package org.sparkssm.sql;

import java.io.Serializable;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.Cast$;
import org.apache.spark.sql.catalyst.expressions.Literal;
import org.apache.spark.sql.internal.SQLConf;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.DateType;
import org.apache.spark.sql.types.DatetimeType;
import org.apache.spark.sql.types.DoubleType;
import org.apache.spark.sql.types.FloatType;
import org.sparkssm.data.InvalidInputException;
import scala.Option;

/**
 * Times of one SQL type as whole numbers in the same order: dates and timestamps, whole numbers,
 * floats and doubles.
 */
record TimeKey(String function, DataType type) implements Serializable {
  private static final long serialVersionUID = 1L;

  /**
   * The key of a time in Spark's own form.
   *
   * @throws InvalidInputException if it is null or not a number
   */
  long of(Object time) {
    if (time == null) {
      throw new InvalidInputException(function + ": a point has no time, expected one");
    }
    if (!isFraction()) {
      return ((Number) time).longValue();
    }
    // Adding zero makes -0.0 the same time as 0.0.
    double value = ((Number) time).doubleValue() + 0.0;
    if (Double.isNaN(value)) {
      throw new InvalidInputException(function + ": a point has the time NaN, expected a number");
    }
    return ordered(Double.doubleToLongBits(value));
  }

  /** The time of a key as SQL shows it. */
  String text(long key) {
    if (isFraction()) {
      return Double.toString(Double.longBitsToDouble(ordered(key)));
    }
    if (!(type instanceof DatetimeType)) {
      return Long.toString(key);
    }
    Object value = type instanceof DateType ? (Object) (int) key : (Object) key;
    return Cast$.MODULE$
        .apply(
            new Literal(value, type),
            DataTypes.StringType,
            Option.apply(SQLConf.get().sessionLocalTimeZone()),
            true)
        .eval(InternalRow.empty())
        .toString();
  }

  private boolean isFraction() {
    return type instanceof FloatType || type instanceof DoubleType;
  }

  /** Swaps between the bits of a double and a number in the order of doubles. */
  private static long ordered(long bits) {
    return bits ^ ((bits >> 63) & Long.MAX_VALUE);
  }
}
