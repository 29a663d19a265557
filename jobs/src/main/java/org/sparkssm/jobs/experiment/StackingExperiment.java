package org.sparkssm.jobs.experiment;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;
import org.sparkssm.jobs.experiment.Findings.Verdict;
import org.sparkssm.jobs.experiment.Results.Band;
import org.sparkssm.jobs.report.Axis;
import org.sparkssm.jobs.report.Plot;
import org.sparkssm.ml.RandomLinearCde;
import org.sparkssm.spark.SequenceDataSet;

/** What stacking diagonal blocks wins back: words of more letters against number of blocks. */
final class StackingExperiment implements Experiment {
  private static final int LENGTH = 100;
  private static final double VALIDATION = 0.2;

  /** Error over the labels' deviation up to which a word counts as learned. */
  private static final double LEARNED = 0.2;

  private static final int BATCH = 16;
  private static final double CDE_SCALING = 0.0625;

  @Override
  public String name() {
    return "stacking";
  }

  @Override
  public String title() {
    return "Blocks against letters";
  }

  @Override
  public String hypothesis() {
    return "A word of n letters is an n-fold iterated integral. One diagonal selective block"
        + " integrates once or twice, and each further block adds to that, so the number of blocks"
        + " that a word needs grows with its letters. One dense block has all of them.";
  }

  @Override
  public String setting(Scale scale) {
    return ("%,d paths of %d steps, labels S^(1,2), S^(1,2,3), ... of paths with as many channels, a"
            + " fifth held back; Mamba blocks of width %d and state %d, norms and no activation"
            + " between them, %d epochs of AdamW in batches of %d, learning rate 0.002 with warm-up and"
            + " cosine, %d seed%s; random dense Linear CDE of state %d, A / 16, RK4.")
        .formatted(
            count(scale),
            LENGTH,
            width(scale),
            state(scale),
            epochs(scale),
            BATCH,
            seeds(scale),
            seeds(scale) == 1 ? "" : "s",
            cdeState(scale));
  }

  private static long count(Scale scale) {
    return scale.pick(500L, 20_000L, 100_000L);
  }

  private static int letters(Scale scale) {
    return scale.pick(3, 4, 5);
  }

  private static int blocks(Scale scale) {
    return scale.pick(2, 4, 6);
  }

  private static int width(Scale scale) {
    return scale.pick(8, 32, 64);
  }

  private static int state(Scale scale) {
    return scale.pick(4, 16, 16);
  }

  private static int epochs(Scale scale) {
    return scale.pick(1, 20, 60);
  }

  private static int seeds(Scale scale) {
    return scale.pick(1, 1, 5);
  }

  private static int cdeState(Scale scale) {
    return scale.pick(64, 512, 1024);
  }

  @Override
  public List<Cell> cells(Scale scale) {
    List<Cell> cells = new ArrayList<>();
    for (int seed = 1; seed <= seeds(scale); seed++) {
      for (int letters = 2; letters <= letters(scale); letters++) {
        // 0 blocks: the random Linear CDE
        for (int blocks = 0; blocks <= blocks(scale); blocks++) {
          cells.add(
              Cell.of(
                  "letters",
                  letters,
                  "model",
                  blocks == 0 ? "linear-cde" : "mamba",
                  "blocks",
                  Math.max(1, blocks),
                  "seed",
                  seed));
        }
      }
    }
    return cells;
  }

  @Override
  public ObjectNode run(Cell cell, Scale scale, Workbench workbench) {
    int letters = cell.integer("letters");
    List<Integer> word = IntStream.rangeClosed(1, letters).boxed().toList();
    SequenceDataSet data = workbench.data("word", count(scale), LENGTH, word, 1);
    int seed = cell.integer("seed");
    ObjectNode values;
    if (cell.word("model").equals("linear-cde")) {
      values =
          workbench.readOut(
              data,
              new RandomLinearCde()
                      .setChannels(letters)
                      .setStateSize(cdeState(scale))
                      .setSolver("rk4")
                      .setScaling(CDE_SCALING)
                      .setSeed(seed)
                  ::transform,
              VALIDATION,
              seed);
    } else {
      values =
          workbench.train(
              data,
              Models.regression(
                  "mamba", cell.integer("blocks"), "none", "rms", width(scale), state(scale)),
              new Workbench.Recipe(epochs(scale), BATCH, 0.002, VALIDATION, seed));
      values.put("labelDeviation", workbench.labelDeviation(data, VALIDATION, seed));
    }
    values.put("error", values.path("rmse").asDouble() / values.path("labelDeviation").asDouble());
    return values;
  }

