package org.sparkssm.jobs.experiment;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.sparkssm.jobs.experiment.Findings.Verdict;
import org.sparkssm.jobs.experiment.Results.Band;
import org.sparkssm.jobs.report.Axis;
import org.sparkssm.jobs.report.Plot;
import org.sparkssm.spark.SequenceDataSet;

/** What input-dependent transitions are for: copying by content, and counting modulo 2. */
final class SelectivityExperiment implements Experiment {
  private static final double VALIDATION = 0.1;
  private static final double SOLVED = 0.9;
  private static final String COPY = "selective-copy";
  private static final String PARITY = "parity";

  /** Share of right tokens by guessing: 16 tokens to copy, two classes of parity. */
  private static final Map<String, Double> CHANCE = Map.of(COPY, 1 / 16.0, PARITY, 0.5);

  /**
   * A model of one task.
   *
   * @param options further ones of the layer, as JSON
   * @param solves what theory expects
   * @param published accuracy on selective copying of 16 tokens in 4096 (arXiv 2312.00752, table
   *     1); empty where there is none
   */
  private record Model(
      String task,
      String name,
      String layer,
      String options,
      int blocks,
      boolean solves,
      String published) {}

  private static final String TOKENS = "{\"control\":\"tokens\",\"step\":1,\"solver\":\"euler\"}";

  private static final List<Model> MODELS =
      List.of(
          new Model(COPY, "S4D", "s4d", "{}", 2, false, "18.3 % (S4)"),
          new Model(COPY, "Mamba", "mamba", "{}", 2, true, "99.8 %"),
          new Model(COPY, "GLA", "gla", "{}", 2, true, ""),
          new Model(COPY, "attention", "attention", "{}", 2, true, ""),
          new Model(PARITY, "S4D", "s4d", "{}", 1, false, ""),
          new Model(PARITY, "Mamba", "mamba", "{}", 1, false, ""),
          new Model(PARITY, "GLA", "gla", "{}", 1, false, ""),
          new Model(PARITY, "GateLoop", "gateloop", "{}", 1, true, ""),
          new Model(PARITY, "DeltaNet", "delta-net", "{}", 1, false, ""),
          new Model(PARITY, "DeltaNet, negative", "delta-net", "{\"negative\":true}", 1, true, ""),
          new Model(PARITY, "Linear CDE", "linear-cde", TOKENS, 1, true, ""));

  @Override
  public String name() {
    return "selectivity";
  }

  @Override
  public String title() {
    return "Selective copying and parity";
  }

  @Override
  public String hypothesis() {
    return "A fixed transition filters all tokens alike, so it cannot copy tokens from places that"
        + " differ from sequence to sequence; transitions that depend on the input can. Parity"
        + " needs more than selectivity: a transition that can change sign. Positive diagonal"
        + " transitions (Mamba, GLA) cannot count modulo 2 at this length with one block; complex"
        + " ones, reflections and dense ones can.";
  }

  @Override
  public String setting(Scale scale) {
    return ("%,d sequences; selective copying of 4 out of 16 tokens from %d steps with two blocks,"
            + " parity of every prefix of %d bits with one; width %d, norms, GLU, %d epochs of AdamW in"
            + " batches of 64, learning rate 0.003 with warm-up and cosine, %d seed%s. Accuracy is that"
            + " of single steps of held-out sequences. Published figures are for 16 tokens in 4,096"
            + " steps.")
        .formatted(
            count(scale),
            copyLength(scale),
            parityLength(scale),
            width(scale),
            epochs(scale),
            seeds(scale),
            seeds(scale) == 1 ? "" : "s");
  }

  private static long count(Scale scale) {
    return scale.pick(500L, 20_000L, 100_000L);
  }

  private static int copyLength(Scale scale) {
    return scale.pick(16, 64, 256);
  }

  private static int parityLength(Scale scale) {
    return scale.pick(8, 40, 100);
  }

  private static int width(Scale scale) {
    return scale.pick(16, 32, 64);
  }

