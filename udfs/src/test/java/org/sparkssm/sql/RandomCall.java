package org.sparkssm.sql;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.function.Supplier;

/**
 * Writes calls of the SQL functions with arguments of any kind, many of them wrong: literals and
 * columns, of every type, with nulls, ragged, empty, and requests for results beyond any memory.
 */
final class RandomCall {
  private static final String[] FUNCTIONS =
      SparkSsmFunctions.all().stream().map(SqlFunction::name).toArray(String[]::new);
  private static final String[] WHOLE_NUMBERS = {
    "1",
    "2",
    "3",
    "2",
    "3",
    "5",
    "0",
    "-1",
    "17",
    "2147483647",
    "9223372036854775807",
    "1.5",
    "NULL",
    "'2'",
    "2L",
    "CAST(2 AS TINYINT)",
    "id",
    "1 + 1"
  };
  private static final String[] TEXTS = {
    "'lyndon'",
    "'words'",
    "'expanded'",
    "'sliding'",
    "'expanding'",
    "'dyadic'",
    "'global'",
    "''",
    "'x'",
    "NULL",
    "3",
    "upper('lyndon')"
  };
  private static final String[] NUMBERS = {
    "0",
    "1",
    "-2",
    "0.5",
    "1e300",
    "-1e-300",
    "double('NaN')",
    "double('Infinity')",
    "float('NaN')",
    "NULL",
    "id",
    "rand(3)",
    "3.25BD"
  };
  private static final String[] TYPES = {
    "float",
    "double",
    "int",
    "bigint",
    "smallint",
    "tinyint",
    "string",
    "boolean",
    "decimal(38, 6)",
    "decimal(9, 2)"
  };
  private static final String[] NO_NUMBERS = {
    "map(1, 2)",
    "X'00ff'",
    "DATE '2020-01-01'",
    "TIMESTAMP '2020-01-01 00:00:00'",
    "INTERVAL 1 DAY",
    "true",
    "array(map(1, array(2)))",
    "array(array(array(1D)))",
    "named_struct('a', named_struct('b', 1))",
    "array(named_struct('a', 'x', 'b', 1))",
    "array(DATE '2020-01-01')",
    "array()",
    "array(array())",
    "array(NULL)",
    "array(array(NULL), NULL)",
    "array(NULL, named_struct('x', 1F, 'y', NULL))",
    "(SELECT array(1D, 2D))",
    "split('a,b', ',')"
  };
  private static final String[] TIMES = {
    "id", "-id", "id % 3", "timestamp_micros(id)", "date_add(DATE '2020-01-01', CAST(id AS INT))",
    "CAST(id AS DOUBLE)", "rand(1)", "NULL", "'a'", "CAST(id AS DECIMAL(30, 2))",
    "CAST(id AS FLOAT)"
  };

  private final Random random;

  RandomCall(Random random) {
    this.random = random;
  }

  /** A query over a few rows with a column {@code id}. */
  String query() {
    String function = one(FUNCTIONS);
    List<String> arguments = new ArrayList<>();
    if (function.equals(PathSignatureAggregate.NAME)) {
      arguments.add(one(TIMES));
      arguments.add(random.nextInt(5) == 0 ? anything() : "array(id, id * id)");
      arguments.add(wholeNumber());
    } else if (function.equals("signature_words")) {
      arguments.add(wholeNumber());
      arguments.add(wholeNumber());
    } else {
      arguments.add(path());
      if (function.equals("signature_combine") || function.equals("path_signature_kernel")) {
        arguments.add(path());
      }
      arguments.add(wholeNumber());
      if (function.equals("path_windows")) {
        arguments.add(text());
      }
      int more = random.nextInt(3);
      for (int i = 0; i < more; i++) {
        arguments.add(random.nextInt(8) == 0 ? text() : wholeNumber());
      }
      if (random.nextInt(6) == 0) {
        arguments.add(random.nextBoolean() ? text() : path());
      }
    }
    return "SELECT "
        + function
        + "("
        + String.join(", ", arguments)
        + ") AS result FROM range(0, "
        + random.nextInt(6)
        + ", 1, 2)";
  }

  private String wholeNumber() {
    return random.nextInt(5) > 0 ? Integer.toString(1 + random.nextInt(3)) : one(WHOLE_NUMBERS);
  }

  private String text() {
    return random.nextInt(3) > 0 ? TEXTS[random.nextInt(6)] : one(TEXTS);
  }

  private String path() {
    return random.nextInt(3) > 0 ? numbers() : anything();
  }

  /** Numbers that are points of 1, 2 or 3 channels. */
  private String numbers() {
    return array(() -> Double.toString(random.nextGaussian()) + "D", 6 * random.nextInt(4));
  }

  private String anything() {
    return switch (random.nextInt(11)) {
      case 0 -> "NULL";
      case 1 -> one(NUMBERS);
      case 2 -> array(this::point, random.nextInt(4));
      case 3 -> struct();
      case 4 -> array(this::struct, random.nextInt(4));
      case 5 ->
          "CAST(" + array(() -> one(NUMBERS), random.nextInt(13)) + " AS ARRAY<" + type() + ">)";
      case 6 ->
          "transform(sequence(1, "
              + (1 + random.nextInt(40))
              + "), i -> "
              + type()
              + "(i * i % 7))";
      case 7 -> one(NO_NUMBERS);
      case 8 -> ragged();
      case 9 ->
          "transform(sequence(1, " + (1 + random.nextInt(3000)) + "), i -> " + element() + ")";
      default -> array(this::numbers, random.nextInt(3));
    };
  }

  /** Another length, or null, in every row; points of another size at every step. */
  private String ragged() {
    return switch (random.nextInt(4)) {
      case 0 -> "IF(id % 3 = 1, NULL, transform(sequence(0, id * 2 % 7), i -> " + element() + "))";
      case 1 -> "transform(sequence(0, id), i -> transform(sequence(0, i % 3), c -> rand(c)))";
      case 2 -> "transform(sequence(0, id), i -> IF(i % 4 = 3, NULL, array(i, i * i)))";
      default -> "transform(sequence(0, id), i -> named_struct('x', i, 'y', IF(i = 3, NULL, 1F)))";
    };
  }

  /** Of a long array, by the number i of the element. */
  private String element() {
    return one(
        new String[] {
          "i",
          "i * 0.25",
          "float(i % 5)",
          "double(i) * 1e305",
          "IF(i % 50 = 49, NULL, 1F)",
          "1 / i",
          "array(i % 2, i % 3)",
          "struct(i % 2, float(i % 3))",
          "float(sin(i))",
          "1e308 * i"
        });
  }

  private String point() {
    return array(() -> one(NUMBERS), random.nextInt(4));
  }

  private String struct() {
    StringBuilder fields = new StringBuilder("named_struct(");
    int size = 1 + random.nextInt(3);
    for (int i = 0; i < size; i++) {
      fields.append(i == 0 ? "" : ", ").append("'f").append(i).append("', ").append(one(NUMBERS));
    }
    return fields.append(')').toString();
  }

  private String array(Supplier<String> element, int size) {
    List<String> elements = new ArrayList<>();
    for (int i = 0; i < size; i++) {
      elements.add(element.get());
    }
    return "array(" + String.join(", ", elements) + ")";
  }

  private String type() {
    return one(TYPES);
  }

  private String one(String[] choices) {
    return choices[random.nextInt(choices.length)];
  }
}
