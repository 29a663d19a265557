package org.sparkssm.testing;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;

/** The cases of a file of oracle values below {@code /reference}. */
public final class OracleFile {
  private OracleFile() {}

  /**
   * One case: parameters and named arrays, flattened row-major. The parts of a complex array A are
   * named {@code A/re} and {@code A/im}.
   */
  public static final class Case {
    private final JsonNode node;

    private Case(JsonNode node) {
      this.node = node;
    }

    public String kind() {
      return node.path("params").path("kind").asText();
    }

    public JsonNode parameter(String name) {
      return node.path("params").path(name);
    }

    public boolean hasInput(String name) {
      return node.path("inputs").has(name);
    }

    public boolean hasOutput(String name) {
      return node.path("outputs").has(name);
    }

    public boolean hasCotangent(String name) {
      return node.path("cotangents").has(name);
    }

    public double[] input(String name) {
      return flat("inputs", name);
    }

    public double[] output(String name) {
      return flat("outputs", name);
    }

    public double[] cotangent(String name) {
      return flat("cotangents", name);
    }

    public double[] gradient(String name) {
      return flat("gradients", name);
    }

    /** The sizes of an input's axes. */
    public int[] shape(String name) {
      List<Integer> sizes = new ArrayList<>();
      for (JsonNode at = find("inputs", name); at.isArray(); at = at.path(0)) {
        sizes.add(at.size());
      }
      return sizes.stream().mapToInt(Integer::intValue).toArray();
    }

    private double[] flat(String group, String name) {
      JsonNode found = find(group, name);
      if (found.isMissingNode()) {
        throw new IllegalArgumentException(this + " has no " + group + "." + name);
      }
      List<Double> values = new ArrayList<>();
      collect(found, values);
      return values.stream().mapToDouble(Double::doubleValue).toArray();
    }

    private JsonNode find(String group, String name) {
      return node.path(group).at("/" + name);
    }

    private static void collect(JsonNode node, List<Double> values) {
      if (node.isArray()) {
        node.forEach(child -> collect(child, values));
      } else {
        values.add(node.asDouble());
      }
    }

    @Override
    public String toString() {
      return node.path("params").toString();
    }
  }

  public static List<Case> cases(String file) {
    try (InputStream in = OracleFile.class.getResourceAsStream("/reference/" + file)) {
      List<Case> cases = new ArrayList<>();
      new ObjectMapper().readTree(in).path("cases").forEach(node -> cases.add(new Case(node)));
      return cases;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The cases whose {@code kind} begins with the given text. */
  public static List<Case> cases(String file, String kind) {
    return cases(file).stream().filter(c -> c.kind().startsWith(kind)).toList();
  }
}
