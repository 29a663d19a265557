package org.sparkssm.jobs.experiment;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.stream.Collectors;
import java.util.stream.StreamSupport;

/**
 * One run of an experiment's grid, independent of all others.
 *
 * @param parameters names and numbers or words, in the order of the grid's axes
 */
record Cell(ObjectNode parameters) {
  private static final ObjectMapper JSON = new ObjectMapper();

  /** A cell of alternating names and values. */
  static Cell of(Object... namesAndValues) {
    ObjectNode parameters = JSON.createObjectNode();
    for (int i = 0; i < namesAndValues.length; i += 2) {
      parameters.set((String) namesAndValues[i], JSON.valueToTree(namesAndValues[i + 1]));
    }
    return new Cell(parameters);
  }

  /** The values joined by hyphens: unique within a grid, and the name of the result's file. */
  String id() {
    return StreamSupport.stream(parameters.spliterator(), false)
        .map(value -> value.asText().replaceAll("[^A-Za-z0-9.]+", "_"))
        .collect(Collectors.joining("-"));
  }

  String word(String name) {
    return parameters.required(name).asText();
  }

  int integer(String name) {
    return parameters.required(name).intValue();
  }

  double number(String name) {
    return parameters.required(name).doubleValue();
  }
}
