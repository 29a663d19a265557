package org.sparkssm.jobs.experiment;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.hadoop.fs.Path;
import org.apache.spark.ml.classification.LogisticRegression;
import org.apache.spark.ml.evaluation.MulticlassClassificationEvaluator;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.jobs.experiment.Findings.Verdict;
import org.sparkssm.jobs.experiment.Results.Band;
import org.sparkssm.jobs.report.Axis;
import org.sparkssm.jobs.report.Plot;
import org.sparkssm.ml.SignatureTransformer;
import org.sparkssm.spark.SequenceDataSet;

/** Dense, diagonal and stacked models on data sets of the UEA archive. */
final class BenchmarkExperiment implements Experiment {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String SIGNATURE = "signature, depth 2";
  private static final double REGULARIZATION = 1e-3;

  /** Layer with its options, and number of blocks, by name. */
  private record Model(String layer, int blocks) {}

  private static final Map<String, Model> MODELS = new LinkedHashMap<>();
  private static final String DENSE = "dense Linear CDE, 1 block";
  private static final String DIAGONAL = "diagonal Linear CDE, 1 block";
  private static final String MAMBA = "Mamba, 1 block";
  private static final String STACKED = "Mamba, 2 blocks";

  static {
    MODELS.put(
        DENSE, new Model("{\"kind\":\"linear-cde\",\"state\":64,\"control\":\"values\"}", 1));
    MODELS.put(
        DIAGONAL,
        new Model(
            "{\"kind\":\"linear-cde\",\"state\":64,\"control\":\"values\",\"structure\":\"diagonal\"}",
            1));
    MODELS.put(MAMBA, new Model("{\"kind\":\"mamba\",\"state\":16}", 1));
    MODELS.put(STACKED, new Model("{\"kind\":\"mamba\",\"state\":16}", 2));
  }

  /** How far below the best accuracy is near it. */
  private static final double NEAR = 0.05;

  private final List<String> data;

  /**
   * @param data folders of {@code .ts} files with a training and a test part, one a data set
   */
  BenchmarkExperiment(List<String> data) {
    this.data = List.copyOf(data);
  }

  @Override
  public String name() {
    return "benchmarks";
  }

  @Override
  public String title() {
    return "Data sets of the UEA archive";
  }

  @Override
  public String hypothesis() {
    return "Real series need little of what tells the models apart in theory: one dense block, and"
        + " two diagonal ones, classify at least as well as one diagonal block, and truncated"
        + " signatures with a linear classifier come near to all of them.";
  }

  @Override
  public String setting(Scale scale) {
    return ("The archive's own split; models of width %d with norms, dropout 0.1, %d epochs of AdamW in"
            + " batches of 16, learning rate 0.003 with warm-up and cosine, last epoch, %d seed%s;"
            + " signature of depth 2 of the path with time, with a logistic regression.")
        .formatted(width(scale), epochs(scale), seeds(scale), seeds(scale) == 1 ? "" : "s");
  }

  private static int width(Scale scale) {
    return scale.pick(16, 64, 64);
  }

  private static int epochs(Scale scale) {
    return scale.pick(1, 40, 100);
  }

  private static int seeds(Scale scale) {
    return scale.pick(1, 3, 5);
  }

  /**
   * @throws InvalidInputException if no data sets were named
   */
  @Override
  public List<Cell> cells(Scale scale) {
    if (data.isEmpty()) {
      throw new InvalidInputException(
          "the experiment benchmarks needs --data with folders of .ts files, found none");
    }
    List<Cell> cells = new ArrayList<>();
    for (String folder : data) {
      String name = new Path(folder).getName();
      cells.add(Cell.of("data", name, "model", SIGNATURE, "seed", 1));
      for (int seed = 1; seed <= seeds(scale); seed++) {
        for (String model : MODELS.keySet()) {
          cells.add(Cell.of("data", name, "model", model, "seed", seed));
        }
      }
    }
    return cells;
  }

  @Override
  public ObjectNode run(Cell cell, Scale scale, Workbench workbench) {
    String name = cell.word("data");
    String folder =
        data.stream()
            .filter(path -> new Path(path).getName().equals(name))
            .findFirst()
            .orElseThrow();
    SequenceDataSet set = workbench.imported(name, folder);
    String model = cell.word("model");
    return model.equals(SIGNATURE)
        ? signature(set)
        : workbench.classify(
            set,
            Models.classification(
                MODELS.get(model).layer(), MODELS.get(model).blocks(), width(scale), 0.1),
            new Workbench.Recipe(epochs(scale), 16, 0.003, 0, cell.integer("seed")));
  }

