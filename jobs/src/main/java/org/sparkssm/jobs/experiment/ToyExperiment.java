package org.sparkssm.jobs.experiment;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.spark.ml.Transformer;
import org.sparkssm.jobs.experiment.Findings.Verdict;
import org.sparkssm.jobs.experiment.Results.Band;
import org.sparkssm.jobs.report.Axis;
import org.sparkssm.jobs.report.Plot;
import org.sparkssm.ml.RandomLinearCde;
import org.sparkssm.ml.SignatureTransformer;
import org.sparkssm.spark.SequenceDataSet;

/**
 * The figure of the paper (arXiv 2402.19047): which models learn the area and the volume that a
 * path sweeps, and how the error falls during training.
 */
final class ToyExperiment implements Experiment {
  private static final List<String> TASKS = List.of("area", "volume");
  private static final int LENGTH = 100;
  private static final double VALIDATION = 0.2;
  private static final long SPLIT_SEED = 0;
  private static final int CDE_STATE = 256;
  private static final double SMALL_SCALING = 0.0625;

  /** A trained model, with the published range of the final error for area and volume. */
  private record Trained(
      String name, String layer, int blocks, String activation, Band area, Band volume) {
    Band published(String task) {
      return task.equals("area") ? area : volume;
    }
  }

  private static final Band LABELS_AREA = Band.of(0.112);
  private static final Band LABELS_VOLUME = Band.of(0.0585);

  private static final List<Trained> TRAINED =
      List.of(
          new Trained(
              "Mamba, 1 block", "mamba", 1, "none", Band.of(0.019, 0.024), Band.of(0.032, 0.043)),
          new Trained(
              "Mamba, 2 blocks",
              "mamba",
              2,
              "none",
              Band.of(0.0010, 0.0022),
              Band.of(0.0031, 0.0055)),
          new Trained(
              "Mamba, 2 blocks, GLU",
              "mamba",
              2,
              "glu",
              Band.of(0.0013, 0.0023),
              Band.of(0.0031, 0.0053)),
          new Trained("S4D, 1 block", "s4d", 1, "none", LABELS_AREA, LABELS_VOLUME),
          new Trained("S4D, 2 blocks", "s4d", 2, "none", LABELS_AREA, LABELS_VOLUME),
          new Trained(
              "S4D, 2 blocks, GLU",
              "s4d",
              2,
              "glu",
              Band.of(0.0140, 0.0153),
              Band.of(0.0190, 0.0202)),
          new Trained(
              "S5, 2 blocks, GLU",
              "s5",
              2,
              "glu",
              Band.of(0.0010, 0.0013),
              Band.of(0.0035, 0.0099)));

  private static final String CDE = "Linear CDE, random";
  private static final String SMALL_CDE = "Linear CDE, random, small A";
  private static final String SIGNATURE = "signature, depth 3";
  private static final Map<String, Band> CDE_PUBLISHED =
      Map.of("area", Band.of(0.00017, 0.00022), "volume", Band.of(0.0064, 0.0073));

  @Override
  public String name() {
    return "toy";
  }

  @Override
  public String title() {
    return "Area and volume of paths";
  }

  @Override
  public String hypothesis() {
    return "A dense Linear CDE with one random block and a linear readout solves both tasks, since"
        + " its state is a random projection of the signature. One diagonal selective block (Mamba)"
        + " does not, two do. Time-invariant blocks (S4D) without a non-linearity see a linear"
        + " filter of the path and learn nothing about its area, however many there are.";
  }

  @Override
  public String setting(Scale scale) {
    return "%,d paths of %d steps, a fifth held back for validation; trained models of width %d and"
            .formatted(count(scale), LENGTH, width(scale))
        + " state %d, %d epochs in batches of %d, %d seed%s each; Linear CDE of state %d, RK4."
            .formatted(
                state(scale),
                epochs(scale),
                batch(scale),
                seeds(scale),
                seeds(scale) == 1 ? "" : "s",
                CDE_STATE);
  }

  private static long count(Scale scale) {
    return scale.pick(2_000L, 100_000L, 100_000L);
  }

  private static int width(Scale scale) {
    return scale.pick(16, 32, 64);
  }

  private static int state(Scale scale) {
    return scale.pick(8, 16, 64);
  }

