package org.sparkssm.jobs.experiment;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.sparkssm.jobs.experiment.Findings.Verdict;
import org.sparkssm.jobs.report.Axis;
import org.sparkssm.jobs.report.Plot;
import org.sparkssm.spark.SequenceDataSet;

/**
 * The word problem of the alternating group A5: how many blocks a model needs to track the running
 * product of group elements, by length.
 */
final class WordProblemExperiment implements Experiment {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final double SOLVED = 0.9;
  private static final double VALIDATION = 0.1;

  /** Longest lengths solved with 1, 2, ... blocks, as published; a further block solves no more. */
  private static final Map<String, int[]> PUBLISHED = new LinkedHashMap<>();

  static {
    PUBLISHED.put("linear-cde", new int[] {20});
    PUBLISHED.put("mamba", new int[] {3, 7, 10, 12});
    PUBLISHED.put("s4d", new int[] {4, 8, 10, 18});
  }

  @Override
  public String name() {
    return "a5";
  }

  @Override
  public String title() {
    return "The word problem of A5";
  }

  @Override
  public String hypothesis() {
    return "A group that is not solvable can be tracked at any length by one block of a dense"
        + " Linear CDE. Diagonal blocks need a depth that grows with the length.";
  }

  @Override
  public String setting(Scale scale) {
    return "%,d sequences of each length; accuracy over all steps of held-out sequences; at most %d"
            .formatted(count(scale), mostBlocks(scale))
        + " blocks; Linear CDE of width %d, others of width %d; %d epochs."
            .formatted(cdeWidth(scale), width(scale), epochs(scale));
  }

  private static long count(Scale scale) {
    return scale.pick(1_000L, 50_000L, 200_000L);
  }

  private static int[] lengths(Scale scale) {
    return scale.pick(
        new int[] {3}, new int[] {3, 5, 8, 12, 20}, new int[] {3, 4, 5, 6, 7, 8, 10, 12, 15, 20});
  }

  private static int mostBlocks(Scale scale) {
    return scale.pick(1, 3, 4);
  }

  private static int cdeWidth(Scale scale) {
    return scale.pick(16, 64, 256);
  }

  private static int width(Scale scale) {
    return scale.pick(16, 64, 1024);
  }

  private static int epochs(Scale scale) {
    return scale.pick(2, 30, 100);
  }

  private static int seeds(Scale scale) {
    return scale.pick(1, 1, 5);
  }

  @Override
  public List<Cell> cells(Scale scale) {
    List<Cell> cells = new ArrayList<>();
    for (int seed = 1; seed <= seeds(scale); seed++) {
      for (String layer : PUBLISHED.keySet()) {
        for (int length : lengths(scale)) {
          cells.add(Cell.of("layer", layer, "length", length, "seed", seed));
        }
      }
    }
    return cells;
  }

  /** Adds blocks until the problem is solved. */
  @Override
  public ObjectNode run(Cell cell, Scale scale, Workbench workbench) {
    String layer = cell.word("layer");
    boolean dense = layer.equals("linear-cde");
    SequenceDataSet data = workbench.data("a5", count(scale), cell.integer("length"), List.of(), 1);
    ObjectNode values = JSON.createObjectNode();
    double best = 0;
    for (int blocks = 1; blocks <= mostBlocks(scale) && best < SOLVED; blocks++) {
      ObjectNode spec =
          Models.tokens(
              layer,
              blocks,
              dense ? "none" : "glu",
              dense ? cdeWidth(scale) : width(scale),
              dense ? cdeWidth(scale) : 16);
      ObjectNode course =
          workbench.train(
              data,
              spec,
              new Workbench.Recipe(epochs(scale), 64, 0.003, VALIDATION, cell.integer("seed")));
      best = course.required("accuracy").doubleValue();
      values.withArrayProperty("accuracyByBlocks").add(best);
      values.withArrayProperty("courses").add(course);
      values.put("blocks", best >= SOLVED ? blocks : 0);
    }
    return values;
  }

  @Override
  public Findings conclude(Results results, Scale scale) {
    Findings findings = new Findings();
    int most = mostBlocks(scale) + 1;
    int[] lengths = lengths(scale);
    Plot plot =
        new Plot(
            "blocks needed by length of the word",
            Axis.between("length", 0, lengths[lengths.length - 1] + 1.0),
            Axis.between("fewest blocks above 90 % accuracy", 0, most + 0.3));
    List<List<String>> rows = new ArrayList<>();
    results
        .by("layer")
        .forEach(
            (layer, runs) -> {
              double[] xs = new double[lengths.length];
              double[] ys = new double[lengths.length];
              for (int k = 0; k < lengths.length; k++) {
                Results of = runs.where("length", lengths[k]);
                xs[k] = lengths[k];
                ys[k] = of.isEmpty() ? Double.NaN : needed(of, most);
                if (!of.isEmpty()) {
                  rows.add(
                      List.of(
                          layer,
                          Integer.toString(lengths[k]),
                          ys[k] == most ? "more than " + (most - 1) : Axis.text(ys[k]),
                          Integer.toString(published(layer, lengths[k])),
                          "%.3f".formatted(of.band(run -> last(run)).mean())));
                }
              }
              plot.line(layer, xs, ys);
            });
    findings.figure(
        "a5",
        "Fewest blocks that exceed 90 % validation accuracy; the highest level means that no"
            + " tried number did.",
        plot);
    findings.table(
        "Blocks needed, ours and published.",
        List.of("layer", "length", "blocks", "published", "accuracy"),
        rows,
        1);
    Results dense = results.where("layer", "linear-cde");
    findings.claim(
        "One block of a dense Linear CDE tracks A5 at every length tried.",
        dense.isEmpty()
            ? Verdict.OPEN
            : Verdict.of(dense.band("blocks").low() == 1 && dense.band("blocks").high() == 1),
        "lowest accuracy %.3f".formatted(dense.band(WordProblemExperiment::last).low()));
    for (String layer : List.of("mamba", "s4d")) {
      Results runs = results.where("layer", layer);
      long more = runs.all().stream().filter(run -> run.number("blocks") != 1).count();
      findings.claim(
          layer + " needs more blocks as the word grows.",
          runs.isEmpty() ? Verdict.OPEN : Verdict.of(more > 0),
          "%d of %d lengths need more than one block".formatted(more, runs.all().size()));
    }
    return findings;
  }

  private static double needed(Results runs, int most) {
    return runs.band(run -> run.number("blocks") == 0 ? most : run.number("blocks")).mean();
  }

  private static double last(Result run) {
    double[] accuracies = run.numbers("accuracyByBlocks");
    return accuracies[accuracies.length - 1];
  }

  private static int published(String layer, int length) {
    int[] solved = PUBLISHED.get(layer);
    for (int blocks = 1; blocks <= solved.length; blocks++) {
      if (length <= solved[blocks - 1]) {
        return blocks;
      }
    }
    return solved.length + 1;
  }
}
