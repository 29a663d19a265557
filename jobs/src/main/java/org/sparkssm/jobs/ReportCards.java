package org.sparkssm.jobs;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.xxhash64;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.DataTypes;
import org.sparkssm.data.DataSetManifest;
import org.sparkssm.data.LabelDescription;
import org.sparkssm.data.SequenceSchema;
import org.sparkssm.jobs.EvaluateCommand.Evaluation;
import org.sparkssm.jobs.report.Axis;
import org.sparkssm.jobs.report.ConfusionMatrix;
import org.sparkssm.jobs.report.Html;
import org.sparkssm.jobs.report.Plot;
import org.sparkssm.spark.FeatureDataSet;
import org.sparkssm.spark.FeatureManifest;
import org.sparkssm.spark.ModelManifest;
import org.sparkssm.spark.PredictionStore;
import org.sparkssm.spark.SequenceDataSet;

/** The parts of a report, one per input. */
final class ReportCards {
  private static final int SAMPLES = 3;
  private static final int CHANNELS_DRAWN = 4;
  private static final int POINTS_DRAWN = 400;

  private ReportCards() {}

  /**
   * A part of the page.
   *
   * @param shortName for the list of parts
   */
  record Card(String shortName, String html) {}

  /** The table of all evaluations. */
  static String results(List<Evaluation> evaluations) {
    List<List<String>> rows = new ArrayList<>();
    for (Evaluation evaluation : evaluations) {
      List<String> others = new ArrayList<>();
      evaluation
          .metrics()
          .forEach((name, value) -> others.add(label(name) + " " + Axis.text(value)));
      rows.add(
          List.of(
              evaluation.dataName(),
              evaluation.modelKind(),
              others.get(0),
              String.join(", ", others.subList(1, others.size())),
              evaluation.split(),
              "%,d".formatted(evaluation.count())));
    }
    return Html.card(
        "results",
        "At a glance",
        "Results",
        Html.table(List.of("data", "model", "metric", "also", "split", "rows"), rows, 5));
  }

  /** Facts, label distribution and some sequences of a data set. */
  static Card dataSet(String id, SequenceDataSet data) {
    DataSetManifest manifest = data.manifest();
    Map<String, String> facts = new LinkedHashMap<>();
    facts.put("sequences", "%,d".formatted(manifest.count()));
    facts.put("length", lengths(manifest));
    if (manifest.channels().isEmpty()) {
      facts.put("tokens", String.valueOf(manifest.vocabulary()));
    } else {
      facts.put(
          "channels",
          manifest.channels().size() > 8
              ? Integer.toString(manifest.channels().size())
              : String.join(", ", manifest.channels()));
    }
    facts.put("labels", labels(manifest.label()));
    manifest
        .splits()
        .forEach((split, count) -> facts.put(split + " split", "%,d".formatted(count)));
    facts.put(
        "made by",
        manifest.generator() == null
            ? "import"
            : "generate --task " + manifest.generator() + ", seed " + manifest.seed());
    if (manifest.standardization() != null) {
      facts.put("standardized on", manifest.standardization().fittedOn());
    }
    facts.put("fingerprint", manifest.fingerprint());
    StringBuilder charts = new StringBuilder("<div class=\"charts\">");
    charts.append(labelDistribution(data));
    if (!manifest.channels().isEmpty()) {
      charts.append(samples(data));
    }
    charts.append("</div>");
    return new Card(
        manifest.name(), Html.card(id, "Data set", manifest.name(), Html.facts(facts) + charts));
  }

  private static String lengths(DataSetManifest manifest) {
    return manifest.minLength() == manifest.maxLength()
        ? "%,d steps".formatted(manifest.maxLength())
        : "%,d to %,d steps".formatted(manifest.minLength(), manifest.maxLength());
  }

  private static String labels(LabelDescription label) {
    return switch (label.kind()) {
      case NONE -> "none";
      case NUMBER -> label.perStep() ? "a number per step" : "a number";
      case CLASS -> label.classCount() + " classes" + (label.perStep() ? " per step" : "");
    };
  }

  private static String labelDistribution(SequenceDataSet data) {
    LabelDescription label = data.manifest().label();
    if (!label.perSequence()) {
      return "";
    }
    Dataset<Row> labels = data.rows().select(col(SequenceSchema.LABEL).as("x"));
    if (label.kind() == LabelDescription.Kind.CLASS) {
      return Html.figure("Sequences per class.", Distributions.classes(labels, label.classes()));
    }
    String histogram = Distributions.numbers(labels, "label");
    return histogram.isEmpty() ? "" : Html.figure("Distribution of the labels.", histogram);
  }

  private static String samples(SequenceDataSet data) {
    List<String> channels = data.manifest().channels();
    LabelDescription label = data.manifest().label();
    StringBuilder html = new StringBuilder();
    for (Row row :
        data.rows().orderBy(xxhash64(col(SequenceSchema.ID))).limit(SAMPLES).collectAsList()) {
      String caption = "Sequence " + row.getAs(SequenceSchema.ID);
      if (label.perSequence()) {
        caption += ", label " + labelText(row, label);
      }
      if (channels.size() > CHANNELS_DRAWN) {
        caption += " (the first %d of %d channels)".formatted(CHANNELS_DRAWN, channels.size());
      }
      html.append(Html.figure(caption + ".", pathChart(row, channels)));
    }
    return html.toString();
  }

