package org.sparkssm.jobs.experiment;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.DoubleStream;
import org.apache.spark.sql.Row;
import org.sparkssm.jobs.experiment.Findings.Verdict;
import org.sparkssm.jobs.report.Axis;
import org.sparkssm.jobs.report.Plot;
import org.sparkssm.kernel.CdeSolver;
import org.sparkssm.kernel.Device;
import org.sparkssm.kernel.Kernels;
import org.sparkssm.ml.RandomLinearCde;
import org.sparkssm.ml.SignatureTransformer;
import org.sparkssm.model.RandomLinearCdeStates;
import org.sparkssm.signature.Signature;
import org.sparkssm.signature.SignatureKernel;
import org.sparkssm.signature.Words;
import org.sparkssm.spark.SequenceDataSet;

/** The theorem itself: the state of a Linear CDE is a projection of the signature of its input. */
final class ProjectionExperiment implements Experiment {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int LENGTH = 100;
  private static final int CHANNELS = 2;
  private static final int WIDTH = CHANNELS + 1;
  private static final int WORD_DEPTH = 3;
  private static final int EXPANDED_STATE = 32;
  private static final double VALIDATION = 0.2;

  @Override
  public String name() {
    return "projection";
  }

  @Override
  public String title() {
    return "The state is a projection of the signature";
  }

  @Override
  public String hypothesis() {
    return "The state of a Linear CDE equals the sum over words of A_w S^w, so partial sums converge"
        + " factorially in the depth; a linear readout of a large enough random state recovers every"
        + " word; and inner products of random states tend to the signature kernel as one over the"
        + " square root of the state size.";
  }

  @Override
  public String setting(Scale scale) {
    return ("Paths of the area task with time, %d steps; %,d paths for words, %d for expansions and"
            + " Gram matrices; %d seeds for Gram matrices.")
        .formatted(LENGTH, count(scale), few(scale), gramSeeds(scale));
  }

  private static long count(Scale scale) {
    return scale.pick(2_000L, 20_000L, 100_000L);
  }

  private static int few(Scale scale) {
    return scale.pick(16, 64, 128);
  }

  private static int gramSeeds(Scale scale) {
    return scale.pick(2, 100, 100);
  }

  @Override
  public List<Cell> cells(Scale scale) {
    List<Cell> cells = new ArrayList<>();
    for (int depth = 1; depth <= scale.pick(4, 7, 8); depth++) {
      cells.add(Cell.of("part", "expansion", "size", depth, "seed", 1));
    }
    for (int state :
        scale.pick(
            new int[] {16, 64},
            new int[] {8, 16, 32, 64, 128},
            new int[] {8, 16, 32, 64, 128, 256})) {
      cells.add(Cell.of("part", "words", "size", state, "seed", 1));
    }
    for (int state :
        scale.pick(
            new int[] {16, 64}, new int[] {16, 64, 256, 1024}, new int[] {16, 64, 256, 1024})) {
      for (int seed = 1; seed <= gramSeeds(scale); seed++) {
        cells.add(Cell.of("part", "gram", "size", state, "seed", seed));
      }
    }
    return cells;
  }

  @Override
  public ObjectNode run(Cell cell, Scale scale, Workbench workbench) {
    int size = cell.integer("size");
    return switch (cell.word("part")) {
      case "words" -> words(size, scale, workbench);
      case "expansion" -> expansion(size, paths(scale, workbench));
      default -> gram(size, cell.integer("seed"), paths(scale, workbench));
    };
  }

  /** How well each word can be read from the state: R2 on held-out paths. */
  private static ObjectNode words(int state, Scale scale, Workbench workbench) {
    SequenceDataSet data = workbench.data("area", count(scale), LENGTH, List.of(), 1);
    var states = new RandomLinearCde().setChannels(CHANNELS).setStateSize(state).setSolver("rk4");
    var signatures =
        new SignatureTransformer()
            .setChannels(CHANNELS)
            .setDepth(WORD_DEPTH)
            .setTransforms("time")
            .setOutputCol("words");
    double[] determination = workbench.determination(data, states, signatures, "words", VALIDATION);
    ObjectNode values = JSON.createObjectNode();
    List<String> labels = Words.labels(WIDTH, WORD_DEPTH);
    for (int w = 0; w < determination.length; w++) {
      values.withArrayProperty("words").add(labels.get(w));
      values.withArrayProperty("r2").add(determination[w]);
    }
    values.put("lowest", Arrays.stream(determination).min().orElseThrow());
    return values;
  }

  /** Some paths of the area task, [length x channels] each. */
  private static List<float[]> paths(Scale scale, Workbench workbench) {
    SequenceDataSet data = workbench.data("area", count(scale), LENGTH, List.of(), 1);
    List<float[]> paths = new ArrayList<>();
    for (Row row :
        data.rows().where("id < " + few(scale)).orderBy("id").select("values").collectAsList()) {
      List<Float> values = row.getList(0);
      float[] path = new float[values.size()];
      for (int i = 0; i < path.length; i++) {
        path[i] = values.get(i);
      }
      paths.add(path);
    }
    return paths;
  }

