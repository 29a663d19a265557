package org.sparkssm.spark;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.explode;
import static org.apache.spark.sql.functions.unix_micros;
import static org.apache.spark.sql.functions.xxhash64;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.BooleanType;
import org.apache.spark.sql.types.ByteType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DateType;
import org.apache.spark.sql.types.IntegerType;
import org.apache.spark.sql.types.LongType;
import org.apache.spark.sql.types.NumericType;
import org.apache.spark.sql.types.ShortType;
import org.apache.spark.sql.types.StringType;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.TimestampNTZType;
import org.apache.spark.sql.types.TimestampType;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.data.LabelDescription;
import org.sparkssm.data.SequenceSchema;

/** The columns of a foreign table by their roles, checked. */
final class TableColumns {
  private static final int MAX_CLASSES = 10_000;
  private static final String DEFAULT_ID = "id";

  private final Dataset<Row> table;
  private final ImportOptions options;

  TableColumns(Dataset<Row> table, ImportOptions options) {
    this.table = table;
    this.options = options;
  }

  Dataset<Row> table() {
    return table;
  }

  boolean has(String name) {
    return Arrays.asList(table.columns()).contains(name);
  }

  /** A column by its exact name. */
  Column column(String name) {
    return col("`" + name.replace("`", "``") + "`");
  }

  /**
   * The type of a column.
   *
   * @param role for the message: the option that names it
   */
  DataType type(String name, String role) {
    for (StructField field : table.schema().fields()) {
      if (field.name().equals(name)) {
        return field.dataType();
      }
    }
    throw new InvalidInputException(
        "the column '"
            + name
            + "' ("
            + role
            + ") is missing; the input has the columns "
            + String.join(", ", table.columns()));
  }

  /** An id column, or empty where rows are to be numbered. */
  Optional<String> id() {
    if (options.id().isPresent() || options.layout() == ImportOptions.Layout.LONG) {
      return Optional.of(options.id().orElse(DEFAULT_ID));
    }
    return has(DEFAULT_ID) ? Optional.of(DEFAULT_ID) : Optional.empty();
  }

  /** Whether ids are text, so that they become hashes. */
  boolean idIsText(String name) {
    DataType type = type(name, "--id");
    if (type instanceof StringType) {
      return true;
    }
    if (isWhole(type)) {
      return false;
    }
    throw wrongType(name, type, "whole numbers or text for ids");
  }

  /** The id as a bigint: itself, or the 64-bit hash of the text; null where the column is null. */
  Column idExpression(String name) {
    Column id = column(name);
    return idIsText(name)
        ? org.apache.spark.sql.functions.when(id.isNotNull(), xxhash64(id))
        : id.cast("bigint");
  }

  /** Whether a type is a date or time, which becomes seconds. */
  static boolean isTimestamp(DataType type) {
    return type instanceof TimestampType
        || type instanceof TimestampNTZType
        || type instanceof DateType;
  }

  /** A scalar time as a double: the number, or seconds since 1970. */
  Column timeExpression(String name) {
    DataType type = type(name, "--time");
    if (isTimestamp(type)) {
      return unix_micros(column(name).cast("timestamp")).cast("double").divide(1e6);
    }
    if (type instanceof NumericType) {
      return column(name).cast("double");
    }
    throw wrongType(name, type, "numbers, dates or timestamps for times");
  }

  /** A column of arrays of times as arrays of doubles. */
  Column timesExpression(String name) {
    DataType type = type(name, "--time");
    if (type instanceof ArrayType array) {
      if (array.elementType() instanceof NumericType) {
        return column(name).cast("array<double>");
      }
      if (isTimestamp(array.elementType())) {
        return org.apache.spark.sql.functions.transform(
            column(name), time -> unix_micros(time.cast("timestamp")).cast("double").divide(1e6));
      }
    }
    throw wrongType(name, type, "arrays of numbers, dates or timestamps for times");
  }

  /** A numeric column as float. */
  Column channelExpression(String name) {
    DataType type = type(name, "--channels");
    if (!(type instanceof NumericType)) {
      throw wrongType(name, type, "numbers for a channel");
    }
    return column(name).cast("float");
  }

  /** A column of arrays of numbers as arrays of floats. */
  Column channelArrayExpression(String name) {
    DataType type = type(name, "--channels");
    if (!isNumericArray(type)) {
      throw wrongType(name, type, "arrays of numbers for a channel");
    }
    return column(name).cast("array<float>");
  }

  static boolean isNumericArray(DataType type) {
    return type instanceof ArrayType array && array.elementType() instanceof NumericType;
  }

  static boolean isWhole(DataType type) {
    return type instanceof LongType
        || type instanceof IntegerType
        || type instanceof ShortType
        || type instanceof ByteType;
  }