  private static String labelText(Row row, LabelDescription label) {
    if (label.kind() == LabelDescription.Kind.CLASS) {
      return label.classes().get(row.<Integer>getAs(SequenceSchema.LABEL));
    }
    return Axis.text(row.<Double>getAs(SequenceSchema.LABEL));
  }

  private static String pathChart(Row row, List<String> channels) {
    List<Float> values = row.getList(row.fieldIndex(SequenceSchema.VALUES));
    int length = values.size() / channels.size();
    int stride = Math.max(1, length / POINTS_DRAWN);
    int points = (length + stride - 1) / stride;
    int drawn = Math.min(CHANNELS_DRAWN, channels.size());
    double[] steps = new double[points];
    double[][] series = new double[drawn][points];
    double[] all = new double[drawn * points];
    for (int k = 0; k < points; k++) {
      steps[k] = (double) k * stride;
      for (int c = 0; c < drawn; c++) {
        series[c][k] = values.get(k * stride * channels.size() + c);
        all[c * points + k] = series[c][k];
      }
    }
    Plot plot =
        new Plot("a sequence over time", Axis.linear("step", steps), Axis.linear("value", all));
    for (int c = 0; c < drawn; c++) {
      plot.line(channels.get(c), steps, series[c]);
    }
    return plot.toHtml();
  }

  /** Facts of a feature data set. */
  static Card features(String id, FeatureDataSet data) {
    FeatureManifest manifest = data.manifest();
    Map<String, String> facts = new LinkedHashMap<>();
    facts.put("rows", "%,d".formatted(manifest.count()));
    facts.put("features per row", "%,d".formatted(manifest.width()));
    for (String name :
        List.of("depth", "basis", "transforms", "window", "stateSize", "solver", "seed")) {
      Object value = manifest.specification().get(name);
      boolean foreign =
          name.equals("basis") && !manifest.specification().get("kind").equals("logsignature");
      if (value != null && !value.toString().isEmpty() && !foreign) {
        facts.put(label(name), value.toString());
      }
    }
    facts.put("fingerprint", manifest.fingerprint());
    String heading = manifest.specification().get("kind") + " features of " + manifest.name();
    return new Card(heading, Html.card(id, "Features", heading, Html.facts(facts)));
  }

  /** Facts and training curves of a model. */
  static Card model(String id, String path, ModelManifest manifest) {
    Map<String, String> facts = new LinkedHashMap<>();
    facts.put("trained on", manifest.source().name());
    manifest
        .training()
        .forEach(
            (name, value) -> {
              if (value instanceof Number number) {
                facts.put(label(name), number(number));
              } else if (value instanceof String text) {
                facts.put(label(name), text);
              }
            });
    for (String name :
        List.of(
            "blocks",
            "width",
            "stateSize",
            "epochs",
            "batchSize",
            "learningRate",
            "regularization",
            "seed",
            "microShards")) {
      Object value = manifest.options().get(name);
      if (value != null) {
        facts.put(label(name), value instanceof Number number ? number(number) : value.toString());
      }
    }
    facts.put("weights (SHA-256)", manifest.weightsSha256().substring(0, 16) + "…");
    facts.put("folder", path);
    String heading = manifest.model() + " on " + manifest.source().name();
    return new Card(
        heading, Html.card(id, "Model", heading, Html.facts(facts) + curves(manifest.history())));
  }

  private static String number(Number number) {
    return number instanceof Double || number instanceof Float
        ? Axis.text(number.doubleValue())
        : "%,d".formatted(number.longValue());
  }

  private static String curves(List<Map<String, Object>> history) {
    if (history.size() < 2) {
      return "";
    }
    String along = history.get(0).containsKey("epoch") ? "epoch" : "iteration";
    double[] x = column(history, along);
    StringBuilder html = new StringBuilder("<div class=\"charts\">");
    Map<String, double[]> losses = new LinkedHashMap<>();
    losses.put("training", column(history, "trainingLoss"));
    if (validation(history, "loss") != null) {
      losses.put("validation", validation(history, "loss"));
    }
    html.append(curve("Loss, logarithmic scale.", along, "loss", x, losses, true));
    for (String metric : List.of("rmse", "accuracy")) {
      double[] values = validation(history, metric);
      if (values != null) {
        html.append(
            curve(
                "Validation " + label(metric) + ".",
                along,
                label(metric),
                x,
                Map.of("validation", values),
                metric.equals("rmse")));
      }
    }
    return html.append("</div>").toString();
  }

  private static String curve(
      String caption,
      String along,
      String name,
      double[] x,
      Map<String, double[]> lines,
      boolean logarithmic) {
    double[] all = lines.values().stream().flatMapToDouble(Arrays::stream).toArray();
    Axis y = logarithmic ? Axis.logarithmic(name, all) : Axis.linear(name, all);
    Plot plot = new Plot(caption, Axis.linear(along, x), y);
    lines.forEach((line, values) -> plot.line(line, x, values));
    return Html.figure(caption, plot.toHtml());
  }

