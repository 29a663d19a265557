package org.sparkssm.sql;

import java.util.ArrayList;
import java.util.List;
import org.apache.spark.sql.catalyst.expressions.Ascending$;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.expressions.NamedExpression;
import org.apache.spark.sql.catalyst.expressions.RowOrdering;
import org.apache.spark.sql.catalyst.expressions.SortOrder;
import org.apache.spark.sql.catalyst.expressions.SortOrder$;
import org.apache.spark.sql.catalyst.expressions.aggregate.AggregateExpression;
import org.apache.spark.sql.catalyst.plans.logical.Aggregate;
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan;
import org.apache.spark.sql.catalyst.plans.logical.Sort;
import org.apache.spark.sql.catalyst.rules.Rule;
import org.sparkssm.data.InvalidInputException;
import scala.Option;
import scala.collection.immutable.Seq;
import scala.jdk.javaapi.CollectionConverters;
import scala.runtime.AbstractPartialFunction;

/**
 * Puts a global sort on (keys, time) below every aggregate with {@code path_signature_agg}: a range
 * exchange and a sort. Then a partition holds one or two segments of a key, however long its path.
 */
final class SortBelowPathAggregate extends Rule<LogicalPlan> {
  @Override
  public LogicalPlan apply(LogicalPlan plan) {
    return plan.transformUp(
        new AbstractPartialFunction<LogicalPlan, LogicalPlan>() {
          @Override
          public boolean isDefinedAt(LogicalPlan node) {
            return node instanceof Aggregate aggregate && !pathAggregates(aggregate).isEmpty();
          }

          @Override
          public LogicalPlan apply(LogicalPlan node) {
            return sorted((Aggregate) node);
          }
        });
  }

  private static LogicalPlan sorted(Aggregate aggregate) {
    requireNoDistinct(aggregate);
    if (aggregate.child().isStreaming()) {
      throw new InvalidInputException(
          PathSignatureAggregate.NAME
              + " is called on a stream, whose points cannot be sorted, expected "
              + SignatureStream.class.getName());
    }
    Seq<SortOrder> order = order(aggregate);
    if (aggregate.child() instanceof Sort sort && sort.global() && sort.order().equals(order)) {
      return aggregate;
    }
    Sort sort = new Sort(order, true, aggregate.child(), Option.empty());
    return aggregate.withNewChildren(seq(List.<LogicalPlan>of(sort)));
  }

  private static Seq<SortOrder> order(Aggregate aggregate) {
    List<SortOrder> order = new ArrayList<>();
    for (Expression key : CollectionConverters.asJava(aggregate.groupingExpressions())) {
      if (RowOrdering.isOrderable(key.dataType())) {
        order.add(ascending(key));
      }
    }
    List<PathSignatureAggregate> calls = pathAggregates(aggregate);
    Expression time = calls.get(0).time();
    for (PathSignatureAggregate call : calls) {
      if (!call.time().semanticEquals(time)) {
        throw new InvalidInputException(
            PathSignatureAggregate.NAME
                + " is called with the times "
                + time.sql()
                + " and "
                + call.time().sql()
                + " in one GROUP BY, expected one");
      }
    }
    order.add(ascending(time));
    return seq(order);
  }

  private static void requireNoDistinct(Aggregate aggregate) {
    for (AggregateExpression call : aggregateCalls(aggregate)) {
      if (call.isDistinct()) {
        throw new InvalidInputException(
            call.sql()
                + " cannot be computed "
                + (call.aggregateFunction() instanceof PathSignatureAggregate ? "of" : "beside")
                + " a path, expected "
                + PathSignatureAggregate.NAME
                + " in a GROUP BY without DISTINCT");
      }
    }
  }

  private static List<PathSignatureAggregate> pathAggregates(Aggregate aggregate) {
    List<PathSignatureAggregate> found = new ArrayList<>();
    for (AggregateExpression call : aggregateCalls(aggregate)) {
      if (call.aggregateFunction() instanceof PathSignatureAggregate path) {
        found.add(path);
      }
    }
    return found;
  }

  private static List<AggregateExpression> aggregateCalls(Aggregate aggregate) {
    List<AggregateExpression> calls = new ArrayList<>();
    for (NamedExpression output : CollectionConverters.asJava(aggregate.aggregateExpressions())) {
      addCalls((Expression) output, calls);
    }
    return calls;
  }

  private static void addCalls(Expression expression, List<AggregateExpression> calls) {
    if (expression instanceof AggregateExpression call) {
      calls.add(call);
    } else {
      for (Expression child : CollectionConverters.asJava(expression.children())) {
        addCalls(child, calls);
      }
    }
  }

  private static SortOrder ascending(Expression expression) {
    return SortOrder$.MODULE$.apply(
        expression, Ascending$.MODULE$, SortOrder$.MODULE$.apply$default$3());
  }

  private static <T> Seq<T> seq(List<T> list) {
    return CollectionConverters.asScala(list).toSeq();
  }
}