  /** Error of the sum over words up to a length, relative to the state; RK4 gives the state. */
  private static ObjectNode expansion(int depth, List<float[]> paths) {
    double error = 0;
    double whole = 0;
    try (Kernels kernels = Device.CPU.open()) {
      var states =
          new RandomLinearCdeStates(kernels, CHANNELS, EXPANDED_STATE, CdeSolver.RK4, 1, 1);
      double[][] transitions = new double[WIDTH][];
      for (int i = 0; i < WIDTH; i++) {
        transitions[i] = wide(states.transition(i));
      }
      double[] drive = wide(states.drive());
      List<RandomLinearCdeStates.Path> all =
          paths.stream().map(values -> new RandomLinearCdeStates.Path(values, null)).toList();
      float[][] solved = states.of(all);
      for (int b = 0; b < solved.length; b++) {
        double[] initial = wide(states.initialState(all.get(b)));
        double[] signature = Signature.of(timed(paths.get(b)), WIDTH, depth);
        double[] sum = sum(initial, transitions, drive, signature, depth);
        for (int n = 0; n < sum.length; n++) {
          double difference = sum[n] - solved[b][n];
          error += difference * difference;
          whole += (double) solved[b][n] * solved[b][n];
        }
      }
    }
    ObjectNode values = JSON.createObjectNode();
    values.put("error", Math.sqrt(error / whole));
    return values;
  }

  /** {@code y_0 + sum_w A_(w_k) .. A_(w_2) (A_(w_1) y_0 + B e_(w_1)) S^w}. */
  private static double[] sum(
      double[] initial, double[][] transitions, double[] drive, double[] signature, int depth) {
    int state = initial.length;
    double[] sum = initial.clone();
    List<double[]> prefixes = List.of(initial);
    int at = 0;
    for (int level = 1; level <= depth; level++) {
      List<double[]> next = new ArrayList<>();
      for (double[] prefix : prefixes) {
        for (int i = 0; i < WIDTH; i++) {
          double[] product = new double[state];
          for (int n = 0; n < state; n++) {
            double value = level == 1 ? drive[n * WIDTH + i] : 0;
            for (int m = 0; m < state; m++) {
              value += transitions[i][n * state + m] * prefix[m];
            }
            product[n] = value;
            sum[n] += value * signature[at];
          }
          next.add(product);
          at++;
        }
      }
      prefixes = next;
    }
    return sum;
  }

  /** Random inner products against their limit, {@code (2 + <x_0, y_0>) k(x, y) - 1}. */
  private static ObjectNode gram(int state, long seed, List<float[]> paths) {
    int count = paths.size();
    double error = 0;
    double whole = 0;
    try (Kernels kernels = Device.CPU.open()) {
      var random = new RandomLinearCdeStates(kernels, CHANNELS, state, CdeSolver.RK4, 1, seed);
      float[][] states =
          random.of(
              paths.stream().map(values -> new RandomLinearCdeStates.Path(values, null)).toList());
      SignatureKernel kernel = SignatureKernel.linear(WIDTH, 2);
      for (int a = 0; a < count; a++) {
        for (int b = a; b < count; b++) {
          double inner = 0;
          for (int n = 0; n < state; n++) {
            inner += (double) states[a][n] * states[b][n];
          }
          double start = 2;
          for (int c = 0; c < CHANNELS; c++) {
            start += (double) paths.get(a)[c] * paths.get(b)[c];
          }
          double limit = start * kernel.of(timed(paths.get(a)), timed(paths.get(b))) - 1;
          double weight = a == b ? 1 : 2;
          error += weight * (inner / state - limit) * (inner / state - limit);
          whole += weight * limit * limit;
        }
      }
    }
    ObjectNode values = JSON.createObjectNode();
    values.put("error", Math.sqrt(error / whole));
    return values;
  }

  /** The path with time from 0 to 1 as first channel. */
  private static double[] timed(float[] path) {
    int points = path.length / CHANNELS;
    double[] timed = new double[points * WIDTH];
    for (int l = 0; l < points; l++) {
      timed[l * WIDTH] = l / (points - 1.0);
      for (int c = 0; c < CHANNELS; c++) {
        timed[l * WIDTH + 1 + c] = path[l * CHANNELS + c];
      }
    }
    return timed;
  }

  private static double[] wide(float[] values) {
    double[] wide = new double[values.length];
    for (int i = 0; i < wide.length; i++) {
      wide[i] = values[i];
    }
    return wide;
  }

  @Override
  public Findings conclude(Results results, Scale scale) {
    Findings findings = new Findings();
    expansionFindings(findings, results.where("part", "expansion"));
    wordFindings(findings, results.where("part", "words"));
    gramFindings(findings, results.where("part", "gram"));
    return findings;
  }

