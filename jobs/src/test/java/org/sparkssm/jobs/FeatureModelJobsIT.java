package org.sparkssm.jobs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.apache.spark.sql.Row;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.sparkssm.testing.SharedSpark;

/** From a generated data set to features, a readout, its metrics and predictions. */
class FeatureModelJobsIT {
  @TempDir static Path folder;

  private static String area;
  private static String features;
  private static String model;

  @BeforeAll
  static void areaModel() {
    SharedSpark.session();
    area = path("area");
    features = path("features");
    model = path("model");
    done(
        "generate",
        "--task",
        "area",
        "--count",
        "400",
        "--length",
        "20",
        "--seed",
        "3",
        "--shards",
        "3",
        "--output",
        area);
    JsonNode written =
        done(
                "features",
                "--input",
                area,
                "--output",
                features,
                "--kind",
                "signature",
                "--depth",
                "2",
                "--transform",
                "time",
                "--shards",
                "2")
            .summary();
    assertEquals(400, written.path("rows").asInt());
    assertEquals(12, written.path("features").asInt());
    JsonNode trained =
        done("train", "--input", features, "--output", model, "--model", "linear-readout")
            .summary();
    assertEquals(64, trained.path("weightsSha256").asText().length());
    assertTrue(trained.path("validationRmse").asDouble() < 1e-6, trained.toString());
    assertTrue(trained.path("sequencesPerSecond").asDouble() > 0);
  }

  @Test
  void evaluationIsTheSameFromFeaturesAndFromSequences() throws IOException {
    JsonNode fromFeatures = evaluation(features, "validation");
    JsonNode fromSequences = evaluation(area, "validation");
    assertEquals(fromFeatures.path("count"), fromSequences.path("count"));
    assertEquals(
        fromFeatures.path("metrics").path("rmse").asDouble(),
        fromSequences.path("metrics").path("rmse").asDouble(),
        1e-9);
    int validation = fromFeatures.path("count").asInt();
    int training = evaluation(features, "train").path("count").asInt();
    assertEquals(400, validation + training);
    assertTrue(validation > 40 && validation < 130, "validation rows: " + validation);
  }

  @Test
  void dataScaledByOtherNumbersIsNotCompared() {
    String other = path("other-scale");
    done(
        "generate",
        "--task",
        "area",
        "--count",
        "60",
        "--length",
        "20",
        "--seed",
        "9",
        "--output",
        other);
    refused("use generate --scale-from", "evaluate", "--model", model, "--input", other);
    String same = path("same-scale");
    done(
        "generate",
        "--task",
        "area",
        "--count",
        "60",
        "--length",
        "20",
        "--seed",
        "9",
        "--scale-from",
        area,
        "--output",
        same);
    assertTrue(evaluation(same, "all").path("metrics").path("rmse").asDouble() < 1e-6);
  }

  @Test
  void weightsAreTheSameForOtherShards() {
    String again = path("features-again");
    String modelAgain = path("model-again");
    done(
        "features",
        "--input",
        area,
        "--output",
        again,
        "--kind",
        "signature",
        "--depth",
        "2",
        "--transform",
        "time",
        "--shards",
        "5");
    String hash =
        done("train", "--input", again, "--output", modelAgain, "--model", "linear-readout")
            .summary()
            .path("weightsSha256")
            .asText();
    String first =
        done("train", "--input", features, "--output", path("model-1"), "--model", "linear-readout")
            .summary()
            .path("weightsSha256")
            .asText();
    assertEquals(first, hash);
  }

  @Test
  void predictionsKeepIdsAndOtherColumns() {
    String output = path("predictions");
    assertEquals(
        400,
        done("predict", "--model", model, "--input", area, "--output", output)
            .summary()
            .path("rows")
            .asInt());
    var rows = SharedSpark.session().read().parquet(output);
    assertEquals(List.of("id", "prediction", "length", "label"), Arrays.asList(rows.columns()));
    for (Row row : rows.collectAsList()) {
      assertEquals(row.<Double>getAs("label"), row.<Double>getAs("prediction"), 1e-5);
    }
  }

