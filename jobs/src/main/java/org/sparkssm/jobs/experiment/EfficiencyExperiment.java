package org.sparkssm.jobs.experiment;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.DoubleStream;
import org.sparkssm.jobs.experiment.Findings.Verdict;
import org.sparkssm.jobs.experiment.Results.Band;
import org.sparkssm.jobs.report.Axis;
import org.sparkssm.jobs.report.Plot;
import org.sparkssm.ml.RandomLinearCde;
import org.sparkssm.spark.SequenceDataSet;

/** Time and memory of the layers, measured, and what the same error costs. */
final class EfficiencyExperiment implements Experiment {
  private static final int SEQUENCES = 8;
  private static final int LENGTH = 100;
  private static final int BATCH = 32;
  private static final double VALIDATION = 0.2;
  private static final String CDE = "linear-cde, random";
  private static final String ATTENTION = "attention";
  private static final String MAMBA = "mamba";
  private static final String MEMORY = "megabytes";

  private static final Map<String, String> LAYERS = new LinkedHashMap<>();

  static {
    LAYERS.put("linear-cde, dense", "{\"kind\":\"linear-cde\",\"state\":64}");
    LAYERS.put(
        "linear-cde, blocks of 4",
        "{\"kind\":\"linear-cde\",\"state\":64,\"structure\":\"block-diagonal\",\"block\":4}");
    LAYERS.put(MAMBA, "{\"kind\":\"mamba\"}");
    LAYERS.put("gla", "{\"kind\":\"gla\"}");
    LAYERS.put("delta-net", "{\"kind\":\"delta-net\"}");
    LAYERS.put("s4d", "{\"kind\":\"s4d\"}");
    LAYERS.put("lstm", "{\"kind\":\"lstm\"}");
    LAYERS.put(ATTENTION, "{\"kind\":\"attention\"}");
  }

  /** Models that are trained to the same error on area: layer and activation, by name. */
  private static final Map<String, List<String>> TRAINED = new LinkedHashMap<>();

  static {
    TRAINED.put("mamba, 2 blocks", List.of("mamba", "none"));
    TRAINED.put("s5, 2 blocks, GLU", List.of("s5", "glu"));
    TRAINED.put("s4d, 2 blocks, GLU", List.of("s4d", "glu"));
    TRAINED.put("lstm, 2 blocks", List.of("lstm", "none"));
  }

  @Override
  public String name() {
    return "efficiency";
  }

  @Override
  public String title() {
    return "What the layers cost";
  }

  @Override
  public String hypothesis() {
    return "Recurrences take time and memory in proportion to the length, attention takes time with"
        + " its square. Step by step, a recurrence costs the same at every position and keeps a"
        + " state of fixed size, attention slows down and remembers every step. A random dense"
        + " Linear CDE of which only the readout is fitted reaches an error sooner than models that"
        + " are trained.";
  }

  @Override
  public String setting(Scale scale) {
    return ("One block on one core, %d sequences side by side, width %d unless said otherwise; medians"
            + " with quartiles of repeated passes (forward and backward, single precision). Memory is"
            + " that of the pages a pass touches, as Linux counts them, and of the states on the heap"
            + " after a collection. The same error: area of %,d paths, at most %d epochs of the"
            + " recipe of the experiment toy in batches of %d, down to %.0f %% of the labels' deviation.")
        .formatted(
            SEQUENCES, width(scale), count(scale), epochs(scale), BATCH, 100 * target(scale));
  }

  private static int width(Scale scale) {
    return scale.pick(16, 64, 64);
  }

  private static int[] lengths(Scale scale) {
    return scale.pick(
        new int[] {64, 256},
        new int[] {64, 128, 256, 512, 1024, 2048, 4096},
        new int[] {64, 128, 256, 512, 1024, 2048, 4096, 8192});
  }

  private static int[] widths(Scale scale) {
    return scale.pick(
        new int[] {16, 32}, new int[] {16, 32, 64, 128, 256}, new int[] {32, 64, 128, 256, 512});
  }