  private static void expansionFindings(Findings findings, Results results) {
    if (results.isEmpty()) {
      return;
    }
    double[] depths =
        results.all().stream().mapToDouble(run -> run.cell().integer("size")).toArray();
    double[] errors = results.all().stream().mapToDouble(run -> run.number("error")).toArray();
    findings.figure(
        "projection-expansion",
        "Error of the sum over words up to a depth against the solved state.",
        new Plot(
                "error by depth",
                Axis.linear("depth", depths),
                Axis.logarithmic("relative error", errors))
            .line("partial sum", depths, errors));
    boolean falls = true;
    for (int k = 1; k < errors.length; k++) {
      falls &= errors[k] < errors[k - 1] || errors[k] < 1e-5;
    }
    double last = errors[errors.length - 1];
    findings.claim(
        "Partial sums of A_w S^w converge to the state.",
        Verdict.of(falls && last < 0.1 * errors[0]),
        "relative error %s at depth 1, %s at depth %.0f"
            .formatted(Axis.text(errors[0]), Axis.text(last), depths[depths.length - 1]));
  }

  private static void wordFindings(Findings findings, Results results) {
    if (results.isEmpty()) {
      return;
    }
    double[] states =
        results.all().stream().mapToDouble(run -> run.cell().integer("size")).toArray();
    double[] lowest = results.all().stream().mapToDouble(run -> 1 - run.number("lowest")).toArray();
    findings.figure(
        "projection-words",
        "Share of variance of the worst word up to depth 3 that a readout of the state misses.",
        new Plot(
                "unexplained variance by state size",
                Axis.logarithmic("state size N", states),
                Axis.logarithmic("1 - R2 of the worst word", lowest))
            .line("worst word", states, lowest));
    Result last = results.all().get(results.all().size() - 1);
    findings.claim(
        "A linear readout of a large enough random state recovers every word of depth up to 3.",
        Verdict.of(last.number("lowest") > 0.99),
        "lowest R2 over the words at N = %d: %.4f"
            .formatted(last.cell().integer("size"), last.number("lowest")));
  }

  private static void gramFindings(Findings findings, Results results) {
    if (results.isEmpty()) {
      return;
    }
    var bySize = results.by("size");
    double[] states = bySize.keySet().stream().mapToDouble(Double::parseDouble).toArray();
    double[] errors =
        bySize.values().stream().mapToDouble(ProjectionExperiment::rootMeanSquare).toArray();
    double[] lows =
        bySize.values().stream().mapToDouble(runs -> runs.band("error").low()).toArray();
    double[] highs =
        bySize.values().stream().mapToDouble(runs -> runs.band("error").high()).toArray();
    double[] all = DoubleStream.concat(Arrays.stream(lows), Arrays.stream(highs)).toArray();
    findings.figure(
        "projection-gram",
        "Gram matrix of random states against the signature kernel: root mean square over the seeds,"
            + " lowest and highest.",
        new Plot(
                "error of the Gram matrix by state size",
                Axis.logarithmic("state size N", states),
                Axis.logarithmic("relative error", all))
            .band(states, lows, highs)
            .line("Gram matrix", states, errors));
    double slope = exponent(results);
    double error = exponentError(results);
    findings.claim(
        "The Gram matrix of random states tends to the signature kernel as N to the power -1/2.",
        Double.isNaN(error) ? Verdict.OPEN : Verdict.of(Math.abs(slope + 0.5) <= 2 * error),
        "exponent %.3f, standard error over the seeds %.3f, relative error %s at N = %.0f"
            .formatted(
                slope, error, Axis.text(errors[errors.length - 1]), states[states.length - 1]));
  }

  /** Of the root mean square error over the seeds. */
  private static double exponent(Results results) {
    var bySize = results.by("size");
    return PowerLaw.slope(
        bySize.keySet().stream().mapToDouble(Double::parseDouble).toArray(),
        bySize.values().stream().mapToDouble(ProjectionExperiment::rootMeanSquare).toArray());
  }

  /** The standard error of {@link #exponent}, by leaving out one seed after the other. */
  private static double exponentError(Results results) {
    double[] without =
        results.by("seed").keySet().stream()
            .mapToDouble(
                seed ->
                    exponent(
                        new Results(
                            results.all().stream()
                                .filter(run -> !run.cell().word("seed").equals(seed))
                                .toList())))
            .toArray();
    double mean = Arrays.stream(without).average().orElseThrow();
    double squares = Arrays.stream(without).map(slope -> (slope - mean) * (slope - mean)).sum();
    return Math.sqrt(squares * (without.length - 1) / without.length);
  }

  private static double rootMeanSquare(Results runs) {
    return Math.sqrt(runs.band(run -> Math.pow(run.number("error"), 2)).mean());
  }
}
