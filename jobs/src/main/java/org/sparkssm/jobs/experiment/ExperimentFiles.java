package org.sparkssm.jobs.experiment;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SaveMode;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.sparkssm.data.LibraryVersion;
import org.sparkssm.jobs.report.Html;
import org.sparkssm.jobs.report.PlotImage;
import org.sparkssm.spark.HadoopFiles;

/**
 * What an experiment leaves in its folder: {@code results.json} (all cells, claims and tables),
 * {@code results.parquet} (a row per cell and number), {@code plots/*.png} and {@code report.html}.
 */
final class ExperimentFiles {
  private static final ObjectMapper JSON =
      new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);

  private static final StructType SCHEMA =
      new StructType()
          .add("experiment", DataTypes.StringType)
          .add("scale", DataTypes.StringType)
          .add("parameters", DataTypes.createMapType(DataTypes.StringType, DataTypes.StringType))
          .add("name", DataTypes.StringType)
          .add("position", DataTypes.IntegerType)
          .add("value", DataTypes.DoubleType);

  private final SparkSession spark;
  private final Experiment experiment;
  private final Scale scale;
  private final Path folder;
  private final Map<String, String> machine;

  /**
   * @param machine facts about where it ran
   */
  ExperimentFiles(
      SparkSession spark,
      Experiment experiment,
      Scale scale,
      Path folder,
      Map<String, String> machine) {
    this.spark = spark;
    this.experiment = experiment;
    this.scale = scale;
    this.folder = folder;
    this.machine = machine;
  }

  void write(Results results, Findings findings) throws IOException {
    rows(results);
    for (Findings.Figure figure : findings.figures()) {
      write(new Path(folder, "plots/" + figure.name() + ".png"), PlotImage.png(figure.plot()));
    }
    writePage(results, findings);
    write(new Path(folder, "results.json"), JSON.writeValueAsBytes(json(results, findings)));
  }

  /** The report alone; of a part of the cells it leaves every verdict open. */
  void writePage(Results results, Findings findings) throws IOException {
    write(
        new Path(folder, "report.html"), page(results, findings).getBytes(StandardCharsets.UTF_8));
  }

  private void write(Path file, byte[] content) throws IOException {
    try (OutputStream out =
        HadoopFiles.fileSystem(file, spark.sparkContext().hadoopConfiguration())
            .create(file, true)) {
      out.write(content);
    }
  }

  private ObjectNode json(Results results, Findings findings) {
    ObjectNode tree = JSON.createObjectNode();
    tree.put("experiment", experiment.name());
    tree.put("scale", scale.word());
    tree.put("version", LibraryVersion.current());
    tree.set("machine", JSON.valueToTree(machine));
    tree.put("hypothesis", experiment.hypothesis());
    tree.put("setting", experiment.setting(scale));
    ArrayNode claims = tree.putArray("claims");
    for (Findings.Claim claim : findings.claims()) {
      claims
          .addObject()
          .put("claim", claim.claim())
          .put("verdict", claim.verdict().words())
          .put("evidence", claim.evidence());
    }
    tree.set("tables", JSON.valueToTree(findings.tables()));
    ArrayNode cells = tree.putArray("cells");
    for (Result result : results.all()) {
      ObjectNode cell = cells.addObject();
      cell.set("parameters", result.cell().parameters());
      cell.put("seconds", result.seconds());
      cell.set("values", result.values());
    }
    return tree;
  }

  private void rows(Results results) {
    List<Row> rows = new ArrayList<>();
    for (Result result : results.all()) {
      Map<String, String> parameters = new LinkedHashMap<>();
      result
          .cell()
          .parameters()
          .properties()
          .forEach(entry -> parameters.put(entry.getKey(), entry.getValue().asText()));
      rows.add(row(parameters, "seconds", 0, result.seconds()));
      result
          .values()
          .properties()
          .forEach(entry -> numbers(rows, parameters, entry.getKey(), entry.getValue()));
    }
    spark
        .createDataFrame(rows, SCHEMA)
        .coalesce(1)
        .write()
        .mode(SaveMode.Overwrite)
        .parquet(new Path(folder, "results.parquet").toString());
  }

  private void numbers(
      List<Row> rows, Map<String, String> parameters, String name, JsonNode value) {
    if (value.isNumber()) {
      rows.add(row(parameters, name, 0, value.doubleValue()));
    }
    for (int i = 0; value.isArray() && i < value.size(); i++) {
      if (value.get(i).isNumber()) {
        rows.add(row(parameters, name, i, value.get(i).doubleValue()));
      }
    }
  }

  private Row row(Map<String, String> parameters, String name, int position, double value) {
    return RowFactory.create(experiment.name(), scale.word(), parameters, name, position, value);
  }

  private String page(Results results, Findings findings) {
    StringBuilder body = new StringBuilder();
    StringBuilder claims = new StringBuilder("<ul class=\"claims\">");
    int cells = experiment.cells(scale).size();
    boolean complete = results.all().size() == cells;
    for (Findings.Claim claim : findings.claims()) {
      Findings.Verdict verdict = complete ? claim.verdict() : Findings.Verdict.OPEN;
      claims.append(
          "<li class=\"%s\"><b>%s</b> %s <span>%s</span></li>"
              .formatted(
                  verdict.name().toLowerCase(java.util.Locale.ROOT),
                  Html.escape(capitalized(verdict.words()) + ":"),
                  Html.escape(claim.claim()),
                  Html.escape(claim.evidence())));
    }
    body.append(
        Html.card(
            "verdict",
            "What was found",
            experiment.title(),
            note(results.all().size(), cells)
                + "<p>"
                + Html.escape(experiment.hypothesis())
                + "</p>"
                + claims.append("</ul>")));
    StringBuilder charts = new StringBuilder("<div class=\"charts\">");
    findings
        .figures()
        .forEach(figure -> charts.append(Html.figure(figure.caption(), figure.plot().toHtml())));
    body.append(Html.card("plots", "Plots", "In pictures", charts.append("</div>").toString()));
    StringBuilder tables = new StringBuilder();
    for (Findings.Table table : findings.tables()) {
      tables
          .append("<h3>")
          .append(Html.escape(table.caption()))
          .append("</h3>")
          .append(Html.table(table.head(), table.rows(), table.numbers()));
    }
    if (!findings.tables().isEmpty()) {
      body.append(Html.card("tables", "Tables", "In numbers", tables.toString()));
    }
    Map<String, String> facts = new LinkedHashMap<>(machine);
    facts.put("scale", scale.word());
    facts.put("cells", Integer.toString(results.all().size()));
    facts.put(
        "time of all cells",
        "%.1f minutes".formatted(results.all().stream().mapToDouble(Result::seconds).sum() / 60));
    body.append(
        Html.card(
            "setting",
            "How it was done",
            "Setting",
            "<p>" + Html.escape(experiment.setting(scale)) + "</p>" + Html.facts(facts)));
    return Html.page(
        experiment.title(),
        "spark-ssm " + LibraryVersion.current() + ", experiment " + experiment.name(),
        body.toString());
  }

  private String note(int finished, int cells) {
    if (finished < cells) {
      return "<p class=\"note\">%d of %d cells are finished: verdicts come with the last one.</p>"
          .formatted(finished, cells);
    }
    return scale == Scale.QUICK
        ? "<p class=\"note\">Scale quick shows that everything runs. Its sizes are too small for what the"
            + " verdicts say about the theory: run standard for that.</p>"
        : "";
  }

  private static String capitalized(String words) {
    return Character.toUpperCase(words.charAt(0)) + words.substring(1);
  }
}
