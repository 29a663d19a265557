package org.sparkssm.train;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import org.sparkssm.data.LibraryVersion;
import org.sparkssm.model.ModelSpec;
import org.sparkssm.model.Scaling;

/**
 * Everything that decides the bits of a training besides its state. Two trainings with the same
 * identity come to the same weights; a state belongs to one identity.
 */
public final class TrainingIdentity {
  private static final ObjectMapper JSON = new ObjectMapper();

  private final JsonNode content;

  private TrainingIdentity(JsonNode content) {
    this.content = content;
  }

  /**
   * The identity of a training.
   *
   * @param data its fingerprint, rows included
   * @param kernels description of the kernels
   * @param start hash of the parameters that the training began with
   */
  public static TrainingIdentity of(
      ModelSpec spec,
      Scaling scaling,
      TrainingSettings settings,
      DataFingerprint data,
      String kernels,
      String start) {
    ObjectNode content = JSON.createObjectNode();
    content.put("libraryVersion", LibraryVersion.current());
    content.put("kernels", kernels);
    content.set("spec", spec.toJsonNode());
    content.set("scaling", JSON.valueToTree(scaling));
    ObjectNode deciding = JSON.valueToTree(settings);
    deciding.remove("maxSeconds");
    content.set("settings", deciding);
    ObjectNode dataNode = content.putObject("data");
    dataNode.put("rows", data.rows());
    dataNode.put("validationRows", data.validationRows());
    dataNode.put("hash", data.hash());
    content.put("initialParameters", start);
    return of(content);
  }

  /** The identity of that JSON. */
  public static TrainingIdentity of(JsonNode content) {
    try {
      // numbers as they are read back
      return new TrainingIdentity(JSON.readTree(JSON.writeValueAsString(content)));
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("an identity could not be written as JSON", e);
    }
  }

  /** Everything, as {@link #of(JsonNode)} reads it. */
  public JsonNode toJson() {
    return content;
  }

  /**
   * What is different in another identity, in words: {@code settings.batchSize is 16, was 32}; the
   * other one is called by the past. Empty if they are equal.
   */
  public List<String> differencesFrom(TrainingIdentity other) {
    return JsonDifferences.between(content, other.content);
  }
}
