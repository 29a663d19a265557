package org.sparkssm.sql;

import org.apache.spark.sql.SparkSession;
import org.sparkssm.testing.SharedSpark;

/** The shared Spark, in a session with the extension. */
final class ExtendedSpark {
  private ExtendedSpark() {}

  static SparkSession session() {
    return Holder.SESSION;
  }

  private static final class Holder {
    static final SparkSession SESSION = create();

    private Holder() {}

    private static SparkSession create() {
      SparkSession shared = SharedSpark.session();
      SparkSession.clearActiveSession();
      SparkSession.clearDefaultSession();
      try {
        return SparkSession.builder().withExtensions(new SparkSsmExtensions()).getOrCreate();
      } finally {
        SparkSession.setActiveSession(shared);
        SparkSession.setDefaultSession(shared);
      }
    }
  }
}
