package org.sparkssm.jobs;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.SparkSession;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.data.LibraryVersion;
import org.sparkssm.jobs.EvaluateCommand.Evaluation;
import org.sparkssm.jobs.report.Html;
import org.sparkssm.spark.FeatureStore;
import org.sparkssm.spark.HadoopFiles;
import org.sparkssm.spark.ModelStore;
import org.sparkssm.spark.PredictionStore;
import org.sparkssm.spark.SequenceStore;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Writes one HTML page about data sets, features, models and evaluations. */
@Command(
    name = "report",
    description =
        "Writes one HTML page, which needs no network, about what the other commands wrote: data"
            + " sets, features, models, predictions, and the files of evaluate --output.")
final class ReportCommand extends SparkCommand {
  private static final ObjectMapper JSON = new ObjectMapper();

  @Option(
      names = "--input",
      required = true,
      split = ",",
      paramLabel = "PATH",
      description = "Folders and files, in the order of the page.")
  private List<String> inputs;

  @Option(
      names = "--output",
      required = true,
      paramLabel = "FILE",
      description = "Where to write the page.")
  private String output;

  @Option(
      names = "--title",
      paramLabel = "TEXT",
      defaultValue = "spark-ssm report",
      description = "Title of the page.")
  private String title;

  @Override
  protected String plan() {
    return inputs.size() + " inputs to " + output;
  }

  @Override
  protected Map<String, Object> run(SparkSession spark) throws IOException {
    Path file = HadoopFiles.path(output);
    FileSystem fileSystem = HadoopFiles.fileSystem(file, new Configuration());
    if (fileSystem.exists(file) && !common().overwrite) {
      throw new InvalidInputException(
          "the output " + file + " exists; give --overwrite to replace it");
    }
    Content content = read(spark);
    byte[] page = content.page(title).getBytes(StandardCharsets.UTF_8);
    try (OutputStream out = fileSystem.create(file, true)) {
      out.write(page);
    } catch (IOException e) {
      throw new InvalidInputException(
          "the output " + file + " cannot be written: " + e.getMessage(), e);
    }
    Map<String, Object> summary = new LinkedHashMap<>();
    summary.put("output", output);
    summary.put("sections", content.cards.size());
    summary.put("bytes", page.length);
    return summary;
  }

  private Content read(SparkSession spark) {
    Content content = new Content();
    for (String input : inputs) {
      String id = "part-" + (content.cards.size() + 1);
      if (FeatureStore.isFeatureSet(spark, input)) {
        content.add(id, ReportCards.features(id, FeatureStore.read(spark, input)));
      } else if (ModelStore.isModel(spark, input)) {
        content.add(id, ReportCards.model(id, input, ModelStore.readManifest(spark, input)));
      } else if (PredictionStore.isPredictions(spark, input)) {
        content.add(id, ReportCards.predictions(id, input, PredictionStore.read(spark, input)));
      } else if (isFile(input)) {
        Evaluation evaluation = evaluation(input);
        content.evaluations.add(evaluation);
        content.add(id, ReportCards.evaluation(id, evaluation));
      } else {
        content.add(id, ReportCards.dataSet(id, SequenceStore.read(spark, input)));
      }
    }
    return content;
  }

  private static boolean isFile(String input) {
    Path path = HadoopFiles.path(input);
    try {
      FileSystem fileSystem = HadoopFiles.fileSystem(path, new Configuration());
      return fileSystem.exists(path) && fileSystem.getFileStatus(path).isFile();
    } catch (IOException e) {
      throw HadoopFiles.unreadable(path, e);
    }
  }

  private static Evaluation evaluation(String input) {
    String text = HadoopFiles.readText(HadoopFiles.path(input), new Configuration()).orElseThrow();
    try {
      Evaluation evaluation = JSON.readValue(text, Evaluation.class);
      if (Evaluation.KIND.equals(evaluation.kind())) {
        return evaluation;
      }
    } catch (IOException e) {
      throw new InvalidInputException(
          input + " is not what evaluate --output writes, nor a folder of another command", e);
    }
    throw new InvalidInputException(input + " is not what evaluate --output writes");
  }

  /** The page in parts. */
  private static final class Content {
    private final List<ReportCards.Card> cards = new ArrayList<>();
    private final List<String> ids = new ArrayList<>();
    private final List<Evaluation> evaluations = new ArrayList<>();

    void add(String id, ReportCards.Card card) {
      ids.add(id);
      cards.add(card);
    }

    String page(String title) {
      StringBuilder body = new StringBuilder("<nav>");
      if (!evaluations.isEmpty()) {
        body.append("<a href=\"#results\">Results</a>");
      }
      for (int i = 0; i < cards.size(); i++) {
        body.append(
            "<a href=\"#%s\">%s</a>".formatted(ids.get(i), Html.escape(cards.get(i).shortName())));
      }
      body.append("</nav>");
      if (!evaluations.isEmpty()) {
        body.append(ReportCards.results(evaluations));
      }
      cards.forEach(card -> body.append(card.html()));
      return Html.page(title, "Made by spark-ssm " + LibraryVersion.current(), body.toString());
    }
  }
}
