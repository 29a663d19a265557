package org.sparkssm.jobs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The notebooks run, paragraph by paragraph, in Spark's own shell, as their page says. */
@Tag("operations")
class NotebooksIT {
  static final String PAGE = "notebooks/README.md";

  @TempDir private static Path folder;

  @Test
  void everyParagraphRuns() throws IOException {
    String out;
    try (StandaloneCluster cluster = StandaloneCluster.start(folder.resolve("cluster"))) {
      out = DocumentationPage.of(PAGE).run(cluster, folder).orFail().out();
    }
    long paragraphs = 0;
    for (Path notebook : notebooks()) {
      for (JsonNode paragraph : paragraphs(notebook)) {
        paragraphs += paragraph.path("text").asText().startsWith("%spark") ? 1 : 0;
      }
    }
    assertEquals(paragraphs, out.lines().filter(line -> line.contains(".zpln: ")).count());
  }

  @Test
  void resultsAreSaved() throws IOException {
    assertEquals(4, notebooks().size());
    for (Path notebook : notebooks()) {
      for (JsonNode paragraph : paragraphs(notebook)) {
        String text = paragraph.path("text").asText();
        assertEquals("SUCCESS", paragraph.path("results").path("code").asText(), text);
        assertEquals("FINISHED", paragraph.path("status").asText(), text);
        boolean shows = text.startsWith("%md") || text.contains("println(\"%html");
        assertTrue(!shows || paragraph.path("results").path("msg").size() > 0, text);
        assertFalse(paragraph.toString().contains(Launcher.ROOT.toString()), text);
      }
    }
  }

  private static JsonNode paragraphs(Path notebook) throws IOException {
    return new ObjectMapper().readTree(notebook.toFile()).path("paragraphs");
  }

  private static List<Path> notebooks() throws IOException {
    try (Stream<Path> files = Files.list(Launcher.ROOT.resolve("notebooks"))) {
      return files.filter(file -> file.toString().endsWith(".zpln")).sorted().toList();
    }
  }
}