  static InvalidInputException wrongType(String name, DataType type, String expected) {
    return new InvalidInputException(
        "the column '" + name + "' has the type " + type.simpleString() + ", expected " + expected);
  }

  /**
   * Labels of a table.
   *
   * @param description what they are
   * @param column nullable: text for classes, double for numbers; or arrays of these where labels
   *     belong to steps of a table with one row per sequence
   * @param indices index of each class
   */
  record Labels(LabelDescription description, Column column, Map<String, Integer> indices)
      implements Serializable {}

  /**
   * The labels; where classes are not named in the options, the values found name them.
   *
   * @param arrays whether labels of steps are in array columns
   */
  Labels labels(boolean arrays) {
    if (options.label().isEmpty() && options.stepLabel().isEmpty()) {
      return new Labels(LabelDescription.none(), null, Map.of());
    }
    boolean perStep = options.stepLabel().isPresent();
    String name = options.stepLabel().or(options::label).orElseThrow();
    String role = perStep ? "--step-label" : "--label";
    DataType type = type(name, role);
    boolean inArray = arrays && perStep;
    DataType scalar = type;
    if (inArray) {
      if (!(type instanceof ArrayType array)) {
        throw wrongType(name, type, "arrays for labels of steps");
      }
      scalar = array.elementType();
    }
    boolean numeric = scalar instanceof NumericType;
    boolean classes =
        options.labelType() == ImportOptions.LabelType.CLASS
            || (options.labelType() == ImportOptions.LabelType.AUTO
                && (!numeric || isWhole(scalar)));
    if (!classes && !numeric) {
      throw wrongType(name, type, "numbers for labels (--label-type number)");
    }
    if (classes && !numeric && !(scalar instanceof StringType || scalar instanceof BooleanType)) {
      throw wrongType(name, type, "text, booleans or whole numbers for class labels");
    }
    String target = classes ? "string" : "double";
    Column column = column(name).cast(inArray ? "array<" + target + ">" : target);
    if (!classes) {
      return new Labels(
          perStep ? LabelDescription.numberPerStep() : LabelDescription.number(1),
          column,
          Map.of());
    }
    List<String> names =
        options.classes().isEmpty() ? distinct(column, inArray, name) : options.classes();
    Map<String, Integer> indices = new HashMap<>();
    for (String className : names) {
      indices.put(className, indices.size());
    }
    LabelDescription description =
        perStep ? LabelDescription.classesPerStep(names, false) : LabelDescription.classes(names);
    return new Labels(description, column, indices);
  }

  /** The values found, as numbers where all are, else as text. */
  private List<String> distinct(Column column, boolean inArray, String name) {
    List<String> names =
        new ArrayList<>(
            table
                .select((inArray ? explode(column) : column).as("class"))
                .where("class is not null")
                .distinct()
                .limit(MAX_CLASSES + 1)
                .collectAsList()
                .stream()
                .map(row -> row.getString(0))
                .toList());
    if (names.size() > MAX_CLASSES) {
      throw new InvalidInputException(
          "the column '"
              + name
              + "' has more than "
              + MAX_CLASSES
              + " different values, expected classes; --label-type number reads it as numbers");
    }
    boolean whole = names.stream().allMatch(text -> text.matches("-?\\d{1,18}"));
    names.sort(whole ? Comparator.comparingLong(Long::parseLong) : Comparator.naturalOrder());
    return names;
  }

  /** The column that says the split, as text. */
  Optional<Column> split() {
    return options
        .split()
        .map(
            name -> {
              DataType type = type(name, "--split-column");
              if (!(type instanceof StringType)) {
                throw wrongType(name, type, "text for splits");
              }
              return column(name);
            });
  }

  /**
   * The further columns that ride along.
   *
   * @param used columns that have a role, left out where the options do not list what to keep
   * @param byDefault whether all others are kept then
   */
  List<StructField> kept(List<String> used, boolean byDefault) {
    List<StructField> kept = new ArrayList<>();
    for (StructField field : table.schema().fields()) {
      boolean keep =
          options
              .keep()
              .map(list -> list.contains(field.name()))
              .orElse(byDefault && !used.contains(field.name()));
      if (keep) {
        if (SequenceSchema.RESERVED.contains(field.name())) {
          throw new InvalidInputException(
              "the further column '"
                  + field.name()
                  + "' has a name that sequence data sets give a meaning; rename it, or list the"
                  + " columns to keep without it (--keep)");
        }
        kept.add(field);
      }
    }
    options.keep().ifPresent(list -> list.forEach(name -> type(name, "--keep")));
    return kept;
  }
}
