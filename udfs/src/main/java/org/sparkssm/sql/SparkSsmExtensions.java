package org.sparkssm.sql;

import org.apache.spark.sql.SparkSessionExtensions;
import org.apache.spark.sql.catalyst.FunctionIdentifier;
import scala.Function1;
import scala.Tuple3;
import scala.runtime.AbstractFunction1;
import scala.runtime.BoxedUnit;

/**
 * Session extension that adds the SQL functions of spark-ssm and the sort below {@code
 * path_signature_agg}: {@code spark.sql.extensions=org.sparkssm.sql.SparkSsmExtensions}.
 */
public final class SparkSsmExtensions extends AbstractFunction1<SparkSessionExtensions, BoxedUnit> {
  @Override
  public BoxedUnit apply(SparkSessionExtensions extensions) {
    for (SqlFunction function : SparkSsmFunctions.all()) {
      extensions.injectFunction(
          new Tuple3<>(
              new FunctionIdentifier(function.name()), function.info(), function.builder()));
    }
    extensions.injectPreCBORule(always(new SortBelowPathAggregate()));
    extensions.injectQueryPostPlannerStrategyRule(always(new SortedPathAggregate()));
    return BoxedUnit.UNIT;
  }

  /** The same rule for every session. */
  private static <S, R> Function1<S, R> always(R rule) {
    return new AbstractFunction1<>() {
      @Override
      public R apply(S session) {
        return rule;
      }
    };
  }
}