  private static int widthsLength(Scale scale) {
    return scale.pick(32, 256, 256);
  }

  private static long count(Scale scale) {
    return scale.pick(500L, 20_000L, 100_000L);
  }

  private static int epochs(Scale scale) {
    return scale.pick(1, 30, 50);
  }

  private static double target(Scale scale) {
    return scale.pick(0.99, 0.2, 0.1);
  }

  @Override
  public List<Cell> cells(Scale scale) {
    List<Cell> cells = new ArrayList<>();
    for (String layer : LAYERS.keySet()) {
      for (int length : lengths(scale)) {
        cells.add(Cell.of("part", "length", "layer", layer, "size", length));
      }
      for (int width : widths(scale)) {
        cells.add(Cell.of("part", "width", "layer", layer, "size", width));
      }
      for (int position : lengths(scale)) {
        cells.add(Cell.of("part", "inference", "layer", layer, "size", position));
      }
    }
    cells.add(Cell.of("part", "target", "layer", CDE, "size", 1));
    for (String model : TRAINED.keySet()) {
      cells.add(Cell.of("part", "target", "layer", model, "size", 1));
    }
    return cells;
  }

  @Override
  public ObjectNode run(Cell cell, Scale scale, Workbench workbench) {
    String layer = cell.word("layer");
    int size = cell.integer("size");
    return switch (cell.word("part")) {
      case "length" -> new LayerCost(LAYERS.get(layer), width(scale)).training(SEQUENCES, size);
      case "width" ->
          new LayerCost(LAYERS.get(layer), size).training(SEQUENCES, widthsLength(scale));
      case "inference" -> new LayerCost(LAYERS.get(layer), width(scale)).inference(SEQUENCES, size);
      default -> target(layer, scale, workbench);
    };
  }

  /** Seconds until the error is small enough; absent where it never is. */
  private static ObjectNode target(String layer, Scale scale, Workbench workbench) {
    SequenceDataSet data = workbench.data("area", count(scale), LENGTH, List.of(), 1);
    double deviation = workbench.labelDeviation(data, VALIDATION, 1);
    if (layer.equals(CDE)) {
      long start = System.nanoTime();
      ObjectNode values =
          workbench.readOut(
              data,
              new RandomLinearCde()
                      .setChannels(data.manifest().channels().size())
                      .setStateSize(scale.pick(32, 128, 256))
                      .setSolver("rk4")
                      .setSeed(1)
                  ::transform,
              VALIDATION,
              1);
      values.put("error", values.path("rmse").asDouble() / deviation);
      if (values.path("error").asDouble() <= target(scale)) {
        values.put("secondsToTarget", (System.nanoTime() - start) / 1e9);
      }
      return values;
    }
    List<String> model = TRAINED.get(layer);
    ObjectNode values =
        workbench.train(
            data,
            Models.regression(model.get(0), 2, model.get(1), "none", 32, 16),
            new Workbench.Recipe(epochs(scale), BATCH, 0.002, VALIDATION, 1));
    values.put("error", values.path("rmse").asDouble() / deviation);
    for (int k = 0; k < values.path("rmseHistory").size(); k++) {
      if (values.path("rmseHistory").get(k).asDouble() <= target(scale) * deviation) {
        values.put("secondsToTarget", values.path("secondsAfter").get(k).asDouble());
        break;
      }
    }
    return values;
  }

  @Override
  public Findings conclude(Results results, Scale scale) {
    Findings findings = new Findings();
    int last = lengths(scale)[lengths(scale).length - 1];
    Results byLength = results.where("part", "length");
    Results inference = results.where("part", "inference");
    Results byWidth = results.where("part", "width");
    figure(
        findings, byLength, Curve.timed("training", "length", "nanosecondsPerStep", "ns per step"));
    figure(findings, byLength, Curve.of("training-memory", "length", MEMORY, "MB touched"));
    figure(
        findings,
        byWidth,
        Curve.timed("training-width", "width", "nanosecondsPerStep", "ns per step"));
    figure(findings, inference, Curve.timed("inference", "position", "median", "seconds per step"));
    figure(findings, inference, Curve.of("inference-memory", "position", MEMORY, "MB of state"));
    table(findings, byLength, inference, last);
    slopeClaims(findings, byLength, inference);
    targets(findings, results.where("part", "target"), scale);
    return findings;
  }