  private static int epochs(Scale scale) {
    return scale.pick(2, 25, 200);
  }

  private static int batch(Scale scale) {
    return scale.pick(32, 64, 64);
  }

  private static int seeds(Scale scale) {
    return scale.pick(1, 2, 5);
  }

  @Override
  public List<Cell> cells(Scale scale) {
    List<Cell> cells = new ArrayList<>();
    for (String task : TASKS) {
      cells.add(Cell.of("task", task, "model", SIGNATURE, "seed", 1));
      for (int seed = 1; seed <= seeds(scale); seed++) {
        cells.add(Cell.of("task", task, "model", CDE, "seed", seed));
        cells.add(Cell.of("task", task, "model", SMALL_CDE, "seed", seed));
      }
    }
    for (int seed = 1; seed <= seeds(scale); seed++) {
      for (Trained model : TRAINED) {
        for (String task : TASKS) {
          cells.add(Cell.of("task", task, "model", model.name(), "seed", seed));
        }
      }
    }
    // the positive control: the end point of a path is a linear filter of its increments
    cells.add(Cell.of("task", "end point", "model", "S4D, 1 block", "seed", 1));
    return cells;
  }

  @Override
  public ObjectNode run(Cell cell, Scale scale, Workbench workbench) {
    String task = cell.word("task");
    SequenceDataSet data =
        task.equals("end point")
            ? workbench.data("word", count(scale), LENGTH, List.of(1), 1)
            : workbench.data(task, count(scale), LENGTH, List.of(), 1);
    String model = cell.word("model");
    long seed = cell.integer("seed");
    int channels = data.manifest().channels().size();
    Transformer features =
        switch (model) {
          case SIGNATURE ->
              new SignatureTransformer()
                  .setChannels(channels)
                  .setDepth(3)
                  .setTransforms("time,basepoint");
          case CDE, SMALL_CDE ->
              new RandomLinearCde()
                  .setChannels(channels)
                  .setStateSize(scale.pick(64, CDE_STATE, CDE_STATE))
                  .setSolver("rk4")
                  .setScaling(model.equals(CDE) ? 1 : SMALL_SCALING)
                  .setSeed(seed);
          default -> null;
        };
    if (features != null) {
      return workbench.readOut(data, features, VALIDATION, SPLIT_SEED);
    }
    Trained trained =
        TRAINED.stream().filter(known -> known.name().equals(model)).findFirst().orElseThrow();
    ObjectNode values =
        workbench.train(
            data,
            Models.regression(
                trained.layer(),
                trained.blocks(),
                trained.activation(),
                width(scale),
                state(scale)),
            new Workbench.Recipe(epochs(scale), batch(scale), 0.003, VALIDATION, seed));
    values.put("labelDeviation", workbench.labelDeviation(data, VALIDATION, seed));
    return values;
  }

  @Override
  public Findings conclude(Results results, Scale scale) {
    Findings findings = new Findings();
    for (String task : TASKS) {
      Results of = results.where("task", task);
      table(findings, task, of);
      figure(findings, task, of);
    }
    claims(findings, results);
    return findings;
  }

  private static void table(Findings findings, String task, Results results) {
    List<List<String>> rows = new ArrayList<>();
    results
        .by("model")
        .forEach(
            (model, runs) -> {
              Band error = runs.band("rmse");
              Band relative =
                  runs.band(run -> 100 * run.number("rmse") / run.number("labelDeviation"));
              rows.add(
                  List.of(
                      model,
                      text(error),
                      "%.1f %%".formatted(relative.mean()),
                      published(task, model),
                      "%.0f".formatted(runs.band(Result::seconds).mean())));
            });
    findings.table(
        "Validation RMSE for " + task + " over the seeds, and relative to the labels' deviation.",
        List.of("model", "RMSE", "relative", "published", "seconds"),
        rows,
        1);
  }

  private static String published(String task, String model) {
    if (model.equals(CDE)) {
      return text(CDE_PUBLISHED.get(task));
    }
    return TRAINED.stream()
        .filter(known -> known.name().equals(model))
        .map(known -> text(known.published(task)))
        .findFirst()
        .orElse("");
  }

  private static String text(Band band) {
    String low = Axis.text(band.low());
    String high = Axis.text(band.high());
    return low.equals(high) ? low : low + " to " + high;
  }

