package org.sparkssm.ml;

import org.apache.spark.sql.SparkSession;
import org.sparkssm.signature.SignatureSize;
import scala.Option;

/** Limits that are set in the session at hand. */
final class SessionLimits {
  private SessionLimits() {}

  /** The largest output of one row, in bytes: {@link SignatureSize#MAX_BYTES_KEY}. */
  static long maxBytes() {
    Option<SparkSession> session =
        SparkSession.getActiveSession().orElse(SparkSession::getDefaultSession);
    return SignatureSize.maxBytes(
        session.isEmpty() ? null : session.get().conf().get(SignatureSize.MAX_BYTES_KEY, null));
  }
}
