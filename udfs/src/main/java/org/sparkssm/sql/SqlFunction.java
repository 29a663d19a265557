package org.sparkssm.sql;

import java.util.List;
import java.util.function.Function;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.expressions.ExpressionInfo;
import scala.Function1;
import scala.collection.immutable.Seq;
import scala.jdk.javaapi.CollectionConverters;
import scala.runtime.AbstractFunction1;

/**
 * One SQL function: its name, what {@code DESCRIBE FUNCTION EXTENDED} says, and how a call becomes
 * an expression.
 *
 * @param usage {@code name(arguments) - what it returns}
 * @param arguments one {@code name - description} a line
 * @param example a call and its result
 */
record SqlFunction(
    String name,
    String usage,
    List<String> arguments,
    String example,
    Function<Arguments, Expression> build) {

  ExpressionInfo info() {
    StringBuilder argumentText = new StringBuilder("\n    Arguments:\n");
    for (String argument : arguments) {
      argumentText.append("      * ").append(argument).append('\n');
    }
    return new ExpressionInfo(
        SparkSsmFunctions.class.getName(),
        null,
        name,
        usage,
        argumentText.append("  ").toString(),
        "\n    Examples:\n      " + example + "\n  ",
        "",
        "",
        "",
        "",
        "");
  }

  Function1<Seq<Expression>, Expression> builder() {
    return new AbstractFunction1<>() {
      @Override
      public Expression apply(Seq<Expression> children) {
        return build.apply(new Arguments(name, CollectionConverters.asJava(children)));
      }
    };
  }
}
