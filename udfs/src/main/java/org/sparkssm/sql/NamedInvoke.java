package org.sparkssm.sql;

import java.util.List;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.expressions.objects.StaticInvoke;
import org.apache.spark.sql.types.DataType;
import scala.Option;
import scala.collection.immutable.IndexedSeq;
import scala.collection.immutable.Seq;
import scala.jdk.javaapi.CollectionConverters;

/**
 * A call of a static method inside generated code, null if an argument is null, that shows itself
 * as the SQL function it stands for: {@code path_signature(values, 3, 5)}.
 */
final class NamedInvoke extends StaticInvoke {
  private static final long serialVersionUID = 1L;

  private final String name;
  private final Class<?> owner;
  private final String method;
  private final DataType type;
  private final boolean isNullable;

  /**
   * A call of {@code owner.method(children)}.
   *
   * @param name the SQL function; null for a step in between, which shows its first child
   * @param isNullable whether the result may be null
   */
  NamedInvoke(
      String name,
      Class<?> owner,
      String method,
      DataType type,
      boolean isNullable,
      Seq<Expression> children) {
    super(
        owner,
        type,
        method,
        children,
        StaticInvoke.$lessinit$greater$default$5(),
        true,
        isNullable,
        true,
        Option.empty());
    this.name = name;
    this.owner = owner;
    this.method = method;
    this.type = type;
    this.isNullable = isNullable;
  }

  static NamedInvoke of(
      String name, Class<?> owner, String method, DataType type, List<Expression> children) {
    boolean isNullable = children.stream().anyMatch(Expression::nullable);
    return new NamedInvoke(
        name, owner, method, type, isNullable, CollectionConverters.asScala(children).toSeq());
  }

  @Override
  public Expression withNewChildrenInternal(IndexedSeq<Expression> children) {
    return new NamedInvoke(name, owner, method, type, isNullable, children.toSeq());
  }

  @Override
  public String prettyName() {
    return name == null ? method : name;
  }

  @Override
  public String toString() {
    return name == null
        ? children().apply(0).toString()
        : name + "(" + children().mkString(", ") + ")";
  }
}
