package org.sparkssm.ml;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.function.Function;
import org.apache.spark.ml.param.Params;
import org.apache.spark.ml.util.DefaultParamsReader$;
import org.apache.spark.ml.util.DefaultParamsReader.Metadata;
import org.apache.spark.ml.util.MLReader;
import org.apache.spark.sql.SparkSession;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.data.LibraryVersion;

/** Reads what {@link StageWriter} wrote, and what versions of the library before it wrote. */
final class StageReader<T extends Params> extends MLReader<T> {
  private static final ObjectMapper JSON = new ObjectMapper();

  private final Class<T> type;
  private final Function<String, T> constructor;

  /**
   * @param constructor from the uid
   */
  StageReader(Class<T> type, Function<String, T> constructor) {
    this.type = type;
    this.constructor = constructor;
  }

  /**
   * Reads a stage.
   *
   * @throws InvalidInputException if the folder holds no such stage, or one of a newer layout
   */
  @Override
  public T load(String path) {
    Metadata metadata = metadata(path, type, sparkSession());
    T stage = constructor.apply(metadata.uid());
    metadata.getAndSetParams(stage, metadata.getAndSetParams$default$2());
    return stage;
  }

  /** The metadata of a stage of that class. */
  static Metadata metadata(String path, Class<?> type, SparkSession spark) {
    Metadata metadata;
    try {
      metadata = DefaultParamsReader$.MODULE$.loadMetadata(path, spark, type.getName());
    } catch (RuntimeException e) {
      throw new InvalidInputException(
          path + "/metadata is missing, damaged, or not that of a " + type.getSimpleName(), e);
    }
    checkVersion(path, metadata);
    return metadata;
  }

  private static void checkVersion(String path, Metadata metadata) {
    JsonNode node;
    try {
      node = JSON.readTree(metadata.metadataJson());
    } catch (JsonProcessingException e) {
      throw new InvalidInputException(path + "/metadata is damaged: it is not JSON", e);
    }
    int format = node.path(StageWriter.FORMAT_FIELD).asInt(StageWriter.FORMAT_VERSION);
    if (format > StageWriter.FORMAT_VERSION) {
      throw new InvalidInputException(
          "%s was saved by spark-ssm %s in format %d, this library (version %s) reads formats up"
                  .formatted(
                      path,
                      node.path(StageWriter.LIBRARY_FIELD).asText("of unknown version"),
                      format,
                      LibraryVersion.current())
              + " to "
              + StageWriter.FORMAT_VERSION);
    }
  }
}