  @Test
  void requirementDecidesTheExitStatus() throws IOException {
    String file = path("evaluation.json");
    done(
        "evaluate",
        "--model",
        model,
        "--input",
        features,
        "--require",
        "rmse<=0.01",
        "--require",
        "r2>0.99",
        "--output",
        file);
    JsonNode report = new ObjectMapper().readTree(Path.of(file).toFile());
    assertEquals(400, report.path("sample").size());
    CommandLineRun missed =
        CommandLineRun.of(
            "evaluate", "--model", model, "--input", features, "--require", "rmse<=0");
    assertEquals(Main.FAILED, missed.status());
    assertTrue(missed.sentence().contains("required was rmse<=0"), missed.sentence());
    refused(
        "--require is 'rmse=0', expected a metric and a bound as in rmse<=0.01",
        "evaluate",
        "--model",
        model,
        "--input",
        features,
        "--require",
        "rmse=0");
    refused(
        "--require names the metric accuracy, expected one of rmse, mae, r2",
        "evaluate",
        "--model",
        model,
        "--input",
        features,
        "--require",
        "accuracy>0");
  }

  @Test
  void outputThatExistsIsKeptWithoutOverwrite() throws IOException {
    refused(
        "exists; give --overwrite to replace it",
        "features",
        "--input",
        area,
        "--output",
        features,
        "--kind",
        "signature");
    refused(
        "exists; give --overwrite to replace it",
        "train",
        "--input",
        features,
        "--output",
        model,
        "--model",
        "linear-readout");
    String output = path("twice");
    done("predict", "--model", model, "--input", area, "--output", output);
    refused(
        "exists; give --overwrite to replace it",
        "predict",
        "--model",
        model,
        "--input",
        area,
        "--output",
        output);
    done("predict", "--model", model, "--input", area, "--output", output, "--overwrite");
    assertEquals(400, SharedSpark.session().read().parquet(output).count());
    String retrained = path("retrained");
    done("train", "--input", features, "--output", retrained, "--model", "linear-readout");
    done(
        "train",
        "--input",
        features,
        "--output",
        retrained,
        "--model",
        "linear-readout",
        "--overwrite");
    try (Stream<Path> files = Files.list(Path.of(retrained))) {
      assertEquals(1, files.filter(file -> file.getFileName().toString().startsWith("_p")).count());
    }
  }

  @Test
  void impossibleOptionsOfFeaturesAreRefused() {
    String output = path("never-features");
    refused(
        "--kind is 'signatures', expected signature, logsignature or linear-cde",
        "features",
        "--input",
        area,
        "--output",
        output,
        "--kind",
        "signatures");
    refused(
        "the path transform is 'lag', expected one of time, basepoint, lead-lag,"
            + " invisibility-reset, cumsum",
        "features",
        "--input",
        area,
        "--output",
        output,
        "--kind",
        "signature",
        "--transform",
        "lag");
    refused(
        "--state does not belong to --kind signature",
        "features",
        "--input",
        area,
        "--output",
        output,
        "--kind",
        "signature",
        "--state",
        "8");
    refused(
        "--window is sliding:5:1, whose number of windows depends on the sequence",
        "features",
        "--input",
        area,
        "--output",
        output,
        "--kind",
        "signature",
        "--window",
        "sliding:5:1");
    refused(
        "solver given invalid value heun",
        "features",
        "--input",
        area,
        "--output",
        output,
        "--kind",
        "linear-cde",
        "--solver",
        "heun");
    refused(
        "a signature of 2 channels at depth 40 in 1 window has",
        "features",
        "--input",
        area,
        "--output",
        output,
        "--kind",
        "signature",
        "--depth",
        "40");
    refused(
        "the data set " + path("nothing") + " does not exist",
        "features",
        "--input",
        path("nothing"),
        "--output",
        output,
        "--kind",
        "signature");
    refused(
        "Unknown option",
        "features",
        "--input",
        area,
        "--output",
        output,
        "--kind",
        "signature",
        "--kindd",
        "x");
    assertFalse(Files.exists(Path.of(output)));
  }

