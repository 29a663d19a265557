package org.sparkssm.jobs.experiment;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.data.LibraryVersion;
import org.sparkssm.model.NonFiniteException;
import org.sparkssm.spark.HadoopFiles;

/**
 * Runs the cells of an experiment. The result of each is a file of its own, written when the cell
 * is done; a later run with the same folder takes finished cells as they are.
 */
final class Grid {
  private static final ObjectMapper JSON = new ObjectMapper();

  private final Experiment experiment;
  private final Scale scale;
  private final Path cells;
  private final Configuration configuration;
  private final Consumer<String> tell;

  /** Hears of finished cells. */
  @FunctionalInterface
  interface Progress {
    void finished(Results results) throws IOException;
  }

  Grid(
      Experiment experiment,
      Scale scale,
      Path output,
      Configuration configuration,
      Consumer<String> tell) {
    this.experiment = experiment;
    this.scale = scale;
    this.cells = new Path(output, "cells");
    this.configuration = configuration;
    this.tell = tell;
  }

  /**
   * The results of all cells, running those that are not finished. A cell that diverges does not
   * keep the others from running.
   *
   * @param progress told what is finished after every cell that was run
   * @throws NonFiniteException if cells diverged, naming them, when the others are done
   * @throws InvalidInputException if the folder holds cells of another experiment, scale, setting
   *     or version
   */
  Results run(Workbench workbench, Progress progress) throws IOException {
    List<Cell> all = experiment.cells(scale);
    List<Result> results = new ArrayList<>();
    List<String> diverged = new ArrayList<>();
    for (int k = 0; k < all.size(); k++) {
      Cell cell = all.get(k);
      Optional<Result> finished = finished(cell);
      String place = "cell %d of %d, %s".formatted(k + 1, all.size(), cell.id());
      if (finished.isPresent()) {
        tell.accept(place + ": finished before");
        results.add(finished.get());
        continue;
      }
      tell.accept(place);
      long start = System.nanoTime();
      ObjectNode values;
      try {
        values = experiment.run(cell, scale, workbench);
      } catch (NonFiniteException e) {
        tell.accept(place + ": " + e.getMessage());
        diverged.add("%s (%s)".formatted(cell.id(), e.getMessage()));
        continue;
      }
      Result result = new Result(cell, values, (System.nanoTime() - start) / 1e9);
      write(result);
      tell.accept("%s: %.0f s".formatted(place, result.seconds()));
      results.add(result);
      progress.finished(new Results(List.copyOf(results)));
    }
    if (!diverged.isEmpty()) {
      throw new NonFiniteException(
          "%d of %d cells diverged, the others are kept in %s: %s"
              .formatted(diverged.size(), all.size(), cells, String.join("; ", diverged)));
    }
    return new Results(results);
  }

  private Path file(Cell cell) {
    return new Path(cells, cell.id() + ".json");
  }

  private Optional<Result> finished(Cell cell) {
    return HadoopFiles.readText(file(cell), configuration).flatMap(text -> parsed(cell, text));
  }

  /** Empty for a file that a killed run left half written. */
  private Optional<Result> parsed(Cell cell, String text) {
    JsonNode tree;
    try {
      tree = JSON.readTree(text);
    } catch (JsonProcessingException e) {
      return Optional.empty();
    }
    for (Map.Entry<String, String> fact : facts(cell).entrySet()) {
      String found = tree.path(fact.getKey()).asText();
      if (!found.equals(fact.getValue())) {
        throw new InvalidInputException(
            "%s is a cell of %s '%s', expected '%s'; choose another --output"
                .formatted(file(cell), fact.getKey(), found, fact.getValue()));
      }
    }
    return Optional.of(
        new Result(cell, (ObjectNode) tree.path("values"), tree.path("seconds").doubleValue()));
  }

  /** What a cell is one of; those of another grid are not taken. */
  private Map<String, String> facts(Cell cell) {
    Map<String, String> facts = new LinkedHashMap<>();
    facts.put("experiment", experiment.name());
    facts.put("scale", scale.word());
    facts.put("setting", experiment.setting(scale, cell));
    facts.put("version", LibraryVersion.current());
    return facts;
  }

  private void write(Result result) throws IOException {
    ObjectNode tree = JSON.createObjectNode();
    facts(result.cell()).forEach(tree::put);
    tree.set("parameters", result.cell().parameters());
    tree.put("seconds", result.seconds());
    tree.set("values", result.values());
    Path file = file(result.cell());
    try (OutputStream out = HadoopFiles.fileSystem(file, configuration).create(file, true)) {
      out.write(JSON.writeValueAsBytes(tree));
      out.write("\n".getBytes(StandardCharsets.UTF_8));
    }
  }
}
