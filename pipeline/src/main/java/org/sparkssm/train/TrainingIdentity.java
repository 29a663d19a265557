package org.sparkssm.train;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.sparkssm.data.LibraryVersion;
import org.sparkssm.model.ModelSpec;
import org.sparkssm.model.Scaling;

/**
 * Everything that decides the bits of a training besides its state. Two trainings with the same
 * identity come to the same weights; a state belongs to one identity.
 */
public final class TrainingIdentity {
  private static final ObjectMapper JSON = new ObjectMapper();

  /** Bounds a message. */
  private static final int NAMED_DIFFERENCES = 5;

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
    List<String> differences = new ArrayList<>();
    compare("", content, other.content, differences);
    if (differences.size() > NAMED_DIFFERENCES) {
      int more = differences.size() - NAMED_DIFFERENCES;
      differences.subList(NAMED_DIFFERENCES, differences.size()).clear();
      differences.add(more + " more differences");
    }
    return differences;
  }

  private static void compare(
      String path, JsonNode now, JsonNode before, List<String> differences) {
    if (now.isObject() && before.isObject()) {
      TreeSet<String> names = new TreeSet<>();
      now.properties().stream().map(Map.Entry::getKey).forEach(names::add);
      before.properties().stream().map(Map.Entry::getKey).forEach(names::add);
      for (String name : names) {
        String inner = path.isEmpty() ? name : path + "." + name;
        compare(inner, now.path(name), before.path(name), differences);
      }
    } else if (now.isArray() && before.isArray() && now.size() == before.size()) {
      for (int i = 0; i < now.size(); i++) {
        compare(path + "[" + i + "]", now.get(i), before.get(i), differences);
      }
    } else if (!now.equals(before)) {
      differences.add(path + " is " + shown(now) + ", was " + shown(before));
    }
  }

  private static String shown(JsonNode node) {
    String text = node.isMissingNode() ? "absent" : node.toString();
    return text.length() <= 100 ? text : text.substring(0, 100) + "...";
  }
}
