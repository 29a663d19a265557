package org.sparkssm.jobs;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.PrintWriter;
import java.io.StringWriter;

/**
 * One command run inside the test's JVM.
 *
 * @param status exit status
 * @param out standard output
 * @param err standard error
 */
record CommandLineRun(int status, String out, String err) {
  private static final ObjectMapper JSON = new ObjectMapper();

  static CommandLineRun of(String... arguments) {
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    int status = Main.run(new PrintWriter(out, true), new PrintWriter(err, true), arguments);
    return new CommandLineRun(status, out.toString(), err.toString());
  }

  /** The last line of standard output as JSON. */
  JsonNode summary() {
    String last = out.lines().reduce((first, second) -> second).orElseThrow();
    try {
      return JSON.readTree(last);
    } catch (JsonProcessingException e) {
      throw new AssertionError("not JSON: " + last, e);
    }
  }

  /** The last line of standard error. */
  String sentence() {
    return err.lines().reduce((first, second) -> second).orElseThrow();
  }
}
