package org.sparkssm.jobs.experiment;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.spark.ml.Transformer;
import org.sparkssm.jobs.Splits;
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
  private static final String CONTROL = "end point";

  /** States of S5, which all channels share, over those that others have in each channel. */
  private static final int SHARED_STATES = 4;

  private static final double LEARNING_RATE = 0.002;
  private static final int MICRO_SHARDS = 2;

  /** A trained model, with the published range of the final error for area and volume. */
  private record Trained(
      String name, String layer, int blocks, String activation, Band area, Band volume) {
    Band published(String task) {
      return task.equals("area") ? area : volume;
    }
  }

  private static final Band LABELS_AREA = Band.of(0.112);
  private static final Band LABELS_VOLUME = Band.of(0.0585);

  private static final String MAMBA_1 = "Mamba, 1 block";
  private static final String MAMBA_2 = "Mamba, 2 blocks";
  private static final String S4_1 = "S4D, 1 block";
  private static final String S4_2 = "S4D, 2 blocks";
  private static final String S4_GLU = "S4D, 2 blocks, GLU";

  private static final List<Trained> TRAINED =
      List.of(
          new Trained(
              MAMBA_2, "mamba", 2, "none", Band.of(0.0010, 0.0022), Band.of(0.0031, 0.0055)),
          new Trained(S4_GLU, "s4d", 2, "glu", Band.of(0.0140, 0.0153), Band.of(0.0190, 0.0202)),
          new Trained(MAMBA_1, "mamba", 1, "none", Band.of(0.019, 0.024), Band.of(0.032, 0.043)),
          new Trained(S4_2, "s4d", 2, "none", LABELS_AREA, LABELS_VOLUME),
          new Trained(S4_1, "s4d", 1, "none", LABELS_AREA, LABELS_VOLUME),
          new Trained(
              "S5, 2 blocks, GLU",
              "s5",
              2,
              "glu",
              Band.of(0.0010, 0.0013),
              Band.of(0.0035, 0.0099)),
          new Trained(
              "Mamba, 2 blocks, GLU",
              "mamba",
              2,
              "glu",
              Band.of(0.0013, 0.0023),
              Band.of(0.0031, 0.0053)));

  private static final String SIGNATURE = "signature, depth 3";
  private static final String KERNEL = "signature kernel, ridge";

  /** Random Linear CDEs by the scale of their transitions; 1 is the paper's. */
  private static final Map<String, Double> CDE_SCALINGS = new LinkedHashMap<>();

  private static final String CDE = "Linear CDE, random";

  static {
    CDE_SCALINGS.put("Linear CDE, random, A / 16", 0.0625);
    CDE_SCALINGS.put(CDE, 1.0);
    CDE_SCALINGS.put("Linear CDE, random, A / 4", 0.25);
  }

  /** Other learning rates for the model that is said to learn nothing, as factors. */
  private static final Map<String, Double> TUNED = new LinkedHashMap<>();

  static {
    TUNED.put("S4D, 2 blocks, rate x 4", 4.0);
    TUNED.put("S4D, 2 blocks, rate / 4", 0.25);
  }

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
        + (" state %d (S5: %d, shared by all channels), no norms, %d epochs of AdamW in batches of %d, learning"
                + " rate %s with warm-up and cosine, gradients clipped at 1, %d seed%s each;"
                + " signature kernel on %,d paths. Published figures are from a million steps.")
            .formatted(
                state(scale),
                SHARED_STATES * state(scale),
                epochs(scale),
                batch(scale),
                LEARNING_RATE,
                seeds(scale),
                seeds(scale) == 1 ? "" : "s",
                kernelRows(scale))
        + " Linear CDE of state %d, RK4.".formatted(scale.pick(64, CDE_STATE, CDE_STATE));
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
    return scale.pick(2, 20, 200);
  }

  private static int batch(Scale scale) {
    return scale.pick(32, 16, 64);
  }

  private static int seeds(Scale scale) {
    return scale.pick(1, 2, 5);
  }

  private static int kernelRows(Scale scale) {
    return scale.pick(100, 1_500, 4_000);
  }

  @Override
  public List<Cell> cells(Scale scale) {
    List<Cell> cells = new ArrayList<>();
    for (int seed = 1; seed <= seeds(scale); seed++) {
      for (Trained model : TRAINED) {
        for (String task : TASKS) {
          cells.add(Cell.of("task", task, "model", model.name(), "seed", seed));
        }
      }
      for (String model : CDE_SCALINGS.keySet()) {
        for (String task : TASKS) {
          cells.add(Cell.of("task", task, "model", model, "seed", seed));
        }
      }
    }
    for (String task : TASKS) {
      for (String model : TUNED.keySet()) {
        cells.add(Cell.of("task", task, "model", model, "seed", 1));
      }
      cells.add(Cell.of("task", task, "model", SIGNATURE, "seed", 1));
      cells.add(Cell.of("task", task, "model", KERNEL, "seed", 1));
    }
    // the positive control: the end point of a path is a linear filter of its increments
    cells.add(Cell.of("task", CONTROL, "model", S4_1, "seed", 1));
    cells.add(Cell.of("task", CONTROL, "model", S4_2, "seed", 1));
    return cells;
  }

  @Override
  public ObjectNode run(Cell cell, Scale scale, Workbench workbench) {
    String task = cell.word("task");
    SequenceDataSet data =
        task.equals(CONTROL)
            ? workbench.data("word", count(scale), LENGTH, List.of(1), 1)
            : workbench.data(task, count(scale), LENGTH, List.of(), 1);
    String model = cell.word("model");
    long seed = cell.integer("seed");
    int channels = data.manifest().channels().size();
    if (model.equals(KERNEL)) {
      return new KernelRidge(workbench.spark(), channels)
          .fit(
              data.rows(),
              new Splits(VALIDATION, SPLIT_SEED, null),
              kernelRows(scale),
              kernelRows(scale));
    }
    if (model.equals(SIGNATURE) || CDE_SCALINGS.containsKey(model)) {
      Transformer features =
          model.equals(SIGNATURE)
              ? new SignatureTransformer().setChannels(channels).setDepth(3).setTransforms("time")
              : new RandomLinearCde()
                  .setChannels(channels)
                  .setStateSize(scale.pick(64, CDE_STATE, CDE_STATE))
                  .setSolver("rk4")
                  .setScaling(CDE_SCALINGS.get(model))
                  .setSeed(seed);
      return workbench.readOut(data, features::transform, VALIDATION, SPLIT_SEED);
    }
    String known = TUNED.containsKey(model) ? S4_2 : model;
    Trained trained =
        TRAINED.stream().filter(one -> one.name().equals(known)).findFirst().orElseThrow();
    ObjectNode values =
        workbench.train(
            data,
            Models.regression(
                trained.layer(),
                trained.blocks(),
                trained.activation(),
                "none",
                width(scale),
                trained.layer().equals("s5") ? SHARED_STATES * state(scale) : state(scale)),
            new Workbench.Recipe(
                epochs(scale),
                batch(scale),
                LEARNING_RATE * TUNED.getOrDefault(model, 1.0),
                VALIDATION,
                MICRO_SHARDS,
                Workbench.Recipe.WARMUP,
                seed));
    values.put("labelDeviation", workbench.labelDeviation(data, VALIDATION, seed));
    return values;
  }

  @Override
  public Findings conclude(Results results, Scale scale) {
    Findings findings = new Findings();
    String cde = chosenCde(results);
    for (String task : TASKS) {
      Results of = results.where("task", task);
      table(findings, task, of);
      figure(findings, task, of, cde);
    }
    claims(findings, results, cde);
    return findings;
  }

  private static void table(Findings findings, String task, Results results) {
    List<List<String>> rows = new ArrayList<>();
    results
        .by("model")
        .forEach(
            (model, runs) -> {
              Band error = runs.band("rmse");
              Band relative = relative(runs);
              rows.add(
                  List.of(
                      model,
                      error.text(Axis::text),
                      "%.1f %%".formatted(100 * relative.mean()),
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
    if (CDE_SCALINGS.containsKey(model)) {
      return CDE_PUBLISHED.get(task).text(Axis::text);
    }
    return TRAINED.stream()
        .filter(known -> known.name().equals(model))
        .map(known -> known.published(task).text(Axis::text))
        .findFirst()
        .orElse("");
  }

  private static void figure(Findings findings, String task, Results results, String cde) {
    List<Double> errors = new ArrayList<>();
    results.where("model", cde).all().forEach(run -> errors.add(run.number("rmse")));
    for (Trained model : TRAINED) {
      results.where("model", model.name()).all().forEach(run -> errors.add(run.number("rmse")));
      errors.add(model.published(task).low());
      errors.add(model.published(task).high());
    }
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
            Axis.between("epoch", 0, 1.2 * epochs),
            Axis.logarithmic(
                "validation RMSE", errors.stream().mapToDouble(Double::doubleValue).toArray()));
    double at = epochs;
    for (Trained model : TRAINED) {
      Results runs = results.where("model", model.name());
      if (!runs.isEmpty()) {
        Models.curve(plot, model.name(), runs, "rmseHistory");
        at += 0.025 * epochs;
        plot.reference(at, model.published(task).low(), model.published(task).high());
      }
    }
    level(plot, cde, results.where("model", cde));
    findings.figure(
        "toy-" + task,
        "Validation error for "
            + task
            + " during training, lowest to highest over the seeds; dashed: a random Linear CDE of which"
            + " only the readout is fitted; bars at the right: published.",
        plot);
  }

  private static void level(Plot plot, String name, Results results) {
    if (!results.isEmpty()) {
      plot.level(name, results.band("rmse").mean());
    }
  }

  private static void claims(Findings findings, Results results, String cde) {
    solved(
        findings,
        results,
        "One random dense Linear CDE block solves area and volume (%s; the scale of A is chosen by the training error)."
            .formatted(cde),
        cde,
        true);
    solved(findings, results, "One Mamba block does not solve them.", MAMBA_1, false);
    solved(findings, results, "Two Mamba blocks do.", MAMBA_2, true);
    blind(findings, results, S4_1);
    blind(findings, results, S4_2);
    for (String model : List.of(S4_1, S4_2)) {
      Results control = results.where("task", CONTROL).where("model", model);
      if (!control.isEmpty()) {
        double relative = relative(control).mean();
        findings.claim(
            model + " does learn a linear filter, the end point of the path (positive control).",
            Verdict.of(relative < SOLVED),
            "relative error %.1f %%".formatted(100 * relative));
      }
    }
    reached(findings, results, cde, CDE_PUBLISHED);
    for (Trained model : TRAINED) {
      reached(
          findings, results, model.name(), Map.of("area", model.area(), "volume", model.volume()));
    }
  }

  /** The scaling whose training error, relative and summed over the tasks, is least. */
  private static String chosenCde(Results results) {
    String chosen = CDE;
    double least = Double.POSITIVE_INFINITY;
    for (String model : CDE_SCALINGS.keySet()) {
      double sum = 0;
      for (String task : TASKS) {
        sum +=
            results
                .where("model", model)
                .where("task", task)
                .band(run -> run.number("trainingRmse") / run.number("labelDeviation"))
                .mean();
      }
      if (sum < least) {
        least = sum;
        chosen = model;
      }
    }
    return chosen;
  }

  /**
   * Errors against the published ones, in the same units: labels divided by their largest value.
   */
  private static void reached(
      Findings findings, Results results, String model, Map<String, Band> published) {
    StringBuilder evidence = new StringBuilder();
    boolean complete = true;
    boolean within = true;
    for (String task : TASKS) {
      Results runs = results.where("model", model).where("task", task);
      complete &= !runs.isEmpty();
      if (!runs.isEmpty()) {
        Band error = runs.band("rmse");
        within &= error.mean() <= TOLERATED * published.get(task).high();
        evidence.append(
            "%s%s %s, published %s"
                .formatted(
                    evidence.isEmpty() ? "" : "; ",
                    task,
                    error.text(Axis::text),
                    published.get(task).text(Axis::text)));
      }
    }
    findings.claim(
        "%s is not above %s times its published error.".formatted(model, TOLERATED),
        complete ? Verdict.of(within) : Verdict.OPEN,
        complete ? evidence.toString() : evidence + " (cells are missing)");
  }

  /** Errors up to this many times the published ones count as reproduced. */
  private static final double TOLERATED = 1.5;

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

  /** Held to the rule that a negative result needs the same steps, other rates, and a plateau. */
  private static void blind(Findings findings, Results results, String model) {
    String claim = model + " without non-linearity learns nothing of area and volume.";
    List<Result> runs = new ArrayList<>();
    boolean complete = true;
    for (String task : TASKS) {
      Results all = results.where("task", task);
      complete &= !all.where("model", model).isEmpty();
      runs.addAll(all.where("model", model).all());
      for (String tuned : model.equals(S4_2) ? TUNED.keySet() : List.<String>of()) {
        runs.addAll(all.where("model", tuned).all());
      }
    }
    if (!complete) {
      findings.claim(claim, Verdict.OPEN, "cells are missing");
      return;
    }
    Results tried = new Results(runs);
    Band relative = relative(tried);
    Band change = tried.band(ToyExperiment::lateChange);
    findings.claim(
        claim,
        Verdict.of(relative.low() > 0.95 && relative.high() < 1.05 && change.high() < 0.02),
        "error over the labels' deviation %s in %d runs; over the last quarter of the training it changed by at most %.2f %%"
            .formatted(relative.text(Axis::text), runs.size(), 100 * change.high()));
  }

  /** {@link Models#lateChange} of the error, as a share of what it was. */
  private static double lateChange(Result run) {
    double[] errors = run.numbers("rmseHistory");
    return Models.lateChange(errors) / Models.atThreeQuarters(errors);
  }
}