  /**
   * A number that the layers take by a size.
   *
   * @param name of the figure, after that of the experiment
   * @param size in words
   * @param value name of the number in a result
   * @param title of the number in words
   * @param quartiles true for a median time, drawn with its quartiles
   */
  private record Curve(String name, String size, String value, String title, boolean quartiles) {
    static Curve of(String name, String size, String value, String title) {
      return new Curve(name, size, value, title, false);
    }

    static Curve timed(String name, String size, String value, String title) {
      return new Curve(name, size, value, title, true);
    }

    Band band(Result run) {
      if (!quartiles) {
        return Band.of(run.number(value));
      }
      double unit = run.number(value) / run.number("median");
      return new Band(
          unit * run.number("lowerQuartile"),
          run.number(value),
          unit * run.number("upperQuartile"));
    }
  }

  /** A number by a size, for the layers for which it was measured. */
  private static void figure(Findings findings, Results results, Curve curve) {
    Results known =
        new Results(results.all().stream().filter(run -> run.values().has(curve.value())).toList());
    if (known.isEmpty()) {
      return;
    }
    double[] extremes =
        known.all().stream()
            .map(curve::band)
            .flatMapToDouble(band -> DoubleStream.of(band.low(), band.high()))
            .toArray();
    Plot plot =
        new Plot(
            curve.title() + " by " + curve.size(),
            Axis.logarithmic(curve.size(), sizes(known)),
            Axis.logarithmic(curve.title(), extremes));
    known
        .by("layer")
        .forEach(
            (layer, runs) ->
                Models.curve(
                    plot, layer, sizes(runs), runs.all().stream().map(curve::band).toList()));
    findings.figure(
        "efficiency-" + curve.name(),
        "%s: %s by %s%s."
            .formatted(
                capitalized(curve.name().replace('-', ' ')),
                curve.title(),
                curve.size(),
                curve.quartiles() ? ", median and quartiles" : ""),
        plot);
  }

  private static double[] sizes(Results results) {
    return results.all().stream().mapToDouble(run -> run.cell().integer("size")).toArray();
  }

  private static String capitalized(String words) {
    return words.substring(0, 1).toUpperCase(Locale.ROOT) + words.substring(1);
  }

  private static void table(Findings findings, Results training, Results inference, int size) {
    List<List<String>> rows = new ArrayList<>();
    for (String layer : LAYERS.keySet()) {
      Results pass = training.where("layer", layer);
      Results step = inference.where("layer", layer);
      Results longest = pass.where("size", size);
      Results latest = step.where("size", size);
      if (!longest.isEmpty() && !latest.isEmpty()) {
        Result passed = longest.all().get(0);
        Result stepped = latest.all().get(0);
        rows.add(
            List.of(
                layer,
                timeOf(passed),
                slope(pass, "median"),
                megabytes(passed),
                timeOf(stepped),
                slope(step, "median"),
                megabytes(stepped)));
      }
    }
    findings.table(
        "At length %,d: a training pass, and a step after as many others. Exponent: time goes about as the length to this power over the longest half of the lengths."
            .formatted(size),
        List.of("layer", "pass", "exponent", "memory", "step", "exponent", "state"),
        rows,
        1);
  }

  /** The median with quartiles, in the unit that suits them. */
  private static String timeOf(Result run) {
    double most = run.number("upperQuartile");
    double factor = most >= 1 ? 1 : most >= 1e-3 ? 1e3 : 1e6;
    return String.format(
        Locale.ROOT,
        "%.3g %s (%.3g to %.3g)",
        factor * run.number("median"),
        factor == 1 ? "s" : factor == 1e3 ? "ms" : "us",
        factor * run.number("lowerQuartile"),
        factor * most);
  }

