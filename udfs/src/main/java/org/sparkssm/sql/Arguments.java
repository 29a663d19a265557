package org.sparkssm.sql;

import java.util.Arrays;
import java.util.List;
import java.util.function.Supplier;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.Cast$;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.expressions.Literal;
import org.apache.spark.sql.internal.SQLConf;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.ByteType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.DatetimeType;
import org.apache.spark.sql.types.DecimalType;
import org.apache.spark.sql.types.IntegerType;
import org.apache.spark.sql.types.LongType;
import org.apache.spark.sql.types.NullType;
import org.apache.spark.sql.types.NumericType;
import org.apache.spark.sql.types.ShortType;
import org.apache.spark.sql.types.StringType;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.unsafe.types.UTF8String;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.signature.SignatureSize;
import scala.Option;

/**
 * The arguments of one call, checked when the query is analyzed. Positions count from 0; every
 * error names the function and the argument.
 */
final class Arguments {
  /** Decimals of more digits may be different and the same double. */
  private static final int DOUBLE_DIGITS = 15;

  private final String function;
  private final List<Expression> children;

  Arguments(String function, List<Expression> children) {
    this.function = function;
    this.children = List.copyOf(children);
  }

  /**
   * Checks the number of arguments.
   *
   * @param names of all arguments; those from {@code required} on may be left out
   */
  void require(int required, String... names) {
    if (children.size() < required || children.size() > names.length) {
      String count = required == names.length ? "" + required : required + " to " + names.length;
      throw new InvalidInputException(
          function
              + " has "
              + children.size()
              + " arguments, expected "
              + count
              + ": "
              + String.join(", ", names));
    }
  }

  int size() {
    return children.size();
  }

  /** An argument as it was written. */
  Expression given(int position) {
    return children.get(position);
  }

  DataType type(int position) {
    return children.get(position).dataType();
  }

  /** Whether the argument is an array of floats, flat or of points. */
  boolean isFloat(int position) {
    return innermost(children.get(position).dataType()).equals(DataTypes.FloatType);
  }

  /**
   * An array of numbers as {@code array<float>} if it is one of floats, and {@code array<double>}
   * otherwise, without nulls inside.
   */
  Expression numbers(int position, String name) {
    return numbers(position, name, "an array of numbers");
  }

  private Expression numbers(int position, String name, String expected) {
    Expression numbers = nullableNumbers(position, name, expected);
    ArrayType type = (ArrayType) numbers.dataType();
    return type.containsNull()
        ? step(
            "withoutNulls",
            DataTypes.createArrayType(type.elementType(), false),
            numbers,
            text(function),
            text(name))
        : numbers;
  }

  private Expression nullableNumbers(int position, String name, String expected) {
    Expression given = children.get(position);
    if (given.dataType() instanceof NullType) {
      return cast(given, DataTypes.createArrayType(DataTypes.DoubleType, false));
    }
    if (!(given.dataType() instanceof ArrayType type) || !isNumeric(type.elementType())) {
      throw wrongType(name, given, expected);
    }
    DataType element =
        type.elementType().equals(DataTypes.FloatType) ? DataTypes.FloatType : DataTypes.DoubleType;
    return cast(given, DataTypes.createArrayType(element, type.containsNull()));
  }

  /** {@link #numbers} widened to double. */
  Expression doubles(int position, String name) {
    return widened(numbers(position, name));
  }

  /** {@link #path} widened to double. */
  Expression doublePath(int position, String name, int channels) {
    return widened(path(position, name, channels));
  }

  /**
   * A path, flat and row-major, or an array of points that are arrays or structs: flat, as {@link
   * #numbers}; its size is a multiple of channels.
   */
  Expression path(int position, String name, int channels) {
    String expected = "an array of numbers, of arrays of numbers or of structs of numbers";
    Expression given = children.get(position);
    if (!(given.dataType() instanceof ArrayType type)
        || !(type.elementType() instanceof ArrayType || type.elementType() instanceof StructType)) {
      return numbers(position, name, expected);
    }
    DataType element = isFloat(position) ? DataTypes.FloatType : DataTypes.DoubleType;
    String suffix = isFloat(position) ? "Float" : "Double";
    DataType flat = DataTypes.createArrayType(element, false);
    if (type.elementType() instanceof StructType point) {
      DataType ofOneType = structOf(point, element, name, given, expected);
      if (point.length() != channels) {
        throw new InvalidInputException(
            function
                + ": "
                + name
                + " has points of "
                + point.length()
                + " fields, expected "
                + channels
                + " channels");
      }
      Expression points = cast(given, DataTypes.createArrayType(ofOneType, type.containsNull()));
      return step("structs" + suffix, flat, points, integer(channels), text(function), text(name));
    }
    ArrayType point = (ArrayType) type.elementType();
    if (!isNumeric(point.elementType())) {
      throw wrongType(name, given, expected);
    }
    DataType ofOneType = DataTypes.createArrayType(element, point.containsNull());
    Expression points = cast(given, DataTypes.createArrayType(ofOneType, type.containsNull()));
    return step("flatten" + suffix, flat, points, integer(channels), text(function), text(name));
  }

