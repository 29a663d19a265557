package org.sparkssm.train;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;

/** What is different in two JSON documents of the same kind, in words. */
public final class JsonDifferences {
  /** Bounds a message. */
  private static final int NAMED = 5;

  private JsonDifferences() {}

  /**
   * One entry a difference, the first few alone: {@code settings.batchSize is 16, was 32}; the
   * second document is called by the past. Empty if they are equal.
   */
  public static List<String> between(JsonNode now, JsonNode before) {
    List<String> differences = new ArrayList<>();
    compare("", now, before, differences);
    if (differences.size() > NAMED) {
      int more = differences.size() - NAMED;
      differences.subList(NAMED, differences.size()).clear();
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
