package org.sparkssm.sql;

import java.util.ArrayList;
import java.util.List;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.catalyst.FunctionIdentifier;
import org.apache.spark.sql.catalyst.analysis.FunctionRegistry;
import org.sparkssm.data.InvalidInputException;

/**
 * The SQL functions of spark-ssm.
 *
 * <p>They are known to sessions that were built with {@link SparkSsmExtensions}, and to those that
 * were given to {@link #register}; the extension also sorts the points of {@code
 * path_signature_agg}. Either way they are functions of the session: a persistent view cannot use
 * them.
 */
public final class SparkSsmFunctions {
  private SparkSsmFunctions() {}

  /**
   * Adds the functions to a session; doing it again changes nothing.
   *
   * @throws InvalidInputException for a session of Spark Connect, whose server has to load them
   */
  public static void register(SparkSession spark) {
    if (!(spark instanceof org.apache.spark.sql.classic.SparkSession session)) {
      throw new InvalidInputException(
          "functions cannot be added to a session of Spark Connect, expected the server to have"
              + " spark.sql.extensions="
              + SparkSsmExtensions.class.getName());
    }
    FunctionRegistry registry = session.sessionState().functionRegistry();
    for (SqlFunction function : all()) {
      registry.registerFunction(
          new FunctionIdentifier(function.name()), function.info(), function.builder());
    }
  }

  /** All functions, in the order of the documentation. */
  static List<SqlFunction> all() {
    List<SqlFunction> functions = new ArrayList<>(SignatureFunctions.all());
    functions.addAll(PathFunctions.all());
    functions.addAll(AggregateFunctions.all());
    return functions;
  }
}
