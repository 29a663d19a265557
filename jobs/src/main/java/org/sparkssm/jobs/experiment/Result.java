package org.sparkssm.jobs.experiment;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.stream.StreamSupport;

/**
 * What a cell came to.
 *
 * @param values numbers, arrays of numbers, and words
 * @param seconds it took
 */
record Result(Cell cell, ObjectNode values, double seconds) {
  double number(String name) {
    return values.required(name).doubleValue();
  }

  double[] numbers(String name) {
    return numbers(values.required(name));
  }

  /** The numbers of an array. */
  static double[] numbers(JsonNode array) {
    return StreamSupport.stream(array.spliterator(), false)
        .mapToDouble(JsonNode::doubleValue)
        .toArray();
  }
}
