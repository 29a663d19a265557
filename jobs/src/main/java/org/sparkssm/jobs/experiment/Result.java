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
    return StreamSupport.stream(values.required(name).spliterator(), false)
        .mapToDouble(JsonNode::doubleValue)
        .toArray();
  }
}
