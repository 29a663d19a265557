package org.sparkssm.ml;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import org.apache.spark.ml.Pipeline;
import org.apache.spark.ml.PipelineModel;
import org.apache.spark.ml.PipelineStage;
import org.apache.spark.ml.Transformer;
import org.apache.spark.ml.linalg.Vector;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.streaming.Trigger;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.sparkssm.testing.SharedSpark;

/** Models applied to rows that come another way than in training. */
class ScoringIT {
  @TempDir static Path folder;

  private static SparkSession spark;
  private static Dataset<Row> rows;
  private static SequenceClassificationModel model;

  @BeforeAll
  static void trained() {
    spark = SharedSpark.session();
    rows =
        spark
            .range(0, 300, 1, 4)
            .selectExpr(
                "id",
                "transform(sequence(0, 2 * (4 + id % 37) - 1), k -> float(sin(k + id))) as values",
                "int(sin(id) > 0.2) as label")
            .cache();
    model = new SequenceClassifier().setChannels(2).setWidth(16).setEpochs(2).fit(rows);
  }

  @Test
  void predictionsDoNotDependOnPartitions() {
    double[][] expected = probabilities(model.transform(rows.coalesce(1)));
    for (int partitions : new int[] {2, 7, 60}) {
      double[][] found = probabilities(model.transform(rows.repartition(partitions)));
      assertEquals(expected.length, found.length);
      for (int i = 0; i < expected.length; i++) {
        assertArrayEquals(expected[i], found[i], 1e-6, "row " + i + " of " + partitions);
      }
    }
  }

  @Test
  void aStreamIsScoredLikeATable() throws Exception {
    assertStreamed(model, "model");
  }

  @Test
  void aPipelineThatWasReadBackScoresAStream() throws Exception {
    String saved = folder.resolve("pipeline").toString();
    new Pipeline()
        .setStages(
            new PipelineStage[] {
              new RandomLinearCde()
                  .setInputCol("values")
                  .setChannels(2)
                  .setStateSize(8)
                  .setOutputCol("state"),
              model
            })
        .fit(rows)
        .save(saved);
    PipelineModel pipeline = PipelineModel.load(saved);
    assertStreamed(pipeline, "pipeline");
    Vector state = pipeline.transform(rows).first().getAs("state");
    assertEquals(8, state.size());
  }

  private static void assertStreamed(Transformer transformer, String name) throws Exception {
    String input = folder.resolve(name + "-input").toString();
    rows.repartition(3).write().parquet(input);
    Dataset<Row> stream = spark.readStream().schema(rows.schema()).parquet(input);
    Dataset<Row> scored = transformer.transform(stream);
    assertTrue(scored.isStreaming());
    scored
        .writeStream()
        .format("memory")
        .queryName(name)
        .trigger(Trigger.AvailableNow())
        .start()
        .awaitTermination();
    double[][] expected = probabilities(transformer.transform(rows));
    double[][] found = probabilities(spark.table(name));
    assertEquals(300, found.length);
    for (int i = 0; i < expected.length; i++) {
      assertArrayEquals(expected[i], found[i], 1e-6, "row " + i);
    }
  }

  /** In the order of ids. */
  private static double[][] probabilities(Dataset<Row> scored) {
    return scored.orderBy("id").select("probability").collectAsList().stream()
        .map(row -> ((Vector) row.get(0)).toArray())
        .toArray(double[][]::new);
  }
}
