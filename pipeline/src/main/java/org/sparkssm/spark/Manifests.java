package org.sparkssm.spark;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.data.LibraryVersion;

/** Reads and writes the JSON files that commit a folder. */
final class Manifests {
  private static final ObjectMapper JSON =
      JsonMapper.builder()
          .enable(SerializationFeature.INDENT_OUTPUT)
          .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
          .build();

  private Manifests() {}

  static String text(Object manifest) {
    try {
      return JSON.writeValueAsString(manifest) + "\n";
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("a manifest could not be written as JSON", e);
    }
  }

  /** Whether a folder has a manifest of that name. */
  static boolean exists(String folder, String name, Configuration configuration) {
    return HadoopFiles.readText(new Path(HadoopFiles.path(folder), name), configuration)
        .isPresent();
  }

  /**
   * Reads a manifest.
   *
   * @param what the folder is, for messages: "a model"
   * @param makers the commands that make one, for messages
   * @throws InvalidInputException if there is none, or it is damaged or of another version
   */
  static <T> T read(
      String folder,
      String name,
      int version,
      Class<T> type,
      String what,
      String makers,
      Configuration configuration) {
    Path file = new Path(HadoopFiles.path(folder), name);
    String json =
        HadoopFiles.readText(file, configuration)
            .orElseThrow(
                () ->
                    new InvalidInputException(
                        "%s is not %s: it has no %s; make one with %s"
                            .formatted(folder, what, name, makers)));
    try {
      JsonNode tree = JSON.readTree(json);
      JsonNode found = tree.path("formatVersion");
      if (!found.isInt()) {
        throw new InvalidInputException(
            file + " is damaged: it has no formatVersion, expected the manifest of " + what);
      }
      if (found.intValue() != version) {
        throw new InvalidInputException(
            "%s has format version %d, this library (version %s) reads format version %d"
                .formatted(file, found.intValue(), LibraryVersion.current(), version));
      }
      return JSON.treeToValue(tree, type);
    } catch (JsonProcessingException e) {
      throw new InvalidInputException(file + " is damaged: it is not the JSON of a manifest", e);
    }
  }
}
