package org.sparkssm.jobs;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What the pages tell users to type works. */
@Tag("operations")
class DocumentationIT {
  @TempDir private static Path folder;

  private static StandaloneCluster cluster;

  @BeforeAll
  static void startCluster() {
    cluster = StandaloneCluster.start(folder.resolve("cluster"));
  }

  @AfterAll
  static void stopCluster() {
    cluster.close();
  }

  /** Pages with a test of their own. */
  private static final List<String> OTHERS =
      List.of(AirflowIT.PAGE, NotebooksIT.PAGE, "udfs/README.md");

  static List<DocumentationPage> pages() throws IOException {
    return DocumentationPage.all().stream()
        .filter(page -> !OTHERS.contains(page.toString()))
        .toList();
  }

  @ParameterizedTest
  @MethodSource("pages")
  void commandsOfThePageRun(DocumentationPage page) throws IOException {
    Path scratch = Files.createTempDirectory(folder, "page");
    Launcher.Result result = page.run(cluster, scratch);
    assertEquals(0, result.status(), page + "\n" + result.out() + "\n" + result.err());
  }
}
