package org.sparkssm.jobs.experiment;

import static org.apache.spark.sql.functions.col;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.sparkssm.jobs.Splits;
import org.sparkssm.jobs.experiment.Findings.Verdict;
import org.sparkssm.jobs.report.Axis;
import org.sparkssm.jobs.report.Plot;
import org.sparkssm.spark.SequenceDataSet;

/** What stacking diagonal blocks wins back: words of more letters against number of blocks. */
final class StackingExperiment implements Experiment {
  private static final int LENGTH = 20;
  private static final double VALIDATION = 0.2;

  /** Error over the labels' deviation up to which the words count as learned. */
  private static final double LEARNED = 0.2;

  private static final int BATCH = 32;
  private static final int MICRO_SHARDS = 2;
  private static final double LEARNING_RATE = 0.004;

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
        + " that words need grows with their letters. One dense block has all of them.";
  }

  @Override
  public String setting(Scale scale) {
    return ("%,d paths of %d steps and n channels, a fifth held back; label: S^(1,2) + ... +"
            + " S^(1,...,n), each over its deviation, since the longest word alone is uncorrelated"
            + " to all that is simpler, and gradients find it only from its prefixes (the staircase"
            + " of Abbe et al. 2022, arXiv 2202.08658); Mamba blocks of state %d, or one dense Linear"
            + " CDE block of state %d, of width %d, norms and no activation between them, %d epoch%s of"
            + " AdamW in batches of %d, learning rate %s with warm-up and cosine, %d seed%s.")
        .formatted(
            count(scale),
            LENGTH,
            state(scale),
            denseState(scale),
            width(scale),
            epochs(scale),
            epochs(scale) == 1 ? "" : "s",
            BATCH,
            LEARNING_RATE,
            seeds(scale),
            seeds(scale) == 1 ? "" : "s");
  }

  private static long count(Scale scale) {
    return scale.pick(500L, 100_000L, 100_000L);
  }

  private static int letters(Scale scale) {
    return scale.pick(3, 5, 5);
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
    return scale.pick(1, 10, 30);
  }

  private static int seeds(Scale scale) {
    return scale.pick(1, 2, 5);
  }

  private static int denseState(Scale scale) {
    return scale.pick(8, 64, 64);
  }

  @Override
  public List<Cell> cells(Scale scale) {
    List<Cell> cells = new ArrayList<>();
    for (int seed = 1; seed <= seeds(scale); seed++) {
      for (int letters = 2; letters <= letters(scale); letters++) {
        // 0 blocks: the dense one
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
    boolean dense = cell.word("model").equals("linear-cde");
    SequenceDataSet longest = labelledBy(letters, letters, scale, workbench);
    Dataset<Row> rows = staircase(letters, scale, workbench);
    Splits splits = new Splits(VALIDATION, cell.integer("seed"), null);
    ObjectNode values =
        workbench.train(
            longest,
            rows,
            Models.regression(
                cell.word("model"),
                cell.integer("blocks"),
                "none",
                "rms",
                width(scale),
                dense ? denseState(scale) : state(scale)),
            new Workbench.Recipe(
                epochs(scale),
                BATCH,
                LEARNING_RATE,
                VALIDATION,
                MICRO_SHARDS,
                Workbench.Recipe.WARMUP,
                cell.integer("seed")));
    double deviation = Workbench.labelDeviation(splits.rows(rows, "validation"));
    values.put("labelDeviation", deviation);
    values.put("error", values.path("rmse").asDouble() / deviation);
    return values;
  }

  /** Paths labelled by the sum of the words 12, 123, ..., each over its deviation. */
  private static Dataset<Row> staircase(int letters, Scale scale, Workbench workbench) {
    Dataset<Row> rows = null;
    for (int word = 2; word <= letters; word++) {
      Dataset<Row> of = labelledBy(word, letters, scale, workbench).rows();
      Column part = col("label").divide(Workbench.labelDeviation(of));
      // the paths of an id are the same whatever the word
      rows =
          rows == null
              ? of.withColumn("label", part)
              : rows.join(of.select(col("id"), part.as("part")), "id")
                  .withColumn("label", col("label").plus(col("part")))
                  .drop("part");
    }
    return rows;
  }

  private static SequenceDataSet labelledBy(
      int word, int channels, Scale scale, Workbench workbench) {
    List<Integer> letters = IntStream.rangeClosed(1, word).boxed().toList();
    return workbench.data("word", count(scale), LENGTH, letters, channels, 1);
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
              Models.curve(
                  plot, letters + " letters", runs.by("blocks"), run -> run.number("error"));
              rows.add(row(letters, runs, results, scale));
              needed.add(needed(runs, scale));
            });
    findings.figure(
        "stacking",
        "Error of stacks of Mamba blocks for words of up to so many letters, lowest to highest over"
            + " the seeds.",
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
    boolean learned = needed.stream().anyMatch(count -> count <= blocks(scale));
    boolean spread = !needed.isEmpty() && needed.get(needed.size() - 1) > needed.get(0);
    findings.claim(
        "The number of Mamba blocks that words need grows with their letters.",
        learned && needed.size() > 1 ? Verdict.of(grows && spread) : Verdict.OPEN,
        "fewest blocks with an error below %.0f %% of the labels' deviation for up to 2, 3, ... letters: %s; errors above that changed by at most %.1f %% over the last quarter of the training"
            .formatted(100 * LEARNED, words(needed, scale), 100 * latestChange(stacks)));
    Results dense = results.where("model", "linear-cde");
    findings.claim(
        "One dense block learns all words tried.",
        dense.isEmpty() ? Verdict.OPEN : Verdict.of(dense.band("error").high() < LEARNED),
        "errors over the labels' deviation %s".formatted(dense.band("error").percent()));
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

  private static List<String> row(String letters, Results runs, Results all, Scale scale) {
    List<String> row = new ArrayList<>(List.of(letters));
    for (int blocks = 1; blocks <= blocks(scale); blocks++) {
      Results of = runs.where("blocks", blocks);
      row.add(of.isEmpty() ? "" : of.band("error").percent());
    }
    Results dense = all.where("model", "linear-cde").where("letters", letters);
    row.add(dense.isEmpty() ? "" : dense.band("error").percent());
    return row;
  }
}
