package org.sparkssm.jobs.experiment;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.model.NonFiniteException;

/** Runs of grids whose cells are cheap. */
class GridTest {
  @TempDir Path folder;

  @Test
  void aCellThatDivergesKeepsNoOtherFromRunning() throws Exception {
    Squares squares = new Squares();
    squares.diverges = 2;
    List<Integer> finished = new ArrayList<>();
    String message =
        assertThrows(
                NonFiniteException.class,
                () -> grid(squares).run(null, results -> finished.add(results.all().size())))
            .getMessage();
    assertTrue(message.contains("1 of 3 cells diverged"), message);
    assertTrue(message.contains("2 (the loss is NaN)"), message);
    assertEquals(List.of(1, 2), finished);

    squares.ran.clear();
    squares.diverges = 0;
    Results results = grid(squares).run(null, more -> {});
    assertEquals(List.of(2), squares.ran);
    assertEquals(
        List.of(1.0, 4.0, 9.0), results.all().stream().map(r -> r.number("square")).toList());
  }

  @Test
  void aCellIsTakenWhileWhatItDependsOnIsTheSame() throws Exception {
    Squares squares = new Squares();
    grid(squares).run(null, more -> {});
    squares.ran.clear();
    squares.setting = "three numbers and more";
    grid(squares).run(null, more -> {});
    assertEquals(List.of(), squares.ran);

    squares.powers = "powers of 3";
    String message =
        assertThrows(InvalidInputException.class, () -> grid(squares).run(null, more -> {}))
            .getMessage();
    assertTrue(message.contains("1.json is a cell of setting 'powers of 2'"), message);
    assertTrue(message.contains("expected 'powers of 3'"), message);
  }

  private Grid grid(Experiment experiment) {
    org.apache.hadoop.fs.Path output = new org.apache.hadoop.fs.Path(folder.toUri());
    return new Grid(experiment, Scale.QUICK, output, new Configuration(), line -> {});
  }

  private static final class Squares implements Experiment {
    private final List<Integer> ran = new ArrayList<>();
    private int diverges;
    private String setting = "three numbers";
    private String powers = "powers of 2";

    @Override
    public String name() {
      return "squares";
    }

    @Override
    public String title() {
      return "Squares";
    }

    @Override
    public String hypothesis() {
      return "Squares grow.";
    }

    @Override
    public String setting(Scale scale) {
      return setting;
    }

    @Override
    public String setting(Scale scale, Cell cell) {
      return powers;
    }

    @Override
    public List<Cell> cells(Scale scale) {
      return List.of(Cell.of("n", 1), Cell.of("n", 2), Cell.of("n", 3));
    }

    @Override
    public ObjectNode run(Cell cell, Scale scale, Workbench workbench) {
      int n = cell.integer("n");
      if (n == diverges) {
        throw new NonFiniteException("the loss is NaN");
      }
      ran.add(n);
      return JsonNodeFactory.instance.objectNode().put("square", n * n);
    }

    @Override
    public Findings conclude(Results results, Scale scale) {
      return new Findings();
    }
  }
}