  private static int epochs(Scale scale) {
    return scale.pick(1, 30, 100);
  }

  private static int seeds(Scale scale) {
    return scale.pick(1, 2, 5);
  }

  @Override
  public List<Cell> cells(Scale scale) {
    List<Cell> cells = new ArrayList<>();
    for (int seed = 1; seed <= seeds(scale); seed++) {
      for (Model model : MODELS) {
        cells.add(Cell.of("task", model.task(), "model", model.name(), "seed", seed));
      }
    }
    return cells;
  }

  @Override
  public ObjectNode run(Cell cell, Scale scale, Workbench workbench) {
    String task = cell.word("task");
    int length = task.equals(COPY) ? copyLength(scale) : parityLength(scale);
    SequenceDataSet data = workbench.data(task, count(scale), length, List.of(), 1);
    Model model =
        MODELS.stream()
            .filter(one -> one.task().equals(task) && one.name().equals(cell.word("model")))
            .findFirst()
            .orElseThrow();
    ObjectNode spec =
        Models.tokens(model.layer(), model.options(), model.blocks(), "glu", width(scale));
    return workbench.train(
        data,
        spec,
        new Workbench.Recipe(epochs(scale), 64, 0.003, VALIDATION, cell.integer("seed")));
  }

  @Override
  public Findings conclude(Results results, Scale scale) {
    Findings findings = new Findings();
    List<List<String>> rows = new ArrayList<>();
    for (String task : List.of(COPY, PARITY)) {
      figure(findings, task, results.where("task", task));
    }
    for (Model model : MODELS) {
      Results runs = results.where("task", model.task()).where("model", model.name());
      if (!runs.isEmpty()) {
        rows.add(
            List.of(
                model.task(),
                model.name(),
                Integer.toString(model.blocks()),
                runs.band("accuracy").percent(),
                Band.of(CHANCE.get(model.task())).percent(),
                model.published()));
      }
      findings.claim(
          "%s with %d block%s %s %s."
              .formatted(
                  model.name(),
                  model.blocks(),
                  model.blocks() == 1 ? "" : "s",
                  model.solves() ? "solves" : "does not solve",
                  model.task().equals(COPY) ? "selective copying" : PARITY),
          verdict(runs, model.solves()),
          runs.isEmpty()
              ? "cells are missing"
              : "accuracy %s, changed by at most %.1f points over the last quarter of the training; solved from %.0f %%, chance is %s"
                  .formatted(
                      runs.band("accuracy").percent(),
                      100
                          * runs.band(run -> Models.lateChange(run.numbers("accuracyHistory")))
                              .high(),
                      100 * SOLVED,
                      Band.of(CHANCE.get(model.task())).percent()));
    }
    findings.table(
        "Accuracy over the seeds.",
        List.of("task", "model", "blocks", "accuracy", "chance", "published"),
        rows,
        2);
    return findings;
  }

  /** Open where some seeds solve the task and others do not. */
  private static Verdict verdict(Results runs, boolean solves) {
    Band accuracy = runs.band("accuracy");
    boolean all = accuracy.low() >= SOLVED;
    boolean none = accuracy.high() < SOLVED;
    return all || none ? Verdict.of(all == solves) : Verdict.OPEN;
  }

  private static void figure(Findings findings, String task, Results results) {
    TreeSet<Integer> epochs = new TreeSet<>(List.of(1));
    results.all().forEach(run -> epochs.add(run.numbers("epochs").length));
    Plot plot =
        new Plot(
            "accuracy on " + task + " during training",
            Axis.between("epoch", 0, epochs.last()),
            Axis.between("accuracy", 0, 1));
    results.by("model").forEach((name, runs) -> Models.curve(plot, name, runs, "accuracyHistory"));
    plot.level("chance", CHANCE.get(task));
    findings.figure(
        "selectivity-" + task,
        "Accuracy on " + task + " during training, lowest to highest over the seeds.",
        plot);
  }
}
