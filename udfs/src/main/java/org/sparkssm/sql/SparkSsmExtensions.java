package org.sparkssm.sql;

import java.util.List;
import org.apache.spark.sql.SparkSessionExtensions;
import org.apache.spark.sql.catalyst.FunctionIdentifier;
import scala.Tuple3;
import scala.runtime.AbstractFunction1;
import scala.runtime.BoxedUnit;

/**
 * Session extension that adds the SQL functions of spark-ssm: {@code
 * spark.sql.extensions=org.sparkssm.sql.SparkSsmExtensions}.
 */
public final class SparkSsmExtensions extends AbstractFunction1<SparkSessionExtensions, BoxedUnit> {
  @Override
  public BoxedUnit apply(SparkSessionExtensions extensions) {
    List<SqlFunction> functions = SparkSsmFunctions.all();
    for (SqlFunction function : functions) {
      extensions.injectFunction(
          new Tuple3<>(
              new FunctionIdentifier(function.name()), function.info(), function.builder()));
    }
    return BoxedUnit.UNIT;
  }
}
