package org.sparkssm.ml;

import static org.apache.spark.sql.functions.col;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.apache.spark.ml.Pipeline;
import org.apache.spark.ml.PipelineModel;
import org.apache.spark.ml.PipelineStage;
import org.apache.spark.ml.evaluation.RegressionEvaluator;
import org.apache.spark.ml.linalg.SQLDataTypes;
import org.apache.spark.ml.linalg.Vector;
import org.apache.spark.ml.linalg.Vectors;
import org.apache.spark.ml.param.ParamMap;
import org.apache.spark.ml.tuning.CrossValidator;
import org.apache.spark.ml.tuning.ParamGridBuilder;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.testing.SharedSpark;

class LinearReadoutIT {
  private static final StructType SCHEMA =
      new StructType()
          .add("id", DataTypes.LongType, false)
          .add("features", SQLDataTypes.VectorType(), false)
          .add("label", DataTypes.DoubleType, false);

  private final SparkSession spark = SharedSpark.session();

  @Test
  void weightsAreTheSameBitsForAnyOrderAndPartitioning() {
    List<Row> rows = noisyRows(1000, 20);
    LinearReadoutModel reference = fit(spark.createDataFrame(rows, SCHEMA).coalesce(1));
    List<Row> shuffled = new ArrayList<>(rows);
    Collections.shuffle(shuffled, new Random(5));
    for (int partitions : new int[] {1, 2, 7}) {
      LinearReadoutModel model =
          fit(spark.createDataFrame(shuffled, SCHEMA).repartition(partitions));
      assertArrayEquals(reference.weights(), model.weights());
      assertArrayEquals(reference.intercepts(), model.intercepts());
    }
    assertEquals(1000, reference.summary().rows());
    assertEquals(20, reference.summary().rank());
  }

  @Test
  void numberOfMicroShardsChangesNoMoreThanRounding() {
    Dataset<Row> data = spark.createDataFrame(noisyRows(300, 5), SCHEMA).cache();
    double[] one = new LinearReadout().setMicroShards(1).fit(data).weights();
    double[] many = new LinearReadout().setMicroShards(64).fit(data).weights();
    assertArrayEquals(one, many, 1e-13);
    data.unpersist();
  }

  @Test
  void predictsAnExactlyLinearLabel() {
    List<Row> rows = new ArrayList<>();
    Random random = new Random(1);
    for (int i = 0; i < 50; i++) {
      double a = random.nextGaussian();
      double b = random.nextGaussian();
      rows.add(RowFactory.create((long) i, Vectors.dense(a, b, 1), 3 * a - 2 * b + 7));
    }
    Dataset<Row> data = spark.createDataFrame(rows, SCHEMA);
    LinearReadoutModel model = fit(data);
    assertArrayEquals(new double[] {3, -2, 0}, model.weights(), 1e-12);
    assertArrayEquals(new double[] {7}, model.intercepts(), 1e-12);
    assertEquals(2, model.summary().rank());
    for (Row row : model.transform(data).collectAsList()) {
      assertEquals(row.<Double>getAs("label"), row.<Double>getAs("prediction"), 1e-11);
    }
  }

  @Test
  void vectorLabelsAndArrayFeaturesGiveVectorPredictions() {
    List<Row> rows = new ArrayList<>();
    Random random = new Random(2);
    for (int i = 0; i < 50; i++) {
      float a = (float) random.nextGaussian();
      float b = (float) random.nextGaussian();
      rows.add(RowFactory.create((long) i, new Float[] {a, b}, Vectors.dense(a + 1, 2 * b)));
    }
    StructType schema =
        new StructType()
            .add("id", DataTypes.LongType)
            .add("features", DataTypes.createArrayType(DataTypes.FloatType))
            .add("label", SQLDataTypes.VectorType());
    Dataset<Row> data = spark.createDataFrame(rows, schema);
    LinearReadoutModel model = fit(data);
    assertArrayEquals(new double[] {1, 0, 0, 2}, model.weights(), 1e-6);
    Vector prediction = model.transform(data).first().getAs("prediction");
    Vector label = data.first().getAs("label");
    assertArrayEquals(label.toArray(), prediction.toArray(), 1e-6);
    assertEquals(model.transform(data).schema(), model.transformSchema(schema));
  }

