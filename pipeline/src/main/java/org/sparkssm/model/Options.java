package org.sparkssm.model;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.sparkssm.data.InvalidInputException;

/**
 * Reads the options of one JSON object strictly: a wrong type, a value out of range, or a name that
 * nobody asked for becomes one sentence that says where.
 */
final class Options {
  private final JsonNode node;
  private final String where;
  private final ObjectNode resolved = JsonNodeFactory.instance.objectNode();
  private final Set<String> known = new TreeSet<>();

  /**
   * @param where what the object describes, for messages: "block 2", "layer mamba of block 2"
   */
  Options(JsonNode node, String where) {
    if (!node.isObject()) {
      throw new InvalidInputException(where + " is " + node + ", expected a JSON object");
    }
    this.node = node;
    this.where = where;
  }

  String where() {
    return where;
  }

  boolean has(String name) {
    return node.hasNonNull(name);
  }

  /** One of the allowed words; {@code fallback} null: it must be given. */
  String word(String name, String fallback, String... allowed) {
    known.add(name);
    JsonNode found = node.path(name);
    String value = found.isTextual() ? found.asText() : isAbsent(found) ? fallback : null;
    if (value == null || !List.of(allowed).contains(value)) {
      throw new InvalidInputException(
          described(name, found) + ", expected one of " + String.join(", ", allowed));
    }
    resolved.put(name, value);
    return value;
  }

  /** Any text; {@code fallback} null: it must be given. */
  String text(String name, String fallback) {
    known.add(name);
    JsonNode found = node.path(name);
    String value = found.isTextual() ? found.asText() : isAbsent(found) ? fallback : null;
    if (value == null) {
      throw new InvalidInputException(described(name, found) + ", expected a text");
    }
    resolved.put(name, value);
    return value;
  }

  /** A whole number of at least {@code least}; {@code fallback} below it: it must be given. */
  int integer(String name, int fallback, int least) {
    known.add(name);
    JsonNode found = node.path(name);
    int value = isAbsent(found) ? fallback : least - 1;
    if (found.canConvertToExactIntegral() && found.canConvertToInt()) {
      value = found.asInt();
    }
    if (value < least) {
      throw new InvalidInputException(
          described(name, found) + ", expected a whole number of at least " + least);
    }
    resolved.put(name, value);
    return value;
  }

  long longInteger(String name, long fallback) {
    known.add(name);
    JsonNode found = node.path(name);
    if (!isAbsent(found) && !(found.isIntegralNumber() && found.canConvertToLong())) {
      throw new InvalidInputException(described(name, found) + ", expected a whole number");
    }
    long value = isAbsent(found) ? fallback : found.asLong();
    resolved.put(name, value);
    return value;
  }

  /** A number in [least, below). */
  double number(String name, double fallback, double least, double below) {
    known.add(name);
    JsonNode found = node.path(name);
    double value = found.isNumber() ? found.asDouble() : isAbsent(found) ? fallback : below;
    if (!(value >= least && value < below)) {
      throw new InvalidInputException(
          described(name, found) + ", expected a number in [" + least + ", " + below + ")");
    }
    resolved.put(name, value);
    return value;
  }

  boolean flag(String name, boolean fallback) {
    known.add(name);
    JsonNode found = node.path(name);
    if (!isAbsent(found) && !found.isBoolean()) {
      throw new InvalidInputException(described(name, found) + ", expected true or false");
    }
    boolean value = found.asBoolean(fallback);
    resolved.put(name, value);
    return value;
  }

  /** The object of that name, an empty one where it is absent. */
  Options child(String name, String childWhere) {
    known.add(name);
    JsonNode found = node.path(name);
    return new Options(isAbsent(found) ? JsonNodeFactory.instance.objectNode() : found, childWhere);
  }

  /** The objects of a list that must be given, named {@code childWhere} and their number from 1. */
  List<Options> children(String name, String childWhere) {
    known.add(name);
    JsonNode found = node.path(name);
    if (!found.isArray() || found.isEmpty()) {
      throw new InvalidInputException(described(name, found) + ", expected a list of objects");
    }
    List<Options> children = new ArrayList<>();
    for (JsonNode child : found) {
      children.add(new Options(child, childWhere + " " + (children.size() + 1)));
    }
    return children;
  }

  /** Refuses names that nobody asked for. */
  void finish() {
    for (var names = node.fieldNames(); names.hasNext(); ) {
      String name = names.next();
      if (!known.contains(name)) {
        throw new InvalidInputException(
            where + " has an unknown option '" + name + "', expected " + String.join(", ", known));
      }
    }
  }

  /** Takes what was read of a child into what was read of this. */
  void resolve(String name, Options child) {
    resolved.set(name, child.resolved);
  }

  /** For a value that does not fit the others. */
  InvalidInputException unfit(String name, String expected) {
    return new InvalidInputException(
        "option '"
            + name
            + "' of "
            + where
            + " is "
            + resolved.get(name)
            + ", expected "
            + expected);
  }

  /** What was read, defaults included. */
  ObjectNode resolved() {
    return resolved;
  }

  private static boolean isAbsent(JsonNode found) {
    return found.isMissingNode() || found.isNull();
  }

  private String described(String name, JsonNode found) {
    return "option '" + name + "' of " + where + (isAbsent(found) ? " is missing" : " is " + found);
  }
}
