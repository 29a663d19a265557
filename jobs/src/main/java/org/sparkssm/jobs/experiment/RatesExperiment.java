package org.sparkssm.jobs.experiment;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.UnaryOperator;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.sparkssm.jobs.experiment.Findings.Verdict;
import org.sparkssm.jobs.experiment.Results.Band;
import org.sparkssm.jobs.report.Axis;
import org.sparkssm.jobs.report.Plot;
import org.sparkssm.ml.RandomLinearCde;
import org.sparkssm.ml.SignatureTransformer;
import org.sparkssm.spark.SequenceDataSet;

/**
 * How fast the error of random features falls, and what becomes of it without dense transitions.
 */
final class RatesExperiment implements Experiment {
  private static final double VALIDATION = 0.2;
  private static final int LENGTH = 100;
  private static final List<Integer> AREA = List.of(1, 2);
  private static final List<Integer> VOLUME = List.of(1, 2, 3);
  private static final String DENSE = "dense";
  private static final String DIAGONAL = "diagonal";
  private static final String SIGNATURE = "signature";

  @Override
  public String name() {
    return "rates";
  }

  @Override
  public String title() {
    return "Rates of random features";
  }

  @Override
  public String hypothesis() {
    return "The state of a random dense Linear CDE is a random projection of the signature: its"
        + " error falls with the state size N, at least as N to the power -1/2, and the truncated"
        + " signature solves a word once its depth reaches the number of letters. A diagonal"
        + " transition commutes: beyond its drive, which sees two letters in order, it knows only"
        + " how far the path has moved, so its error on volume stays, however large N is. Blocks of"
        + " a few states no longer commute and win most of the dense rate back.";
  }

  @Override
  public String setting(Scale scale) {
    return ("%,d paths of %d steps unless said otherwise, a fifth held back; random weights with"
            + " entries N(0, 1) / sqrt(entries of a row), RK4, a linear readout by least squares;"
            + " %d seed%s. Errors are relative to the labels' deviation.")
        .formatted(count(scale), LENGTH, seeds(scale), seeds(scale) == 1 ? "" : "s");
  }

  private static long count(Scale scale) {
    return scale.pick(1_000L, 20_000L, 100_000L);
  }

  private static int seeds(Scale scale) {
    return scale.pick(1, 2, 5);
  }

  private static int[] states(Scale scale) {
    return scale.pick(
        new int[] {8, 32},
        new int[] {8, 16, 32, 64, 128, 256},
        new int[] {8, 16, 32, 64, 128, 256, 512});
  }

  /** State size where other things vary. */
  private static int state(Scale scale) {
    return scale.pick(32, 128, 256);
  }

  private static int[] lengths(Scale scale) {
    return scale.pick(
        new int[] {20, 40}, new int[] {25, 50, 100, 200, 400}, new int[] {25, 50, 100, 200, 400});
  }

  private static int[] channels(Scale scale) {
    return scale.pick(new int[] {3, 4}, new int[] {3, 4, 6, 8}, new int[] {3, 4, 6, 8, 12});
  }

  @Override
  public List<Cell> cells(Scale scale) {
    List<Cell> cells = new ArrayList<>();
    for (String task : List.of("area", "volume")) {
      for (int depth = 1; depth <= scale.pick(3, 4, 5); depth++) {
        cells.add(cell("depth", task, SIGNATURE, depth, 1));
      }
    }
    for (int seed = 1; seed <= seeds(scale); seed++) {
      for (String structure : List.of(DENSE, DIAGONAL)) {
        for (int state : states(scale)) {
          cells.add(cell("state", "area", structure, state, seed));
          cells.add(cell("state", "volume", structure, state, seed));
        }
        for (int length : lengths(scale)) {
          cells.add(cell("length", "volume", structure, length, seed));
        }
        for (int channel : channels(scale)) {
          cells.add(cell("channels", "volume", structure, channel, seed));
        }
      }
      for (int block = 1; block <= state(scale); block *= 2) {
        cells.add(cell("block", "volume", "blocks", block, seed));
      }
    }
    return cells;
  }

  private static Cell cell(String part, String task, String structure, int size, int seed) {
    return Cell.of("part", part, "task", task, "features", structure, "size", size, "seed", seed);
  }