  @Test
  void pipelineSurvivesSavingAndLoading(@TempDir Path folder) throws Exception {
    Dataset<Row> data = spark.createDataFrame(noisyRows(100, 3), SCHEMA);
    LinearReadout readout = new LinearReadout().setPredictionCol("guess").setTol(1e-6);
    PipelineModel model = new Pipeline().setStages(new PipelineStage[] {readout}).fit(data);
    model.write().save(folder.resolve("model").toString());
    PipelineModel loaded = PipelineModel.load(folder.resolve("model").toString());
    LinearReadoutModel before = (LinearReadoutModel) model.stages()[0];
    LinearReadoutModel after = (LinearReadoutModel) loaded.stages()[0];
    assertEquals(before.uid(), after.uid());
    assertArrayEquals(before.weights(), after.weights());
    assertArrayEquals(before.intercepts(), after.intercepts());
    assertArrayEquals(before.summary().r2(), after.summary().r2());
    assertEquals(
        model.transform(data).select("guess").collectAsList(),
        loaded.transform(data).select("guess").collectAsList());
    readout.write().save(folder.resolve("estimator").toString());
    LinearReadout restored = LinearReadout.load(folder.resolve("estimator").toString());
    assertEquals(1e-6, (double) restored.getOrDefault(restored.tol()));
  }

  @Test
  void crossValidatorPicksTheBetterSetting() {
    List<Row> rows = new ArrayList<>();
    for (Row row : noisyRows(200, 3)) {
      rows.add(RowFactory.create(row.get(0), row.get(1), row.getDouble(2) + 100));
    }
    LinearReadout readout = new LinearReadout();
    ParamMap[] grid = new ParamGridBuilder().addGrid(readout.fitIntercept()).build();
    var best =
        new CrossValidator()
            .setEstimator(readout)
            .setEvaluator(new RegressionEvaluator())
            .setEstimatorParamMaps(grid)
            .setNumFolds(2)
            .fit(spark.createDataFrame(rows, SCHEMA));
    LinearReadoutModel model = (LinearReadoutModel) best.bestModel();
    assertEquals(100, model.intercepts()[0], 0.1);
  }

  @Test
  void refusesWhatHasNoPlaceInAFit() {
    List<Row> rows = noisyRows(20, 2);
    refuses(rows.subList(0, 0), "there are no rows to fit a linear readout to");
    List<Row> repeated = new ArrayList<>(rows);
    repeated.add(rows.get(3));
    refuses(repeated, "row id 3 occurs twice, expected each id once");
    List<Row> shorter = new ArrayList<>(rows);
    shorter.add(RowFactory.create(99L, Vectors.dense(1), 0.0));
    refuses(shorter, "row id 99 has 1 features, expected 2 as in another row");
    List<Row> notFinite = new ArrayList<>(rows);
    notFinite.add(RowFactory.create(98L, Vectors.dense(1, Double.NaN), 0.0));
    refuses(
        notFinite,
        "row id 98 has the value NaN at position 1 of its features, expected finite numbers");
  }

  @Test
  void schemaErrorsNameTheColumn() {
    Dataset<Row> data = spark.createDataFrame(noisyRows(3, 2), SCHEMA);
    LinearReadout readout = new LinearReadout();
    assertEquals(
        "there is no column features, expected a vector or array of numbers; the columns are id, label",
        assertThrows(InvalidInputException.class, () -> readout.fit(data.drop("features")))
            .getMessage());
    assertEquals(
        "column label is of type string, expected a number, vector or array",
        assertThrows(
                InvalidInputException.class,
                () -> readout.fit(data.withColumn("label", col("label").cast("string"))))
            .getMessage());
    assertEquals(
        "column prediction exists already, expected a free name for the output",
        assertThrows(
                InvalidInputException.class,
                () -> readout.fit(data.withColumn("prediction", col("label"))))
            .getMessage());
    assertThrows(IllegalArgumentException.class, () -> readout.setMicroShards(6));
    assertThrows(IllegalArgumentException.class, () -> readout.setTol(1));
  }

  private void refuses(List<Row> rows, String message) {
    Throwable error = assertThrows(Exception.class, () -> fit(spark.createDataFrame(rows, SCHEMA)));
    while (!(error instanceof InvalidInputException) && error.getCause() != null) {
      error = error.getCause();
    }
    assertEquals(message, error.getMessage());
  }

  private static LinearReadoutModel fit(Dataset<Row> data) {
    return new LinearReadout().fit(data);
  }

  private static List<Row> noisyRows(int count, int features) {
    Random random = new Random(42);
    List<Row> rows = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      double[] x = random.doubles(features).toArray();
      rows.add(
          RowFactory.create((long) i, Vectors.dense(x), x[0] - x[1] + 0.1 * random.nextGaussian()));
    }
    return rows;
  }
}
