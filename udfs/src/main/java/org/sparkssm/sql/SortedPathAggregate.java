package org.sparkssm.sql;

import org.apache.spark.sql.catalyst.expressions.SortOrder$;
import org.apache.spark.sql.catalyst.expressions.aggregate.AggregateExpression;
import org.apache.spark.sql.catalyst.rules.Rule;
import org.apache.spark.sql.execution.SparkPlan;
import org.apache.spark.sql.execution.aggregate.ObjectHashAggregateExec;
import org.apache.spark.sql.execution.aggregate.SortAggregateExec;
import scala.jdk.javaapi.CollectionConverters;
import scala.runtime.AbstractPartialFunction;

/**
 * Runs {@code path_signature_agg} over sorted rows one key after the other. Spark's choice, a hash
 * map that goes over to sorting by key alone when it has many keys, would lose the order of time
 * within a key where that sort spills.
 */
final class SortedPathAggregate extends Rule<SparkPlan> {
  @Override
  public SparkPlan apply(SparkPlan plan) {
    return plan.transformUp(
        new AbstractPartialFunction<SparkPlan, SparkPlan>() {
          @Override
          public boolean isDefinedAt(SparkPlan node) {
            return node instanceof ObjectHashAggregateExec aggregate
                && hasPathAggregate(aggregate)
                && isSorted(aggregate);
          }

          @Override
          public SparkPlan apply(SparkPlan node) {
            return sorted((ObjectHashAggregateExec) node);
          }
        });
  }

  private static boolean hasPathAggregate(ObjectHashAggregateExec aggregate) {
    for (AggregateExpression call : CollectionConverters.asJava(aggregate.aggregateExpressions())) {
      if (call.aggregateFunction() instanceof PathSignatureAggregate) {
        return true;
      }
    }
    return false;
  }

  private static boolean isSorted(ObjectHashAggregateExec aggregate) {
    return SortOrder$.MODULE$.orderingSatisfies(
        aggregate.child().outputOrdering(), sorted(aggregate).requiredChildOrdering().head());
  }

  private static SortAggregateExec sorted(ObjectHashAggregateExec aggregate) {
    return new SortAggregateExec(
        aggregate.requiredChildDistributionExpressions(),
        aggregate.isStreaming(),
        aggregate.numShufflePartitions(),
        aggregate.groupingExpressions(),
        aggregate.aggregateExpressions(),
        aggregate.aggregateAttributes(),
        aggregate.initialInputBufferOffset(),
        aggregate.resultExpressions(),
        aggregate.child());
  }
}
