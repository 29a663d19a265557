package org.sparkssm.jobs;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.element_at;
import static org.apache.spark.sql.functions.lit;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.apache.spark.ml.functions;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataTypes;
import org.sparkssm.data.LabelDescription;
import org.sparkssm.data.SequenceSchema;
import org.sparkssm.spark.PredictionStore;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Writes the predictions of a model for a data set. */
@Command(
    name = "predict",
    description = {
      "Writes one row per sequence as Parquet: id, key (where the source had its own), prediction,"
          + " for classes also class and probabilities, and the data set's further columns.",
      "The input may be sequences, or features computed as those the model was trained on."
    })
final class PredictCommand extends SparkCommand {
  private static final List<String> LEFT_OUT =
      List.of(
          SequenceSchema.VALUES,
          SequenceSchema.TOKENS,
          SequenceSchema.TIMES,
          SequenceSchema.LABELS,
          "features",
          "rawPrediction",
          "probability",
          "predictedLabel");

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

  @Option(names = "--output", required = true, paramLabel = "DIR", description = "Where to write.")
  private String output;

  @Override
  protected String plan() {
    return String.format(Locale.ROOT, "%s on %s, predictions to %s", modelPath, input, output);
  }

  @Override
  protected Map<String, Object> run(SparkSession spark) {
    PredictionStore.checkOutput(spark, output, common().overwrite);
    Scoring scoring = Scoring.open(spark, modelPath, input);
    Dataset<Row> predictions =
        columns(scoring.score(scoring.rows()), scoring.model().manifest().label());
    Map<String, Object> origin = new LinkedHashMap<>();
    origin.put("model", modelPath);
    origin.put("weightsSha256", scoring.model().manifest().weightsSha256());
    origin.put("input", input);
    origin.put("fingerprint", scoring.source().fingerprint());
    PredictionStore.Manifest manifest =
        PredictionStore.write(predictions, origin, output, common().overwrite);
    Map<String, Object> summary = new LinkedHashMap<>();
    summary.put("output", output);
    summary.put("rows", manifest.count());
    summary.put("bytes", manifest.bytes());
    return summary;
  }

  /** Who it is, what is predicted, then what rode along. */
  private static Dataset<Row> columns(Dataset<Row> scored, LabelDescription label) {
    List<String> present = Arrays.asList(scored.columns());
    List<Column> columns = new ArrayList<>();
    List<String> taken = new ArrayList<>();
    for (String name : List.of(SequenceSchema.ID, SequenceSchema.KEY)) {
      if (present.contains(name)) {
        columns.add(col(name));
        taken.add(name);
      }
    }
    boolean perStep = scored.schema().apply("prediction").dataType() instanceof ArrayType;
    if (label.kind() == LabelDescription.Kind.CLASS && !perStep) {
      Column prediction = col("prediction").cast(DataTypes.IntegerType);
      columns.add(prediction.as("prediction"));
      columns.add(
          element_at(lit(label.classes().toArray(String[]::new)), prediction.plus(1)).as("class"));
      columns.add(functions.vector_to_array(col("probability"), "float64").as("probabilities"));
    } else {
      columns.add(col("prediction"));
    }
    taken.addAll(List.of("prediction", "class", "probabilities"));
    for (String name : present) {
      if (!taken.contains(name) && !LEFT_OUT.contains(name)) {
        columns.add(col("`" + name + "`"));
      }
    }
    return scored.select(columns.toArray(Column[]::new));
  }
}
