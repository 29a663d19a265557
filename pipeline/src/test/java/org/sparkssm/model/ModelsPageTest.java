package org.sparkssm.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** {@code MODELS.md} names every layer, option and default, and no other. */
class ModelsPageTest {
  private static final Pattern SECTION =
      Pattern.compile("(?ms)^## ([a-z0-9-]+)\n(.*?)(?=^## |\\z)");
  private static final Pattern ROW = Pattern.compile("(?m)^\\| `(\\w+)` \\| ([^|]*) \\|");

  @Test
  void everyLayerOptionAndDefaultIsOnThePage() throws IOException {
    Map<String, Map<String, String>> page = new TreeMap<>();
    Matcher section = SECTION.matcher(Files.readString(Path.of("MODELS.md")));
    while (section.find()) {
      Map<String, String> options = new TreeMap<>();
      Matcher row = ROW.matcher(section.group(2));
      while (row.find()) {
        options.put(row.group(1), row.group(2).strip());
      }
      page.put(section.group(1), options);
    }
    assertEquals(new TreeSet<>(ModelSpec.layerKinds()), page.keySet());
    for (String kind : ModelSpec.layerKinds()) {
      Map<String, String> narrow = options(kind, 64);
      Map<String, String> wide = options(kind, 96);
      assertEquals(narrow.keySet(), page.get(kind).keySet(), kind);
      narrow.forEach(
          (name, value) -> {
            if (value.equals(wide.get(name)) && !name.equals("layer")) {
              assertEquals(value, page.get(kind).get(name), kind + " " + name);
            } else {
              assertTrue(page.get(kind).get(name).matches("D / .*|none.*"), kind + " " + name);
            }
          });
    }
  }

  /** Options and their defaults, those included that only some values of others bring along. */
  private static Map<String, String> options(String kind, int width) throws IOException {
    List<String> variants = new ArrayList<>(List.of(""));
    if (kind.equals("bidirectional")) {
      variants = List.of(", \"layer\": {\"kind\": \"rnn\"}");
    } else if (kind.equals("delta-net")) {
      variants.add(", \"gated\": true");
    } else if (kind.equals("linear-cde")) {
      Set<String> structures =
          Set.of("dense", "diagonal", "block-diagonal", "low-rank", "walsh-hadamard", "sparse");
      for (String structure : structures) {
        variants.add(", \"structure\": \"%s\"".formatted(structure));
      }
      variants.add(", \"control\": \"values\"");
      variants.add(", \"control\": \"tokens\"");
    }
    Map<String, String> found = new TreeMap<>();
    for (String variant : variants) {
      JsonNode node = new ObjectMapper().readTree("{\"kind\": \"%s\"%s}".formatted(kind, variant));
      Options options = new Options(node, "the layer");
      LayerCatalog.create(options, new LayerSetting(width, 2), new ParameterLayout());
      options
          .resolved()
          .properties()
          .forEach(
              option -> {
                if (!option.getKey().equals("kind")) {
                  found.putIfAbsent(option.getKey(), text(option.getValue()));
                }
              });
    }
    return found;
  }

  private static String text(JsonNode value) {
    boolean whole = value.isDouble() && value.asDouble() == Math.rint(value.asDouble());
    return whole ? Long.toString(value.asLong()) : value.asText();
  }
}
