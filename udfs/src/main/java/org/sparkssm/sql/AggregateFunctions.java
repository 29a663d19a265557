package org.sparkssm.sql;

import java.util.List;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.types.StructType;
import org.sparkssm.signature.SignatureSize;

/** Functions of all rows of a group. */
final class AggregateFunctions {
  private AggregateFunctions() {}

  static List<SqlFunction> all() {
    return List.of(
        new SqlFunction(
            PathSignatureAggregate.NAME,
            "_FUNC_(time, values, depth) - Returns the truncated signature of the path through the"
                + " points of a group in order of time, as path_signature does of an array; NULL if"
                + " there is no point. With the session extension rows may come in any order;"
                + " otherwise they have to come from a query with ORDER BY key, time.",
            List.of(
                "time - the time of the point, a date, a timestamp or a number; no two points of a"
                    + " group may have the same",
                "values - the point: an array or a struct of numbers, one a channel; rows where it"
                    + " is NULL are left out",
                "depth - the truncation level, a constant"),
            "> SELECT _FUNC_(t, x, 2) FROM VALUES (0, array(0D, 0D)), (1, array(1D, 2D)) AS p(t,"
                + " x);\n       [1.0,2.0,0.5,1.0,1.0,2.0]",
            AggregateFunctions::pathSignature));
  }

  private static Expression pathSignature(Arguments arguments) {
    arguments.require(3, "time", "values", "depth");
    int depth = arguments.constant(2, "depth", 1);
    long maxBytes = Arguments.maxBytes();
    if (arguments.type(1) instanceof StructType point && point.length() > 0) {
      arguments.checked(
          () -> SignatureSize.requireWidth(point.length(), depth, Double.BYTES, maxBytes));
    }
    return new PathSignatureAggregate(
        arguments.time(0, "time"),
        arguments.point(1, "values"),
        arguments.given(2),
        depth,
        maxBytes);
  }
}
