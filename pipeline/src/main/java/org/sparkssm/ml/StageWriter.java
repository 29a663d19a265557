package org.sparkssm.ml;

import java.util.List;
import org.apache.spark.ml.param.Params;
import org.apache.spark.ml.util.DefaultParamsWriter$;
import org.apache.spark.ml.util.MLWriter;
import org.apache.spark.sql.SparkSession;
import org.json4s.JInt$;
import org.json4s.JObject$;
import org.json4s.JString$;
import org.json4s.JValue;
import org.sparkssm.data.LibraryVersion;
import scala.Option;
import scala.Tuple2;
import scala.jdk.javaapi.CollectionConverters;

/**
 * Writes a stage that consists of its Params: MLlib's metadata, with the version of this library
 * and of the layout; {@link StageReader} reads it.
 */
final class StageWriter extends MLWriter {
  /** The layout that this library writes; it reads this one and those before. */
  static final int FORMAT_VERSION = 1;

  static final String FORMAT_FIELD = "sparkSsmFormat";
  static final String LIBRARY_FIELD = "sparkSsmVersion";

  private final Params stage;

  StageWriter(Params stage) {
    this.stage = stage;
  }

  @Override
  public void saveImpl(String path) {
    saveMetadata(stage, path, sparkSession());
  }

  /** MLlib's metadata with the versions, for stages that have further files. */
  static void saveMetadata(Params stage, String path, SparkSession spark) {
    List<Tuple2<String, JValue>> versions =
        List.of(
            new Tuple2<>(
                FORMAT_FIELD, JInt$.MODULE$.apply(scala.math.BigInt.apply(FORMAT_VERSION))),
            new Tuple2<>(LIBRARY_FIELD, JString$.MODULE$.apply(LibraryVersion.current())));
    DefaultParamsWriter$.MODULE$.saveMetadata(
        stage,
        path,
        spark,
        Option.apply(JObject$.MODULE$.apply(CollectionConverters.asScala(versions).toList())),
        Option.empty());
  }
}
