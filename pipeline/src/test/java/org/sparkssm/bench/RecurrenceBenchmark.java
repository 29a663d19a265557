package org.sparkssm.bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.sparkssm.kernel.HostKernels;
import org.sparkssm.model.ModelSpec;

/**
 * Our side of {@code src/bench/recurrences.py}: answers one JSON request a line of standard input
 * by one line of JSON on standard output. A request has {@code time}, what is timed: {@code
 * operation} (see {@link OperationTiming}), {@code step} of training, or {@code gradient} of a
 * model on one sequence.
 */
final class RecurrenceBenchmark {
  private static final ObjectMapper MAPPER = new ObjectMapper();

  private RecurrenceBenchmark() {}

  public static void main(String[] arguments) throws IOException {
    BufferedReader in =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      System.out.println(MAPPER.writeValueAsString(answer(MAPPER.readTree(line))));
    }
  }

  private static JsonNode answer(JsonNode request) throws IOException {
    return switch (request.get("time").textValue()) {
      case "operation" -> operation(request);
      case "step" -> step(request);
      case "gradient" -> gradient(request);
      case "kernels" -> kernels();
      default -> throw new IllegalArgumentException(request.toString());
    };
  }

  private static JsonNode operation(JsonNode request) throws IOException {
    try (OperationTiming timing = new OperationTiming(request)) {
      boolean backward = request.get("backward").booleanValue();
      ObjectNode answer = MAPPER.createObjectNode();
      answer.put("seconds", timing.shortest(backward, request.get("seconds").doubleValue()));
      timing.write(Path.of(request.get("folder").textValue()));
      return answer;
    }
  }

  private static TrainingTiming training(JsonNode request) {
    return new TrainingTiming(ModelSpec.parse(request.get("spec").toString()));
  }

  private static JsonNode step(JsonNode request) {
    return MAPPER
        .createObjectNode()
        .put(
            "seconds",
            training(request)
                .step(
                    request.get("batch").intValue(),
                    request.get("length").intValue(),
                    request.get("threads").intValue()));
  }

  private static JsonNode gradient(JsonNode request) {
    TrainingTiming.Gradient gradient = training(request).gradient(request.get("length").intValue());
    return MAPPER
        .createObjectNode()
        .put("seconds", gradient.seconds())
        .put("bytes", gradient.bytes());
  }

  private static JsonNode kernels() {
    try (HostKernels kernels = new HostKernels()) {
      return MAPPER.createObjectNode().put("description", kernels.description());
    }
  }
}