  @Override
  public ObjectNode run(Cell cell, Scale scale, Workbench workbench) {
    String part = cell.word("part");
    int size = cell.integer("size");
    int length = part.equals("length") ? size : LENGTH;
    List<Integer> word = cell.word("task").equals("area") ? AREA : VOLUME;
    int channels = part.equals("channels") ? size : word.size();
    SequenceDataSet data = workbench.data("word", count(scale), length, word, channels, 1);
    int state = part.equals("state") ? size : state(scale);
    long seed = cell.integer("seed");
    UnaryOperator<Dataset<Row>> features =
        switch (cell.word("features")) {
          case SIGNATURE -> signature(channels, size);
          case DENSE -> dense(channels, state, seed);
          case DIAGONAL -> new StructuredStates(channels, state, 1, seed)::of;
          default -> new StructuredStates(channels, state, size, seed)::of;
        };
    ObjectNode values = workbench.readOut(data, features, VALIDATION, 0);
    values.put("error", values.path("rmse").asDouble() / values.path("labelDeviation").asDouble());
    return values;
  }

  private static UnaryOperator<Dataset<Row>> signature(int channels, int depth) {
    return new SignatureTransformer().setChannels(channels).setDepth(depth).setTransforms("time")
        ::transform;
  }

  private static UnaryOperator<Dataset<Row>> dense(int channels, int state, long seed) {
    return new RandomLinearCde()
            .setChannels(channels)
            .setStateSize(state)
            .setSolver("rk4")
            .setSeed(seed)
        ::transform;
  }

  @Override
  public Findings conclude(Results results, Scale scale) {
    Findings findings = new Findings();
    for (String task : List.of("area", "volume")) {
      byFeatures(findings, task, results.where("task", task));
    }
    against(
        findings,
        results.where("part", "length"),
        "length",
        "length of the paths, N = " + state(scale));
    against(
        findings,
        results.where("part", "channels"),
        "channels",
        "channels of the paths, N = " + state(scale));
    against(
        findings,
        results.where("part", "block"),
        "block",
        "states of a block, N = " + state(scale));
    claims(findings, results, scale);
    slopes(findings, results);
    return findings;
  }

  /** Error against the number of features, the truncated signature among them. */
  private static void byFeatures(Findings findings, String task, Results results) {
    Results sized = results.where("part", "state");
    List<Double> counts = new ArrayList<>();
    List<Double> errors = new ArrayList<>();
    Results depths = results.where("part", "depth");
    for (Results group : List.of(sized, depths)) {
      for (Result run : group.all()) {
        counts.add(run.number("features"));
        errors.add(run.number("error"));
      }
    }
    Plot plot =
        new Plot(
            "error of " + task + " by number of features",
            Axis.logarithmic("features", array(counts)),
            Axis.logarithmic("error over the labels' deviation", array(errors)));
    sized.by("features").forEach((name, runs) -> curve(plot, name, runs, "features"));
    if (!depths.isEmpty()) {
      curve(plot, "signature by depth", depths, "features");
    }
    findings.figure(
        "rates-" + task,
        "Error for " + task + " by number of features, lowest to highest over the seeds.",
        plot);
  }

  private static void against(Findings findings, Results results, String name, String title) {
    if (results.isEmpty()) {
      return;
    }
    double[] sizes =
        results.all().stream().mapToDouble(run -> run.cell().integer("size")).toArray();
    double[] errors = results.all().stream().mapToDouble(run -> run.number("error")).toArray();
    Plot plot =
        new Plot(
            "error of volume by " + title,
            Axis.logarithmic(title, sizes),
            Axis.logarithmic("error over the labels' deviation", errors));
    results.by("features").forEach((structure, runs) -> curve(plot, structure, runs, "size"));
    findings.figure("rates-" + name, "Error for volume by " + title + ".", plot);
  }

  /** Lowest, mean and highest error over the seeds by a size. */
  private static void curve(Plot plot, String name, Results runs, String size) {
    Map<Double, List<Double>> bySize = new TreeMap<>();
    for (Result run : runs.all()) {
      double at = size.equals("size") ? run.cell().integer(size) : run.number(size);
      bySize.computeIfAbsent(at, key -> new ArrayList<>()).add(run.number("error"));
    }
    double[] sizes = bySize.keySet().stream().mapToDouble(Double::doubleValue).toArray();
    List<Band> bands = bySize.values().stream().map(errors -> Band.of(array(errors))).toList();
    Models.curve(plot, name, sizes, bands);
  }

  private static double[] array(List<Double> values) {
    return values.stream().mapToDouble(Double::doubleValue).toArray();
  }