  @Test
  void impossibleTrainingsAreRefused() {
    String output = path("never-model");
    refused(
        "is trained on features, and "
            + area
            + " has no _features.json; make them with"
            + " features",
        "train",
        "--input",
        area,
        "--output",
        output,
        "--model",
        "linear-readout");
    refused(
        "--model logistic-regression predicts classes, the labels of "
            + features
            + " are numbers; use linear-readout",
        "train",
        "--input",
        features,
        "--output",
        output,
        "--model",
        "logistic-regression");
    refused(
        "--validation-fraction is 1.0, expected at least 0 and below 1",
        "train",
        "--input",
        features,
        "--output",
        output,
        "--model",
        "linear-readout",
        "--validation-fraction",
        "1");
    assertFalse(Files.exists(Path.of(output)));
  }

  @Test
  void damagedModelsAreRefused() throws IOException {
    refused(
        path("no-model") + " is not a model: it has no _model.json; make one with train",
        "evaluate",
        "--model",
        path("no-model"),
        "--input",
        features);
    Path broken = Path.of(path("broken"));
    done("train", "--input", features, "--output", broken.toString(), "--model", "linear-readout");
    Path manifest = broken.resolve("_model.json");
    String text = Files.readString(manifest);
    Path weights;
    try (Stream<Path> files = Files.walk(broken)) {
      weights = files.filter(file -> file.endsWith("readout.json")).findFirst().orElseThrow();
    }
    byte[] content = Files.readAllBytes(weights);
    Files.delete(weights);
    Files.deleteIfExists(weights.resolveSibling(".readout.json.crc"));
    refused(
        "readout.json is missing, the manifest lists it with " + content.length + " bytes",
        "predict",
        "--model",
        broken.toString(),
        "--input",
        area,
        "--output",
        path("never"));
    assertFalse(Files.exists(Path.of(path("never"))));
    Files.deleteIfExists(broken.resolve("._model.json.crc"));
    Files.writeString(manifest, text.replace("\"formatVersion\" : 1", "\"formatVersion\" : 99"));
    refused(
        "has format version 99, this library",
        "evaluate",
        "--model",
        broken.toString(),
        "--input",
        features);
    Files.writeString(manifest, text.substring(0, 40));
    refused(
        "is damaged: it is not the JSON of a manifest",
        "evaluate",
        "--model",
        broken.toString(),
        "--input",
        features);
  }

  @Test
  void splitsThatDoNotExistAreRefused() {
    refused(
        "there is no test split: the data set has no column split",
        "evaluate",
        "--model",
        model,
        "--input",
        features,
        "--split",
        "test");
    refused(
        "--split is 'dev', expected one of train, validation, test, all",
        "evaluate",
        "--model",
        model,
        "--input",
        features,
        "--split",
        "dev");
  }

  @Test
  void twoClassesAreLearnedInTheSessionThatWroteTheData() {
    String table = path("two-classes");
    SharedSpark.session()
        .sql(
            "select id, array(0.0, rand(1), (id % 2) + 0.1 * rand(2)) a, if(id % 2 = 0, 'even',"
                + " 'odd') kind from range(60)")
        .write()
        .parquet(table);
    String data = path("two-classes-data");
    done(
        "import",
        "--format",
        "parquet",
        "--layout",
        "wide",
        "--channels",
        "a",
        "--label",
        "kind",
        "--input",
        table,
        "--output",
        data);
    String signatures = path("two-classes-features");
    done("features", "--kind", "signature", "--input", data, "--output", signatures);

    JsonNode trained =
        done(
                "train",
                "--model",
                "logistic-regression",
                "--input",
                signatures,
                "--output",
                path("two-classes-model"))
            .summary();

    assertEquals(1.0, trained.path("trainingAccuracy").asDouble());
  }

  private static JsonNode evaluation(String input, String split) {
    return done("evaluate", "--model", model, "--input", input, "--split", split).summary();
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
    assertFalse(run.err().contains("\tat "), run.err());
  }

  private static String path(String name) {
    return folder.resolve(name).toString();
  }
}
