package org.sparkssm.jobs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.sparkssm.testing.SharedSpark;

/** Models of sequences through the jobs, and the page about them. */
class SequenceModelJobsIT {
  @TempDir static Path folder;

  private static String area;
  private static String model;

  @BeforeAll
  static void trainedMamba() {
    SharedSpark.session();
    area = path("area");
    model = path("mamba");
    done("generate", "--task", "area", "--count", "200", "--length", "12", "--output", area);
    JsonNode trained =
        done(
                "train",
                "--input",
                area,
                "--output",
                model,
                "--model",
                "mamba",
                "--blocks",
                "1",
                "--width",
                "8",
                "--state",
                "4",
                "--epochs",
                "2",
                "--seed",
                "1")
            .summary();
    assertEquals(64, trained.path("weightsSha256").asText().length());
    assertTrue(trained.path("validationRmse").asDouble() > 0, trained.toString());
  }

  @Test
  void evaluationOnTheHeldOutRowsIsThatOfTheTraining() throws IOException {
    JsonNode manifest = manifest(model);
    JsonNode metrics =
        done("evaluate", "--model", model, "--input", area, "--split", "validation")
            .summary()
            .path("metrics");
    assertEquals(
        manifest.path("training").path("validationRmse").asDouble(),
        metrics.path("rmse").asDouble(),
        1e-5);
  }

  @Test
  void historyIsAFileWithALineAnEpoch() throws IOException {
    List<String> lines = Files.readAllLines(Path.of(model, "history.jsonl"));
    assertEquals(2, lines.size());
    JsonNode second = new ObjectMapper().readTree(lines.get(1));
    assertEquals(2, second.path("epoch").asInt());
    assertTrue(second.path("validation").path("r2").isNumber(), lines.get(1));
  }

  @Test
  void howAModelLearnsIsAskedForByOptions() {
    String trained = path("options");
    done(
        "train --model s4d --blocks 1 --width 4 --epochs 3 --optimizer sgd --momentum 0.8"
            + " --schedule step --step-epochs 1 --step-factor 0.5 --warmup 0 --readout last"
            + " --micro-batch 2 --gradient-clip 0.5 --weight-column length --patience 1 --input "
            + area
            + " --output "
            + trained);
    JsonNode options = manifest(trained).path("options");
    assertEquals("sgd", options.path("optimizer").asText());
    assertEquals("last", options.path("readout").asText());
    assertEquals(2, options.path("microBatch").asInt());
    refused(
        "there is no column held, expected true or false",
        "train --model s4d --validation-column held --input " + area + " --output " + path("no"));
    refused(
        "--class-weights is given, but the labels are numbers",
        "train --model s4d --class-weights 1,2 --input " + area + " --output " + path("no"));
    refused(
        "train takes one of --validation-fraction and --validation-column, found both",
        "train --model s4d --validation-column held --validation-fraction 0.1 --input "
            + area
            + " --output "
            + path("no"));
  }

  @Test
  void aTrainingStartsFromATrainedModel() {
    String second = path("second");
    JsonNode summary =
        done("train --initial-model "
                + model
                + " --epochs 1 --learning-rate 1e-30 --input "
                + area
                + " --output "
                + second)
            .summary();
    assertEquals(
        manifest(model).path("weightsSha256").asText(), summary.path("weightsSha256").asText());
    assertEquals(model, manifest(second).path("options").path("initialModel").asText());
    refused(
        "the initial model " + model + " is another model: blocks is ",
        "train --model mamba --width 8 --state 4 --initial-model "
            + model
            + " --input "
            + area
            + " --output "
            + path("no"));
    refused(
        "--initial-model does not belong to the model linear-readout",
        "train --model linear-readout --initial-model "
            + model
            + " --input "
            + area
            + " --output "
            + path("no"));
  }

  @Test
  void predictionsAreInTheModelsUnitsAndOnThePage() throws IOException {
    String other = path("other-scale");
    done(
        "generate",
        "--task",
        "area",
        "--count",
        "50",
        "--length",
        "12",
        "--seed",
        "8",
        "--output",
        other);
    refused(
        "use generate --scale-from",
        "predict --model " + model + " --input " + other + " --output " + path("no-predictions"));
    String predictions = path("predictions");
    done("predict --model " + model + " --input " + area + " --output " + predictions);
    String page = path("predictions.html");
    done("report --input " + predictions + " --output " + page);
    String html = Files.readString(Path.of(page));
    assertTrue(html.contains("Distribution of the predictions."), html);
    assertTrue(html.contains(model), html);
  }

  private static JsonNode manifest(String folder) {
    try {
      return new ObjectMapper().readTree(Path.of(folder, "_model.json").toFile());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Test
  void reportIsOnePageThatNeedsNothingElse() throws IOException {
    String evaluation = path("evaluation.json");
    String page = path("report.html");
    done("evaluate", "--model", model, "--input", area, "--output", evaluation);
    done("report", "--input", area + "," + model + "," + evaluation, "--output", page);
    String html = Files.readString(Path.of(page));
    assertTrue(html.contains("mamba on area"), html);
    assertTrue(html.contains("Loss, logarithmic scale."), html);
    assertTrue(html.contains("Prediction against label, 200 rows drawn"), html);
    assertFalse(html.contains("http"), "a link to the network");
    assertFalse(html.contains("<script"), "a script");
    refused("exists; give --overwrite to replace it", "report", "--input", area, "--output", page);
    refused(
        page + " is not what evaluate --output writes",
        "report",
        "--input",
        page,
        "--output",
        path("never.html"));
    assertFalse(Files.exists(Path.of(path("never.html"))));
  }

  @Test
  void impossibleTrainingsAreRefused() {
    String output = path("never");
    refused(
        "--model is 'mumba', expected one of linear-readout, logistic-regression,",
        "train",
        "--input",
        area,
        "--output",
        output,
        "--model",
        "mumba");
    refused(
        "train takes one of --model and --spec, found neither",
        "train",
        "--input",
        area,
        "--output",
        output);
    refused(
        "--regularization does not belong to the model mamba",
        "train",
        "--input",
        area,
        "--output",
        output,
        "--model",
        "mamba",
        "--regularization",
        "1");
    refused(
        "the option activation given invalid value relu",
        "train",
        "--input",
        area,
        "--output",
        output,
        "--model",
        "mamba",
        "--activation",
        "relu");
    refused(
        "--max-time is 'soon', expected a time as in 90s, 30m or 2h",
        "train",
        "--input",
        area,
        "--output",
        output,
        "--model",
        "mamba",
        "--max-time",
        "soon");
    refused(
        "the file --spec " + path("no.json") + " does not exist",
        "train",
        "--input",
        area,
        "--output",
        output,
        "--spec",
        path("no.json"));
    assertFalse(Files.exists(Path.of(output)));
  }

  private static CommandLineRun done(String line) {
    return done(line.split(" "));
  }

  private static void refused(String sentence, String line) {
    refused(sentence, line.split(" "));
  }

  private static CommandLineRun done(String... arguments) {
    CommandLineRun run = CommandLineRun.of(arguments);
    assertEquals(Main.DONE, run.status(), run.err());
    return run;
  }

  private static void refused(String sentence, String... arguments) {
    CommandLineRun run = CommandLineRun.of(arguments);
    assertEquals(Main.INVALID, run.status(), run.err());
    assertTrue(run.err().contains(sentence), run.err());
  }

  private static String path(String name) {
    return folder.resolve(name).toString();
  }
}
