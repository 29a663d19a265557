package org.sparkssm.ml;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.sparkssm.testing.SharedSpark;

/** A saved model is readable without this library: NumPy and the safetensors package suffice. */
class PythonReaderIT {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Path ENVIRONMENT = Path.of("target", "python").toAbsolutePath();

  @TempDir private Path folder;

  @Test
  void numpyReproducesThePredictions() throws Exception {
    Dataset<Row> rows =
        SharedSpark.session()
            .range(60)
            .selectExpr(
                "id",
                "transform(sequence(0, 2 * (3 + id % 9) - 1), k -> float(sin(k * (id + 1)))) as"
                    + " values",
                "10 + cos(id) as label");
    SequenceRegressionModel model =
        new SequenceRegressor()
            .setChannels(2)
            .setBlocks(1)
            .setWidth(8)
            .setStateSize(4)
            .setEpochs(3)
            .fit(rows);
    model.save(folder.resolve("model").toString());
    List<Row> scored = model.transform(rows).orderBy("id").collectAsList();
    Path sequences = folder.resolve("sequences.json");
    JSON.writeValue(sequences.toFile(), scored.stream().map(PythonReaderIT::points).toList());

    String script =
        Path.of(PythonReaderIT.class.getResource("/python/mamba_predictions.py").toURI())
            .toString();
    JsonNode predictions =
        JSON.readTree(
            run(python(), script, folder.resolve("model").toString(), sequences.toString()));

    assertEquals(scored.size(), predictions.size());
    for (int i = 0; i < scored.size(); i++) {
      assertEquals(
          predictions.get(i).asDouble(),
          scored.get(i).<Double>getAs("prediction"),
          1e-5,
          "row " + i);
    }
  }

  private static List<List<Float>> points(Row row) {
    List<Float> values = row.getList(1);
    List<List<Float>> points = new ArrayList<>();
    for (int l = 0; l < values.size(); l += 2) {
      points.add(values.subList(l, l + 2));
    }
    return points;
  }

  /** A Python of its own with the two packages, made once. */
  private static String python() throws IOException, InterruptedException {
    Path complete = ENVIRONMENT.resolve("complete");
    String python = ENVIRONMENT.resolve("bin").resolve("python").toString();
    if (!Files.exists(complete)) {
      run("python3", "-m", "venv", ENVIRONMENT.toString());
      run(python, "-m", "pip", "install", "--quiet", "numpy<3", "safetensors<1");
      Files.createFile(complete);
    }
    return python;
  }

  /** Standard output of a command. */
  private static String run(String... command) throws IOException, InterruptedException {
    Path errors = Files.createTempFile("python", ".err");
    try {
      Process process = new ProcessBuilder(command).redirectError(errors.toFile()).start();
      String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      int status = process.waitFor();
      String text = Files.readString(errors);
      assertEquals(0, status, () -> Arrays.toString(command) + ": " + text);
      return output;
    } finally {
      Files.delete(errors);
    }
  }
}