  private static void claims(Findings findings, Results results, Scale scale) {
    for (String task : List.of("area", "volume")) {
      Results dense = of(results, "state", task, DENSE);
      Band slope = PowerLaw.slopes(dense, "size", "error");
      findings.claim(
          "The error of dense random states for "
              + task
              + " falls at least as N to the power -1/2.",
          dense.isEmpty() ? Verdict.OPEN : Verdict.of(slope.high() <= -0.5),
          "exponent %s, error %s at N = %d"
              .formatted(
                  exponent(slope), percent(at(dense, last(states(scale)))), last(states(scale))));
      depthClaim(findings, task, results.where("part", "depth").where("task", task));
    }
    Results diagonal = of(results, "state", "volume", DIAGONAL);
    Band large = at(diagonal, last(states(scale)));
    Band dense = at(of(results, "state", "volume", DENSE), last(states(scale)));
    findings.claim(
        "Diagonal random states do not solve volume at any size; dense ones of that size do better by"
            + " a factor of more than 3.",
        diagonal.isEmpty() ? Verdict.OPEN : Verdict.of(large.low() > 3 * dense.high()),
        "at N = %d diagonal %s, dense %s; diagonal exponent %s"
            .formatted(
                last(states(scale)),
                percent(large),
                percent(dense),
                exponent(PowerLaw.slopes(diagonal, "size", "error"))));
    Results blocks = results.where("part", "block");
    Band one = at(blocks, 1);
    Band four = at(blocks, 4);
    Band whole = at(blocks, state(scale));
    findings.claim(
        "Blocks of 4 states halve the error of diagonal ones at least.",
        blocks.isEmpty() ? Verdict.OPEN : Verdict.of(four.high() < 0.5 * one.low()),
        "at N = %d: blocks of 1 %s, of 4 %s, of %d %s"
            .formatted(state(scale), percent(one), percent(four), state(scale), percent(whole)));
  }

  private static void depthClaim(Findings findings, String task, Results depths) {
    int letters = task.equals("area") ? 2 : 3;
    Results before = depths.where("size", letters - 1);
    Results from = depths.where("size", letters);
    boolean known = !before.isEmpty() && !from.isEmpty();
    findings.claim(
        "The signature solves %s from depth %d on, exactly, and not before."
            .formatted(task, letters),
        known
            ? Verdict.of(before.band("error").low() > 0.3 && from.band("error").high() < 1e-3)
            : Verdict.OPEN,
        known
            ? "error %s at depth %d, %s at depth %d"
                .formatted(
                    percent(before.band("error")),
                    letters - 1,
                    percent(from.band("error")),
                    letters)
            : "cells are missing");
  }

  private static void slopes(Findings findings, Results results) {
    List<List<String>> rows = new ArrayList<>();
    for (String part : List.of("state", "length", "channels")) {
      for (String task : List.of("area", "volume")) {
        for (String structure : List.of(DENSE, DIAGONAL)) {
          Results runs = of(results, part, task, structure);
          if (!runs.isEmpty()) {
            Band slope = PowerLaw.slopes(runs, "size", "error");
            rows.add(List.of(part, task, structure, exponent(slope)));
          }
        }
      }
    }
    Results blocks = results.where("part", "block");
    if (!blocks.isEmpty()) {
      rows.add(
          List.of("block", "volume", "blocks", exponent(PowerLaw.slopes(blocks, "size", "error"))));
    }
    findings.table(
        "Exponents: the error goes about as the size to this power; lowest to highest over the seeds.",
        List.of("size", "task", "transition", "exponent"),
        rows,
        3);
  }

  private static Results of(Results results, String part, String task, String structure) {
    return results.where("part", part).where("task", task).where("features", structure);
  }

  private static Band at(Results results, int size) {
    return results.where("size", size).band("error");
  }

  private static int last(int[] sizes) {
    return sizes[sizes.length - 1];
  }

  private static String exponent(Band slope) {
    return slope.low() == slope.high()
        ? String.format(Locale.ROOT, "%.2f", slope.mean())
        : String.format(
            Locale.ROOT, "%.2f (%.2f to %.2f)", slope.mean(), slope.low(), slope.high());
  }

  private static String percent(Band error) {
    return error.low() == error.high()
        ? String.format(Locale.ROOT, "%.3g %%", 100 * error.mean())
        : String.format(
            Locale.ROOT,
            "%.3g %% (%.3g to %.3g)",
            100 * error.mean(),
            100 * error.low(),
            100 * error.high());
  }
}
