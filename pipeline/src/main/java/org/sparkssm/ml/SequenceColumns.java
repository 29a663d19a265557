package org.sparkssm.ml;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.spark.ml.param.Param;
import org.apache.spark.ml.param.Params;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.NumericType;
import org.apache.spark.sql.types.StructType;
import org.sparkssm.kernel.Device;

/** Checks and Params that the estimators of sequence models share with their models. */
final class SequenceColumns {
  private static final String DEVICE_KEY = "spark.ssm.device";
  private static final String EXPECTED_INPUT =
      "array<float> or array<double> (values) or array<int> (tokens)";

  private SequenceColumns() {}

  static Param<String> inputCol(Params parent) {
    return new Param<>(parent, "inputCol", "column of sequences: " + EXPECTED_INPUT);
  }

  static Param<String> timesCol(Params parent) {
    return new Param<>(
        parent,
        "timesCol",
        "column of strictly increasing times, array<double>; not set: steps are uniform");
  }

  static Param<String> predictionCol(Params parent) {
    return new Param<>(parent, "predictionCol", "column for predictions");
  }

  static Param<String> device(Params parent) {
    return new Param<>(
        parent, "device", "auto, cpu, gpu or reference; not set: spark.ssm.device, else auto");
  }

  /** What the Param says, else what Spark's configuration says, else auto. */
  static Device device(Params parent, Param<String> device, SparkSession spark) {
    return Device.of(
        parent.isSet(device)
            ? parent.getOrDefault(device)
            : spark.conf().get(DEVICE_KEY, Device.AUTO.word()));
  }

  static void checkInput(StructType schema, String name) {
    DataType type = Columns.type(schema, name, EXPECTED_INPUT);
    boolean fits =
        type instanceof ArrayType array
            && List.of(DataTypes.FloatType, DataTypes.DoubleType, DataTypes.IntegerType)
                .contains(array.elementType());
    if (!fits) {
      throw Columns.wrongType(name, type, EXPECTED_INPUT);
    }
  }

  static boolean isTokens(StructType schema, String name) {
    return schema.apply(name).dataType() instanceof ArrayType array
        && array.elementType().equals(DataTypes.IntegerType);
  }

  static void checkId(StructType schema, String name) {
    DataType type = Columns.type(schema, name, "integer ids, each once");
    if (!List.of(DataTypes.LongType, DataTypes.IntegerType, DataTypes.ShortType).contains(type)) {
      throw Columns.wrongType(name, type, "an integer");
    }
  }

  static void checkNumber(StructType schema, String name, String expected) {
    DataType type = Columns.type(schema, name, expected);
    if (!(type instanceof NumericType)) {
      throw Columns.wrongType(name, type, "a number");
    }
  }

  static void checkFlag(StructType schema, String name) {
    DataType type = Columns.type(schema, name, "true or false");
    if (!type.equals(DataTypes.BooleanType)) {
      throw Columns.wrongType(name, type, "boolean");
    }
  }

  /** The index of each name. */
  static Map<String, Integer> numbered(List<String> names) {
    Map<String, Integer> numbers = new HashMap<>();
    for (String name : names) {
      numbers.put(name, numbers.size());
    }
    return numbers;
  }
}
