package org.sparkssm.jobs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.sparkssm.testing.SharedSpark;

/**
 * Every experiment at its smallest scale: it runs, resumes, and leaves results, plots and a page.
 */
class ExperimentIT {
  private static final String DATA = "../pipeline/src/test/resources/data/";

  @TempDir static Path folder;

  @BeforeAll
  static void startSpark() {
    SharedSpark.session();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "toy",
        "a5",
        "projection",
        "rates",
        "selectivity",
        "stacking",
        "efficiency",
        "benchmarks"
      })
  void experimentsLeaveResultsPlotsAndAPage(String name) throws IOException {
    Path output = folder.resolve(name);
    CommandLineRun run = run(name, output);
    assertEquals(Main.DONE, run.status(), run.err());
    int cells = run.summary().path("cells").asInt();
    JsonNode results = new ObjectMapper().readTree(output.resolve("results.json").toFile());
    assertEquals(cells, results.path("cells").size());
    assertEquals(run.summary().path("claims").size(), results.path("claims").size());
    assertTrue(results.path("claims").size() > 0);
    for (JsonNode claim : results.path("claims")) {
      assertTrue(
          List.of("holds", "does not hold", "is not decided")
              .contains(claim.path("verdict").asText()),
          claim.toString());
    }
    long rows =
        SharedSpark.session()
            .read()
            .parquet(output.resolve("results.parquet").toString())
            .where("name = 'seconds' and value > 0")
            .count();
    assertEquals(cells, rows);
    try (Stream<Path> plots = Files.list(output.resolve("plots"))) {
      List<Path> images = plots.filter(file -> file.toString().endsWith(".png")).toList();
      assertTrue(!images.isEmpty());
      for (Path image : images) {
        assertNotNull(ImageIO.read(image.toFile()), image.toString());
      }
    }
    assertTrue(Files.readString(output.resolve("report.html")).contains("<svg"));
  }

  @Test
  void finishedCellsAreKeptAndTornOnesRunAgain() throws IOException {
    Path output = folder.resolve("resumed");
    assertEquals(Main.DONE, run("projection", output).status());
    Path kept = output.resolve("cells/expansion-1-1.json");
    Path torn = output.resolve("cells/expansion-2-1.json");
    FileTime before = Files.getLastModifiedTime(kept);
    String whole = Files.readString(torn);
    Files.deleteIfExists(output.resolve("cells/.expansion-2-1.json.crc"));
    Files.writeString(torn, whole.substring(0, whole.length() / 2));

    CommandLineRun again = run("projection", output);

    assertEquals(Main.DONE, again.status(), again.err());
    assertEquals(before, Files.getLastModifiedTime(kept));
    ObjectMapper json = new ObjectMapper();
    assertEquals(json.readTree(whole).path("values"), json.readTree(torn.toFile()).path("values"));
  }

  @Test
  void theReportOfAStoppedRunShowsWhatIsFinishedAndLeavesVerdictsOpen() throws IOException {
    Path output = folder.resolve("stopped");
    Files.createDirectories(output.resolve("cells/expansion-3-1.json/in-the-way"));

    CommandLineRun stopped = run("projection", output);

    assertTrue(stopped.status() != Main.DONE, stopped.err());
    String report = Files.readString(output.resolve("report.html"));
    assertTrue(report.contains("2 of 10 cells are finished"), report);
    assertTrue(report.contains("Is not decided:") && !report.contains("olds:"), report);
  }

  @Test
  void whatDoesNotExistOrBelongsToOthersIsRefused() throws IOException {
    CommandLineRun unknown = run("flight", folder.resolve("none"));
    assertEquals(Main.INVALID, unknown.status());
    assertTrue(
        unknown.err().contains("there is no experiment 'flight', expected one of toy, a5"),
        unknown.err());
    Path foreign = Files.createDirectory(folder.resolve("foreign"));
    Files.writeString(foreign.resolve("notes.txt"), "mine");
    CommandLineRun refused =
        CommandLineRun.of(
            "experiment", "projection", "--overwrite", "--output", foreign.toString());
    assertEquals(Main.INVALID, refused.status());
    assertTrue(refused.err().contains("is not an experiment's"), refused.err());
    assertEquals("mine", Files.readString(foreign.resolve("notes.txt")));
  }

  @Test
  void benchmarksNeedDataSets() {
    CommandLineRun run =
        CommandLineRun.of("experiment", "benchmarks", "--output", folder.resolve("n").toString());
    assertEquals(Main.INVALID, run.status());
    assertTrue(run.err().contains("needs --data with folders of .ts files"), run.err());
  }

  @Test
  void cellsOfAnotherScaleAreRefused() throws IOException {
    Path output = folder.resolve("scaled");
    assertEquals(Main.DONE, run("projection", output).status());
    CommandLineRun other =
        CommandLineRun.of(
            "experiment", "projection", "--scale", "standard", "--output", output.toString());
    assertEquals(Main.INVALID, other.status());
    assertTrue(
        other.err().contains("is a cell of scale 'quick', expected 'standard'"), other.err());
  }

  private static CommandLineRun run(String name, Path output) {
    List<String> arguments =
        new ArrayList<>(
            List.of("experiment", name, "--scale", "quick", "--output", output.toString()));
    if (name.equals("benchmarks")) {
      arguments.addAll(List.of("--data", DATA + "BasicMotions," + DATA + "JapaneseVowels"));
    }
    return CommandLineRun.of(arguments.toArray(String[]::new));
  }
}