  private static String megabytes(Result run) {
    return run.values().has(MEMORY)
        ? String.format(Locale.ROOT, "%.3g MB", run.number(MEMORY))
        : "not known here";
  }

  /** Over the longer half, where fixed costs weigh less. */
  private static double exponent(Results runs, String value) {
    List<Result> half = runs.all().subList((runs.all().size() - 1) / 2, runs.all().size());
    return PowerLaw.slope(
        sizes(new Results(half)), half.stream().mapToDouble(run -> run.number(value)).toArray());
  }

  private static String slope(Results runs, String value) {
    return String.format(Locale.ROOT, "%.2f", exponent(runs, value));
  }

  private static void slopeClaims(Findings findings, Results training, Results inference) {
    List<Double> recurrent = new ArrayList<>();
    List<Double> steps = new ArrayList<>();
    for (String layer : LAYERS.keySet()) {
      Results pass = training.where("layer", layer);
      Results step = inference.where("layer", layer);
      if (!layer.equals(ATTENTION) && !pass.isEmpty() && !step.isEmpty()) {
        recurrent.add(exponent(pass, "median"));
        steps.add(exponent(step, "median"));
      }
    }
    Results attention = training.where("layer", ATTENTION);
    Results attentionStep = inference.where("layer", ATTENTION);
    if (recurrent.isEmpty() || attention.isEmpty() || attentionStep.isEmpty()) {
      findings.claim("Recurrences are linear in the length.", Verdict.OPEN, "cells are missing");
      return;
    }
    Band linear = Band.of(recurrent.stream().mapToDouble(Double::doubleValue).toArray());
    Band flat = Band.of(steps.stream().mapToDouble(Double::doubleValue).toArray());
    findings.claim(
        "A training pass of a recurrence takes time in proportion to the length; attention takes more.",
        Verdict.of(linear.high() < 1.2 && exponent(attention, "median") > linear.high()),
        "exponents of recurrences %.2f to %.2f, of attention %s"
            .formatted(linear.low(), linear.high(), slope(attention, "median")));
    findings.claim(
        "A step of a recurrence costs the same at every position; one of attention costs more and more.",
        Verdict.of(
            flat.high() < 0.2 && exponent(attentionStep, "median") > 2 * Math.max(0, flat.high())),
        "exponents of recurrences %.2f to %.2f, of attention %s"
            .formatted(flat.low(), flat.high(), slope(attentionStep, "median")));
  }

  private static void targets(Findings findings, Results results, Scale scale) {
    if (results.isEmpty()) {
      return;
    }
    List<List<String>> rows = new ArrayList<>();
    double cde = Double.POSITIVE_INFINITY;
    double others = Double.POSITIVE_INFINITY;
    for (Result run : results.all()) {
      double seconds =
          run.values().has("secondsToTarget")
              ? run.number("secondsToTarget")
              : Double.POSITIVE_INFINITY;
      String layer = run.cell().word("layer");
      if (layer.equals(CDE)) {
        cde = seconds;
      } else {
        others = Math.min(others, seconds);
      }
      rows.add(
          List.of(
              layer,
              Double.isInfinite(seconds) ? "not reached" : "%.1f".formatted(seconds),
              "%.1f %%".formatted(100 * run.number("error")),
              "%.0f".formatted(run.seconds())));
    }
    findings.table(
        "Seconds until the error on area is %.0f %% of the labels' deviation."
            .formatted(100 * target(scale)),
        List.of("model", "seconds", "error in the end", "seconds in all"),
        rows,
        1);
    findings.claim(
        "The random dense Linear CDE reaches the error sooner than any trained model.",
        Verdict.of(cde < others),
        "%.1f s against %s"
            .formatted(
                cde,
                Double.isInfinite(others) ? "never, for the others" : "%.1f s".formatted(others)));
  }
}
