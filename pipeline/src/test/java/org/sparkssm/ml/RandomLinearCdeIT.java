package org.sparkssm.ml;

import static org.apache.spark.sql.functions.col;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.apache.spark.ml.Pipeline;
import org.apache.spark.ml.PipelineModel;
import org.apache.spark.ml.PipelineStage;
import org.apache.spark.ml.attribute.AttributeGroup;
import org.apache.spark.ml.linalg.Vector;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.kernel.CdeSolver;
import org.sparkssm.kernel.Precision;
import org.sparkssm.kernel.ReferenceKernels;
import org.sparkssm.model.RandomLinearCdeStates;
import org.sparkssm.testing.SharedSpark;

class RandomLinearCdeIT {
  private static final StructType SCHEMA =
      new StructType()
          .add("id", DataTypes.LongType, false)
          .add("values", DataTypes.createArrayType(DataTypes.FloatType))
          .add("times", DataTypes.createArrayType(DataTypes.DoubleType))
          .add("note", DataTypes.createArrayType(DataTypes.StringType))
          .add("label", DataTypes.DoubleType);

  private final SparkSession spark = SharedSpark.session();

  @Test
  void featuresAreTheStatesAndOtherColumnsRideAlong() {
    List<Row> rows = rows(40);
    RandomLinearCde cde = small().setTimesCol("times");
    Dataset<Row> features = cde.transform(data(rows)).orderBy("id");
    assertEquals(cde.transformSchema(SCHEMA), features.schema());
    assertEquals(6, AttributeGroup.fromStructField(features.schema().apply("features")).size());
    var expected =
        new RandomLinearCdeStates(new ReferenceKernels(Precision.FLOAT), 2, 6, CdeSolver.RK4, 1, 3);
    for (Row row : features.collectAsList()) {
      Row source = rows.get((int) row.getLong(0));
      assertEquals(java.util.Arrays.asList((Object[]) source.get(3)), row.getList(3));
      assertEquals(source.get(4), row.get(4));
      var path = new RandomLinearCdeStates.Path(floats(source), doubles(source));
      assertArrayEquals(
          toDoubles(expected.of(List.of(path))[0]), row.<Vector>getAs("features").toArray(), 1e-5);
    }
  }

  @Test
  void featuresDoNotDependOnPartitioning() {
    Dataset<Row> data = data(rows(700));
    RandomLinearCde cde = small();
    List<Row> one = cde.transform(data.coalesce(1)).orderBy("id").collectAsList();
    List<Row> many = cde.transform(data.repartition(7)).orderBy("id").collectAsList();
    assertEquals(one, many);
  }

  @Test
  void arrayOutputHoldsTheSameNumbers() {
    Dataset<Row> data = data(rows(5));
    Row vector = small().transform(data).orderBy("id").first();
    Row array = small().setOutputType("array").transform(data).orderBy("id").first();
    double[] numbers = array.<Float>getList(5).stream().mapToDouble(Float::doubleValue).toArray();
    assertArrayEquals(vector.<Vector>getAs(5).toArray(), numbers);
  }

  @Test
  void worksInAPipelineThatIsSavedAndLoaded(@TempDir Path folder) throws Exception {
    Dataset<Row> data = data(rows(200));
    Pipeline pipeline =
        new Pipeline().setStages(new PipelineStage[] {small(), new LinearReadout()});
    PipelineModel model = pipeline.fit(data);
    model.write().save(folder.resolve("model").toString());
    PipelineModel loaded = PipelineModel.load(folder.resolve("model").toString());
    assertEquals(
        model.transform(data).orderBy("id").select("prediction").collectAsList(),
        loaded.transform(data).orderBy("id").select("prediction").collectAsList());
  }

  @Test
  void badInputIsNamed() {
    List<Row> rows = rows(3);
    RandomLinearCde cde = small();
    assertEquals(
        "column values is of type array<string>, expected array<float> or array<double>",
        assertThrows(
                InvalidInputException.class,
                () -> cde.transform(data(rows).withColumn("values", col("note"))))
            .getMessage());
    assertEquals(
        "column values does not say how many channels it has; set channels",
        assertThrows(InvalidInputException.class, () -> new RandomLinearCde().transform(data(rows)))
            .getMessage());
    refuses(
        cde,
        RowFactory.create(7L, new Float[] {1f, 2f, 3f}, null, null, 0.0),
        "the sequence with id 7 has 3 values, expected a multiple of 2 channels");
    refuses(
        cde,
        RowFactory.create(8L, null, null, null, 0.0),
        "the sequence with id 8 is null in column values, expected an array");
    refuses(
        cde,
        RowFactory.create(8L, new Float[0], null, null, 0.0),
        "the sequence with id 8 has no point, expected at least one to start from");
    refuses(
        small().setTimesCol("times"),
        RowFactory.create(9L, new Float[] {1f, 2f, 3f, 4f}, new Double[] {1.0, 1.0}, null, 0.0),
        "the sequence with id 9 has time 1.0 at step 1 after 1.0, expected strictly increasing times");
    refuses(
        cde,
        RowFactory.create(10L, new Float[] {1f, 2f, Float.NaN, 4f}, null, null, 0.0),
        "the sequence with id 10 has the value NaN at step 1, channel 0, expected a finite number");
    refuses(
        cde,
        RowFactory.create(11L, new Float[] {1f, 2f, 3e38f, 4f}, null, null, 0.0),
        "the state of the sequence with id 11 is not finite: its path moves too far; scale the"
            + " values down");
    assertThrows(IllegalArgumentException.class, () -> cde.setSolver("heun"));
    assertThrows(IllegalArgumentException.class, () -> cde.setStateSize(0));
  }

  private void refuses(RandomLinearCde cde, Row row, String message) {
    Throwable error =
        assertThrows(Exception.class, () -> cde.transform(data(List.of(row))).collectAsList());
    while (!(error instanceof InvalidInputException) && error.getCause() != null) {
      error = error.getCause();
    }
    assertEquals(message, error.getMessage());
  }

  private static RandomLinearCde small() {
    return new RandomLinearCde().setChannels(2).setStateSize(6).setSeed(3);
  }

  private Dataset<Row> data(List<Row> rows) {
    return spark.createDataFrame(rows, SCHEMA);
  }

  private static List<Row> rows(int count) {
    Random random = new Random(1);
    List<Row> rows = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      int length = 1 + random.nextInt(12);
      Float[] values = new Float[2 * length];
      for (int k = 0; k < values.length; k++) {
        values[k] = (float) (0.3 * random.nextGaussian());
      }
      Double[] times = new Double[length];
      for (int l = 0; l < length; l++) {
        times[l] = l + 0.5 * random.nextDouble();
      }
      rows.add(RowFactory.create((long) i, values, times, new String[] {"n" + i, null}, i / 10.0));
    }
    return rows;
  }

  private static float[] floats(Row row) {
    Float[] boxed = (Float[]) row.get(1);
    float[] values = new float[boxed.length];
    for (int k = 0; k < values.length; k++) {
      values[k] = boxed[k];
    }
    return values;
  }

  private static double[] doubles(Row row) {
    return java.util.Arrays.stream((Double[]) row.get(2))
        .mapToDouble(Double::doubleValue)
        .toArray();
  }

  private static double[] toDoubles(float[] values) {
    double[] numbers = new double[values.length];
    for (int k = 0; k < values.length; k++) {
      numbers[k] = values[k];
    }
    return numbers;
  }
}