  /**
   * One point, an array or a struct of numbers: an array of floats or doubles, maybe with nulls.
   */
  Expression point(int position, String name) {
    String expected = "an array or a struct of numbers";
    Expression given = children.get(position);
    if (!(given.dataType() instanceof StructType type)) {
      return nullableNumbers(position, name, expected);
    }
    DataType element = innermost(type);
    Expression point = cast(given, structOf(type, element, name, given, expected));
    return step(
        element.equals(DataTypes.FloatType) ? "fieldsFloat" : "fieldsDouble",
        DataTypes.createArrayType(element, true),
        point,
        integer(type.length()));
  }

  /** A time, of a type that {@link TimeKey} takes. */
  Expression time(int position, String name) {
    Expression given = children.get(position);
    DataType type = given.dataType();
    if (type instanceof DecimalType decimal) {
      if (decimal.precision() > DOUBLE_DIGITS) {
        throw wrongType(name, given, "a time of at most " + DOUBLE_DIGITS + " digits");
      }
      return cast(given, DataTypes.DoubleType);
    }
    if (!(type instanceof DatetimeType || type instanceof NumericType)) {
      throw wrongType(name, given, "a date, a timestamp or a number");
    }
    return given;
  }

  /** A whole number that is known when the query is analyzed, at least {@code least}. */
  int constant(int position, String name, int least) {
    Expression given = children.get(position);
    DataType type = given.dataType();
    boolean isWhole =
        type instanceof IntegerType
            || type instanceof LongType
            || type instanceof ShortType
            || type instanceof ByteType;
    if (!isWhole || !given.foldable()) {
      throw wrongType(name, given, "a constant whole number");
    }
    Object value = given.eval(InternalRow.empty());
    if (!(value instanceof Number number)
        || number.longValue() < least
        || number.longValue() > Integer.MAX_VALUE) {
      throw new InvalidInputException(
          function + ": " + name + " is " + value + ", expected at least " + least);
    }
    return number.intValue();
  }

  /** A text that is known when the query is analyzed; {@code otherwise} if it was left out. */
  String constantText(int position, String name, String otherwise) {
    if (position >= children.size()) {
      return otherwise;
    }
    Expression given = children.get(position);
    if (!(given.dataType() instanceof StringType) || !given.foldable()) {
      throw wrongType(name, given, "a constant text");
    }
    Object value = given.eval(InternalRow.empty());
    if (value == null) {
      throw wrongType(name, given, "a constant text");
    }
    return value.toString();
  }

  /** Runs a check that throws {@link InvalidInputException}, and puts the function's name first. */
  <T> T checked(Supplier<T> check) {
    try {
      return check.get();
    } catch (InvalidInputException e) {
      throw new InvalidInputException(function + ": " + e.getMessage(), e);
    }
  }

  /** The call itself; a null argument gives null. */
  Expression call(Class<?> owner, String method, DataType type, Expression... arguments) {
    return NamedInvoke.of(function, owner, method, type, List.of(arguments));
  }

  /** The limit on the bytes of a row's output. */
  static long maxBytes() {
    return SignatureSize.maxBytes(SQLConf.get().getConfString(SignatureSize.MAX_BYTES_KEY, null));
  }

  static Expression integer(int value) {
    return new Literal(value, DataTypes.IntegerType);
  }

  static Expression text(String value) {
    return new Literal(UTF8String.fromString(value), DataTypes.StringType);
  }

  private static Expression widened(Expression numbers) {
    return numbers.dataType().equals(DataTypes.createArrayType(DataTypes.FloatType, false))
        ? step("toDouble", DataTypes.createArrayType(DataTypes.DoubleType, false), numbers)
        : numbers;
  }

  private static Expression step(String method, DataType type, Expression... arguments) {
    return NamedInvoke.of(null, ArrayValues.class, method, type, List.of(arguments));
  }

  private static Expression cast(Expression given, DataType type) {
    return given.dataType().equals(type)
        ? given
        : Cast$.MODULE$.apply(given, type, Option.empty(), true);
  }

  /** Numbers, or nothing at all, as in {@code array()}. */
  private static boolean isNumeric(DataType type) {
    return type instanceof NumericType || type instanceof NullType;
  }

  private static DataType innermost(DataType type) {
    if (type instanceof ArrayType array) {
      return innermost(array.elementType());
    }
    if (type instanceof StructType struct) {
      return Arrays.stream(struct.fields())
              .allMatch(field -> field.dataType().equals(DataTypes.FloatType))
          ? DataTypes.FloatType
          : DataTypes.DoubleType;
    }
    return type;
  }

  /** A struct of numbers with all of them of one type. */
  private StructType structOf(
      StructType given, DataType element, String name, Expression argument, String expected) {
    StructType ofOneType = new StructType();
    for (StructField field : given.fields()) {
      if (!(field.dataType() instanceof NumericType)) {
        throw wrongType(name, argument, expected);
      }
      ofOneType = ofOneType.add(field.name(), element, field.nullable());
    }
    return ofOneType;
  }

  private InvalidInputException wrongType(String name, Expression given, String expected) {
    return new InvalidInputException(
        function
            + ": "
            + name
            + " is "
            + given.sql()
            + " of type "
            + given.dataType().simpleString()
            + ", expected "
            + expected);
  }
}