  private static void figure(Findings findings, String task, Results results) {
    List<Double> errors = new ArrayList<>();
    results.all().forEach(run -> errors.add(run.number("rmse")));
    int epochs = 1;
    for (Result run : results.all()) {
      if (run.values().has("rmseHistory")) {
        for (double error : run.numbers("rmseHistory")) {
          errors.add(error);
        }
        epochs = Math.max(epochs, run.numbers("epochs").length);
      }
    }
    Plot plot =
        new Plot(
            "validation error of " + task + " during training",
            Axis.between("epoch", 0, epochs),
            Axis.logarithmic(
                "validation RMSE", errors.stream().mapToDouble(Double::doubleValue).toArray()));
    for (Trained model : TRAINED) {
      Results runs = results.where("model", model.name());
      if (!runs.isEmpty()) {
        curve(plot, model.name(), runs);
      }
    }
    level(plot, "random Linear CDE, readout only", results.where("model", CDE));
    level(plot, "the same, small A", results.where("model", SMALL_CDE));
    findings.figure(
        "toy-" + task,
        "Validation error for "
            + task
            + " during training, lowest to highest over the seeds; dashed: models without training.",
        plot);
  }

  private static void level(Plot plot, String name, Results results) {
    if (!results.isEmpty()) {
      plot.level(name, results.band("rmse").mean());
    }
  }

  private static void curve(Plot plot, String name, Results runs) {
    int epochs =
        runs.all().stream().mapToInt(run -> run.numbers("rmseHistory").length).min().orElse(0);
    double[] xs = new double[epochs];
    double[] lows = new double[epochs];
    double[] means = new double[epochs];
    double[] highs = new double[epochs];
    for (int k = 0; k < epochs; k++) {
      int at = k;
      Band band = runs.band(run -> run.numbers("rmseHistory")[at]);
      xs[k] = k + 1;
      lows[k] = band.low();
      means[k] = band.mean();
      highs[k] = band.high();
    }
    plot.band(xs, lows, highs).line(name, xs, means);
  }

  private static void claims(Findings findings, Results results) {
    solved(
        findings, results, "One random dense Linear CDE block solves area and volume.", CDE, true);
    solved(findings, results, "One Mamba block does not solve them.", "Mamba, 1 block", false);
    solved(findings, results, "Two Mamba blocks do.", "Mamba, 2 blocks", true);
    blind(findings, results, "S4D, 1 block");
    blind(findings, results, "S4D, 2 blocks");
    Results control = results.where("task", "end point");
    if (!control.isEmpty()) {
      double relative = relative(control).mean();
      findings.claim(
          "S4D does learn a linear filter, the end point of the path (positive control).",
          Verdict.of(relative < SOLVED),
          "relative error %.1f %%".formatted(100 * relative));
    }
  }

  /** Relative error up to which a task counts as solved. */
  private static final double SOLVED = 0.15;

  private static Band relative(Results results) {
    return results.band(run -> run.number("rmse") / run.number("labelDeviation"));
  }

  private static void solved(
      Findings findings, Results results, String claim, String model, boolean expected) {
    Results runs = results.where("model", model);
    if (runs.where("task", "area").isEmpty() || runs.where("task", "volume").isEmpty()) {
      findings.claim(claim, Verdict.OPEN, "cells are missing");
      return;
    }
    double area = relative(runs.where("task", "area")).mean();
    double volume = relative(runs.where("task", "volume")).mean();
    boolean both = area < SOLVED && volume < SOLVED;
    findings.claim(
        claim,
        Verdict.of(both == expected),
        "relative error %.1f %% for area and %.1f %% for volume, solved below %.0f %%"
            .formatted(100 * area, 100 * volume, 100 * SOLVED));
  }

  private static void blind(Findings findings, Results results, String model) {
    Results runs = results.where("model", model).where("task", "area");
    String claim = model + " without non-linearity learns nothing of the area.";
    if (runs.isEmpty()) {
      findings.claim(claim, Verdict.OPEN, "cells are missing");
      return;
    }
    Band relative = relative(runs);
    findings.claim(
        claim,
        Verdict.of(relative.low() > 0.95 && relative.high() < 1.05),
        "error over the labels' deviation: " + text(relative));
  }
}
