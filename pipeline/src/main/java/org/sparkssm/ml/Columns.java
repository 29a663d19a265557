package org.sparkssm.ml;

import java.util.Arrays;
import java.util.Optional;
import org.apache.spark.ml.linalg.SQLDataTypes;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.Metadata;
import org.apache.spark.sql.types.NumericType;
import org.apache.spark.sql.types.StructType;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.data.SequenceSchema;

/** Checks of column names and types for {@code transformSchema}. */
final class Columns {
  private Columns() {}

  /**
   * The type of a column.
   *
   * @param expected what the caller needs, for the message
   * @throws InvalidInputException if there is no such column
   */
  static DataType type(StructType schema, String name, String expected) {
    if (!Arrays.asList(schema.fieldNames()).contains(name)) {
      throw new InvalidInputException(
          "there is no column "
              + name
              + ", expected "
              + expected
              + "; the columns are "
              + String.join(", ", schema.fieldNames()));
    }
    return schema.apply(name).dataType();
  }

  static InvalidInputException wrongType(String name, DataType found, String expected) {
    return new InvalidInputException(
        "column " + name + " is of type " + found.simpleString() + ", expected " + expected);
  }

  static boolean isVectorOrNumbers(DataType type) {
    return type.equals(SQLDataTypes.VectorType())
        || (type instanceof ArrayType array && array.elementType() instanceof NumericType);
  }

  /**
   * Checks that a column is an array of one type of number.
   *
   * @throws InvalidInputException if it is not
   */
  static void requireArray(StructType schema, String name, DataType element) {
    String expected = "array<" + element.simpleString() + ">";
    DataType type = type(schema, name, expected);
    if (!(type instanceof ArrayType array && array.elementType().equals(element))) {
      throw wrongType(name, type, expected);
    }
  }

  /**
   * The number of channels of a column of sequences: what its metadata says, or else what is set.
   *
   * @param set nullable
   * @throws InvalidInputException if nothing says it, or both do and differ
   */
  static int channels(StructType schema, String name, Integer set) {
    Optional<Integer> known = channelsOf(schema, name);
    if (known.isEmpty() && set == null) {
      throw new InvalidInputException(
          "column " + name + " does not say how many channels it has; set channels");
    }
    if (known.isPresent() && set != null && !known.get().equals(set)) {
      throw new InvalidInputException(
          "column %s has %d channels by its metadata, but channels is set to %d"
              .formatted(name, known.get(), set));
    }
    return known.orElse(set);
  }

  /** The number of channels that a column's metadata names. */
  static Optional<Integer> channelsOf(StructType schema, String name) {
    Metadata metadata = schema.apply(name).metadata();
    return metadata.contains(SequenceSchema.CHANNELS_METADATA)
        ? Optional.of((int) metadata.getLong(SequenceSchema.CHANNELS_METADATA))
        : Optional.empty();
  }

  /** The schema with one more column, which is never null and has no metadata. */
  static StructType append(StructType schema, String name, DataType type) {
    return append(schema, name, type, Metadata.empty());
  }

  /**
   * The schema with one more column, which is never null.
   *
   * @throws InvalidInputException if the name is taken
   */
  static StructType append(StructType schema, String name, DataType type, Metadata metadata) {
    if (Arrays.asList(schema.fieldNames()).contains(name)) {
      throw new InvalidInputException(
          "column " + name + " exists already, expected a free name for the output");
    }
    return schema.add(name, type, false, metadata);
  }
}