  @Override
  public Findings conclude(Results results, Scale scale) {
    Findings findings = new Findings();
    Results stacks = results.where("model", "mamba");
    double[] errors = results.all().stream().mapToDouble(run -> run.number("error")).toArray();
    Plot plot =
        new Plot(
            "error by number of blocks",
            Axis.between("Mamba blocks", 0.8, blocks(scale) + 0.2),
            Axis.logarithmic("error over the labels' deviation", errors));
    List<List<String>> rows = new ArrayList<>();
    List<Integer> needed = new ArrayList<>();
    stacks
        .by("letters")
        .forEach(
            (letters, runs) -> {
              curve(plot, letters + " letters", runs);
              rows.add(row(letters, runs, results, scale));
              needed.add(needed(runs, scale));
            });
    findings.figure(
        "stacking",
        "Error of stacks of Mamba blocks for words of several letters, lowest to highest over the"
            + " seeds.",
        plot);
    List<String> head = new ArrayList<>(List.of("letters"));
    for (int blocks = 1; blocks <= blocks(scale); blocks++) {
      head.add(blocks + (blocks == 1 ? " block" : " blocks"));
    }
    head.add("one dense block");
    findings.table("Error over the labels' deviation.", head, rows, 1);
    boolean grows = true;
    for (int k = 1; k < needed.size(); k++) {
      grows &= needed.get(k) >= needed.get(k - 1);
    }
    boolean spread = !needed.isEmpty() && needed.get(needed.size() - 1) > needed.get(0);
    findings.claim(
        "The number of Mamba blocks that learn a word grows with its letters.",
        needed.size() < 2 ? Verdict.OPEN : Verdict.of(grows && spread),
        "fewest blocks below %.0f %% of the labels' deviation for 2, 3, ... letters: %s; errors above that changed by at most %.1f %% over the last quarter of the training"
            .formatted(100 * LEARNED, words(needed, scale), 100 * latestChange(stacks)));
    Results dense = results.where("model", "linear-cde");
    findings.claim(
        "One random dense block learns all words tried.",
        dense.isEmpty() ? Verdict.OPEN : Verdict.of(dense.band("error").high() < LEARNED),
        "errors over the labels' deviation %s".formatted(percent(dense.band("error"))));
    return findings;
  }

  /** How far the errors of words that were not learned still moved at the end, as a share. */
  private static double latestChange(Results stacks) {
    return stacks.all().stream()
        .filter(run -> run.number("error") >= LEARNED)
        .mapToDouble(run -> Models.lateChange(run.numbers("rmseHistory")) / run.number("rmse"))
        .max()
        .orElse(0);
  }

  private static String words(List<Integer> needed, Scale scale) {
    return needed.stream()
        .map(count -> count > blocks(scale) ? "more than " + blocks(scale) : count.toString())
        .reduce((a, b) -> a + ", " + b)
        .orElse("none");
  }

  /** Fewest blocks whose mean error counts as learned; one more than the most if none. */
  private static int needed(Results runs, Scale scale) {
    for (int blocks = 1; blocks <= blocks(scale); blocks++) {
      if (runs.where("blocks", blocks).band("error").mean() < LEARNED) {
        return blocks;
      }
    }
    return blocks(scale) + 1;
  }

  private static void curve(Plot plot, String name, Results runs) {
    List<Band> bands = new ArrayList<>();
    var byBlocks = runs.by("blocks");
    byBlocks.values().forEach(group -> bands.add(group.band("error")));
    double[] xs = byBlocks.keySet().stream().mapToDouble(Double::parseDouble).toArray();
    Models.curve(plot, name, xs, bands);
  }

  private static List<String> row(String letters, Results runs, Results all, Scale scale) {
    List<String> row = new ArrayList<>(List.of(letters));
    for (int blocks = 1; blocks <= blocks(scale); blocks++) {
      Results of = runs.where("blocks", blocks);
      row.add(of.isEmpty() ? "" : percent(of.band("error")));
    }
    Results dense = all.where("model", "linear-cde").where("letters", letters);
    row.add(dense.isEmpty() ? "" : percent(dense.band("error")));
    return row;
  }

  private static String percent(Band band) {
    String low = String.format(Locale.ROOT, "%.3g", 100 * band.low());
    String high = String.format(Locale.ROOT, "%.3g", 100 * band.high());
    return low.equals(high) ? low + " %" : low + " to " + high + " %";
  }
}