  private static ObjectNode signature(SequenceDataSet set) {
    Dataset<Row> features =
        new SignatureTransformer()
            .setChannels(set.manifest().channels().size())
            .setDepth(2)
            .setTransforms("time,basepoint")
            .transform(set.rows())
            .withColumn("label", org.apache.spark.sql.functions.col("label").cast("double"))
            .cache();
    try {
      var model =
          new LogisticRegression()
              .setFamily("multinomial")
              .setRegParam(REGULARIZATION)
              .setMaxIter(200)
              .fit(features.filter("split = 'train'"));
      ObjectNode values = JSON.createObjectNode();
      values.put(
          "accuracy",
          new MulticlassClassificationEvaluator()
              .setMetricName("accuracy")
              .evaluate(model.transform(features.filter("split = 'test'"))));
      values.put("parameters", model.numFeatures() * model.numClasses());
      return values;
    } finally {
      features.unpersist();
    }
  }

  @Override
  public Findings conclude(Results results, Scale scale) {
    Findings findings = new Findings();
    List<List<String>> rows = new ArrayList<>();
    results
        .by("data")
        .forEach(
            (name, of) -> {
              of.by("model")
                  .forEach(
                      (model, runs) ->
                          rows.add(
                              List.of(
                                  name,
                                  model,
                                  runs.band("accuracy").percent(),
                                  "%,.0f".formatted(runs.band("parameters").mean()),
                                  "%.0f".formatted(runs.band(Result::seconds).mean()))));
              figure(findings, name, of);
              claim(findings, name, of, DENSE);
              claim(findings, name, of, STACKED);
              signatureClaim(findings, name, of);
            });
    findings.table(
        "Accuracy on the test split over the seeds.",
        List.of("data", "model", "accuracy", "parameters", "seconds"),
        rows,
        2);
    return findings;
  }

  private static void figure(Findings findings, String name, Results results) {
    Results trained =
        new Results(
            results.all().stream().filter(run -> run.values().has("trainingLoss")).toList());
    if (trained.isEmpty()) {
      return;
    }
    List<Double> losses = new ArrayList<>();
    int epochs = 1;
    for (Result run : trained.all()) {
      double[] history = run.numbers("trainingLoss");
      epochs = Math.max(epochs, history.length);
      for (double loss : history) {
        losses.add(loss);
      }
    }
    Plot plot =
        new Plot(
            "training loss on " + name,
            Axis.between("epoch", 0, epochs),
            Axis.logarithmic(
                "training loss", losses.stream().mapToDouble(Double::doubleValue).toArray()));
    trained.by("model").forEach((model, runs) -> Models.curve(plot, model, runs, "trainingLoss"));
    findings.figure(
        "benchmarks-" + name,
        "Training loss on " + name + ", lowest to highest over the seeds.",
        plot);
  }

  private static void claim(Findings findings, String name, Results results, String better) {
    Results ours = results.where("model", better);
    Results one = results.where("model", better.equals(DENSE) ? DIAGONAL : MAMBA);
    String claim =
        "%s: %s classifies at least as well as %s."
            .formatted(name, better, better.equals(DENSE) ? DIAGONAL : MAMBA);
    if (ours.isEmpty() || one.isEmpty()) {
      findings.claim(claim, Verdict.OPEN, "cells are missing");
      return;
    }
    Band high = ours.band("accuracy");
    Band low = one.band("accuracy");
    // bands that overlap decide nothing
    Verdict verdict =
        high.low() >= low.high()
            ? Verdict.HOLDS
            : high.high() < low.low() ? Verdict.FAILS : Verdict.OPEN;
    findings.claim(
        claim,
        verdict,
        "accuracy %s against %s%s"
            .formatted(
                high.percent(),
                low.percent(),
                verdict == Verdict.OPEN ? "; the bands of the seeds overlap" : ""));
  }

  private static void signatureClaim(Findings findings, String name, Results results) {
    Results signature = results.where("model", SIGNATURE);
    String claim =
        "%s: %s with a linear classifier comes within %.0f points of the best model."
            .formatted(name, SIGNATURE, 100 * NEAR);
    double best = 0;
    for (String model : MODELS.keySet()) {
      Results runs = results.where("model", model);
      if (!runs.isEmpty()) {
        best = Math.max(best, runs.band("accuracy").mean());
      }
    }
    if (signature.isEmpty() || best == 0) {
      findings.claim(claim, Verdict.OPEN, "cells are missing");
      return;
    }
    double accuracy = signature.band("accuracy").mean();
    findings.claim(
        claim,
        Verdict.of(accuracy >= best - NEAR),
        "accuracy %.1f %% against %.1f %%, the mean of the best model's seeds"
            .formatted(100 * accuracy, 100 * best));
  }
}