  private static double[] column(List<Map<String, Object>> history, String name) {
    return history.stream().mapToDouble(entry -> value(entry.get(name))).toArray();
  }

  /** Null if no epoch has it. */
  private static double[] validation(List<Map<String, Object>> history, String name) {
    double[] values =
        history.stream()
            .mapToDouble(
                entry ->
                    entry.get("validation") instanceof Map<?, ?> metrics
                        ? value(metrics.get(name))
                        : Double.NaN)
            .toArray();
    return Arrays.stream(values).allMatch(Double::isNaN) ? null : values;
  }

  private static double value(Object number) {
    return number instanceof Number found ? found.doubleValue() : Double.NaN;
  }

  /** Facts and distribution of predictions. */
  static Card predictions(String id, String path, PredictionStore.StoredPredictions predictions) {
    PredictionStore.Manifest manifest = predictions.manifest();
    Map<String, String> facts = new LinkedHashMap<>();
    facts.put("rows", "%,d".formatted(manifest.count()));
    manifest.origin().forEach((name, value) -> facts.put(label(name), String.valueOf(value)));
    facts.put("folder", path);
    Dataset<Row> rows = predictions.rows();
    List<String> columns = List.of(rows.columns());
    String chart = "";
    if (columns.contains("class")) {
      List<String> names =
          rows.select("class").distinct().sort("class").as(Encoders.STRING()).collectAsList();
      Dataset<Row> indices =
          rows.select(
              functions
                  .array_position(functions.lit(names.toArray(String[]::new)), col("class"))
                  .minus(1)
                  .as("x"));
      chart = Html.figure("Predictions per class.", Distributions.classes(indices, names));
    } else if (rows.schema().apply("prediction").dataType().equals(DataTypes.DoubleType)) {
      String histogram =
          Distributions.numbers(rows.select(col("prediction").as("x")), "prediction");
      chart = histogram.isEmpty() ? "" : Html.figure("Distribution of the predictions.", histogram);
    }
    String heading = "predictions of " + manifest.origin().get("model");
    return new Card(
        heading,
        Html.card(
            id,
            "Predictions",
            heading,
            Html.facts(facts) + "<div class=\"charts\">" + chart + "</div>"));
  }

  /** Metrics, and predictions against labels. */
  static Card evaluation(String id, Evaluation evaluation) {
    Map<String, String> facts = new LinkedHashMap<>();
    evaluation.metrics().forEach((name, value) -> facts.put(label(name), Axis.text(value)));
    facts.put("split", evaluation.split());
    facts.put("rows", "%,d".formatted(evaluation.count()));
    facts.put("model", evaluation.model());
    String chart =
        evaluation.confusion() != null
            ? ConfusionMatrix.toHtml(evaluation.confusion(), evaluation.label().classes())
            : "<div class=\"charts\">" + scatter(evaluation) + residuals(evaluation) + "</div>";
    String heading =
        evaluation.modelKind() + " on " + evaluation.dataName() + ", " + evaluation.split();
    return new Card(heading, Html.card(id, "Evaluation", heading, Html.facts(facts) + chart));
  }

  private static String scatter(Evaluation evaluation) {
    double[] labels = labels(evaluation);
    double[] predictions = predictions(evaluation);
    Plot plot =
        new Plot(
            "predictions against labels",
            Axis.linear("label", labels),
            Axis.linear("prediction", predictions));
    plot.diagonal().points(labels, predictions);
    return Html.figure(
        "Prediction against label, %,d rows drawn; on the dashed line they are equal."
            .formatted(labels.length),
        plot.toHtml());
  }

  private static String residuals(Evaluation evaluation) {
    double[] labels = labels(evaluation);
    double[] errors = predictions(evaluation);
    for (int i = 0; i < errors.length; i++) {
      errors[i] -= labels[i];
    }
    Plot plot =
        new Plot(
            "errors against labels", Axis.linear("label", labels), Axis.linear("error", errors));
    return Html.figure("Prediction minus label.", plot.points(labels, errors).toHtml());
  }

  private static double[] labels(Evaluation evaluation) {
    return evaluation.sample().stream().mapToDouble(Predictions.Sample::label).toArray();
  }

  private static double[] predictions(Evaluation evaluation) {
    return evaluation.sample().stream().mapToDouble(Predictions.Sample::prediction).toArray();
  }

  /** A name from code as words: {@code sequencesPerSecond} becomes "sequences per second". */
  private static String label(String name) {
    return switch (name) {
      case "rmse" -> "RMSE";
      case "mae" -> "MAE";
      case "r2" -> "R²";
      case "macroF1" -> "macro F1";
      case "areaUnderRoc" -> "area under ROC";
      case "weightsSha256" -> "weights (SHA-256)";
      default ->
          name.replaceAll("([a-z])([A-Z])", "$1 $2")
              .toLowerCase(Locale.ROOT)
              .replace("rmse", "RMSE")
              .replace("mae", "MAE")
              .replace(" r2", " R²");
    };
  }
}
