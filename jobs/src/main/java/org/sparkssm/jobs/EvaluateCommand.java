package org.sparkssm.jobs;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.OutputStream;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.storage.StorageLevel;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.data.LabelDescription;
import org.sparkssm.spark.HadoopFiles;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Measures a model on a split of a data set. */
@Command(
    name = "evaluate",
    description = {
      "Measures a model on a split of a data set: rmse, mae, r2 for numbers, accuracy, macroF1 for"
          + " classes.",
      "The input may be sequences, or features computed as those the model was trained on."
    })
final class EvaluateCommand extends SparkCommand {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int SAMPLE = 1000;

  @Option(
      names = "--model",
      required = true,
      paramLabel = "MODEL",
      description = "Folder of a trained model.")
  private String modelPath;

  @Option(
      names = "--input",
      required = true,
      paramLabel = "DIR",
      description = "Sequence or feature data set.")
  private String input;

  @Option(
      names = "--split",
      paramLabel = "NAME",
      defaultValue = "all",
      description =
          "train, validation (the rows that training held back), test (by the data set's column"
              + " split), or all.")
  private String split;

  @Option(
      names = "--output",
      paramLabel = "FILE",
      description = "Write metrics, confusion matrix and a sample of predictions here, for report.")
  private String output;

  @Option(
      names = "--require",
      paramLabel = "METRIC<=X",
      description = "Exit with status 1 unless this holds; may be given several times.")
  private List<String> require = List.of();

  /**
   * What {@code --output} holds.
   *
   * @param model folder of the model
   * @param modelKind as given to train
   * @param input folder of the data
   * @param dataName name of the data set
   * @param confusion nullable: numbers of rows by [label][prediction]
   * @param sample some of the predictions
   */
  @SuppressWarnings("ArrayRecordComponent") // a carrier, never compared
  @JsonInclude(JsonInclude.Include.NON_NULL)
  record Evaluation(
      String kind,
      String model,
      String modelKind,
      String input,
      String dataName,
      String split,
      long count,
      Map<String, Double> metrics,
      LabelDescription label,
      long[][] confusion,
      List<Predictions.Sample> sample) {
    /** Value of {@code kind}, by which report knows the file. */
    static final String KIND = "spark-ssm evaluation";
  }

  @Override
  protected String plan() {
    return String.format(Locale.ROOT, "%s on the split %s of %s", modelPath, split, input);
  }

  @Override
  protected Map<String, Object> run(SparkSession spark) throws IOException {
    List<Requirement> requirements = require.stream().map(Requirement::parse).toList();
    checkOutput();
    Scoring scoring = Scoring.open(spark, modelPath, input);
    Dataset<Row> rows =
        scoring
            .labelled(scoring.splits().rows(scoring.rows(), split))
            .persist(StorageLevel.MEMORY_AND_DISK());
    try {
      Evaluation evaluation = evaluate(scoring, new Predictions(rows, scoring.source().label()));
      if (output != null) {
        write(evaluation);
      }
      tell(evaluation.metrics() + " on " + evaluation.count() + " rows");
      requirements.forEach(requirement -> requirement.check(evaluation.metrics()));
      return summary(evaluation);
    } finally {
      rows.unpersist();
    }
  }

  private Evaluation evaluate(Scoring scoring, Predictions predictions) {
    boolean classes = scoring.model().manifest().classifies();
    return new Evaluation(
        Evaluation.KIND,
        modelPath,
        scoring.model().manifest().model(),
        input,
        scoring.source().name(),
        split,
        predictions.count(),
        predictions.metrics(),
        scoring.model().manifest().label(),
        classes ? predictions.confusion() : null,
        predictions.sample(SAMPLE));
  }

  private Map<String, Object> summary(Evaluation evaluation) {
    Map<String, Object> summary = new LinkedHashMap<>();
    summary.put("model", modelPath);
    summary.put("input", input);
    summary.put("split", split);
    summary.put("count", evaluation.count());
    summary.put("metrics", evaluation.metrics());
    return summary;
  }

  private void checkOutput() throws IOException {
    if (output == null) {
      return;
    }
    Path file = HadoopFiles.path(output);
    FileSystem fileSystem = HadoopFiles.fileSystem(file, new Configuration());
    if (!fileSystem.exists(file)) {
      return;
    }
    if (fileSystem.getFileStatus(file).isDirectory()) {
      throw new InvalidInputException("the output " + file + " is a folder, expected a file");
    }
    if (!common().overwrite) {
      throw new InvalidInputException(
          "the output " + file + " exists; give --overwrite to replace it");
    }
  }

  private void write(Evaluation evaluation) {
    Path file = HadoopFiles.path(output);
    try (OutputStream out = HadoopFiles.fileSystem(file, new Configuration()).create(file, true)) {
      out.write(JSON.writerWithDefaultPrettyPrinter().writeValueAsBytes(evaluation));
    } catch (IOException e) {
      throw new InvalidInputException(
          "the output " + file + " cannot be written: " + e.getMessage(), e);
    }
  }
}
