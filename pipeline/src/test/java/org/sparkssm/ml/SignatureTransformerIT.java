package org.sparkssm.ml;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.apache.spark.ml.Pipeline;
import org.apache.spark.ml.PipelineModel;
import org.apache.spark.ml.PipelineStage;
import org.apache.spark.ml.attribute.AttributeGroup;
import org.apache.spark.ml.linalg.Vector;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.Metadata;
import org.apache.spark.sql.types.MetadataBuilder;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.signature.LogSignature;
import org.sparkssm.signature.LogSignatureBasis;
import org.sparkssm.signature.PathTransform;
import org.sparkssm.signature.Signature;
import org.sparkssm.signature.Words;
import org.sparkssm.spark.Failures;
import org.sparkssm.testing.SharedSpark;

class SignatureTransformerIT {
  private static final int CHANNELS = 2;
  private static final int COUNT = 57;

  @TempDir Path folder;

  @ParameterizedTest
  @ValueSource(strings = {"true", "false"})
  void parquetRowsGetTheSignaturesOfTheirPaths(String codeGeneration) {
    SparkSession spark = SharedSpark.session();
    spark.conf().set("spark.sql.codegen.wholeStage", codeGeneration);
    try {
      String data = folder.resolve("data").toString();
      sequences(DataTypes.FloatType, true).repartition(3).write().parquet(data);
      SignatureTransformer transformer =
          new SignatureTransformer().setDepth(3).setTransforms("time,basepoint");
      List<Row> rows =
          transformer.transform(spark.read().parquet(data)).orderBy("id").collectAsList();
      assertEquals(COUNT, rows.size());
      for (Row row : rows) {
        float[] path = floats(row.getList(row.fieldIndex("values")));
        assertEquals(path.length / CHANNELS, row.<Integer>getAs("length"));
        float[] augmented =
            PathTransform.timeAugment(
                path, CHANNELS, PathTransform.uniformTimes(path.length / CHANNELS));
        float[] expected = Signature.of(PathTransform.basepoint(augmented, 3), 3, 3);
        assertClose(expected, row.<Vector>getAs("features").toArray());
      }
    } finally {
      spark.conf().unset("spark.sql.codegen.wholeStage");
    }
  }

  @Test
  void theColumnNamesItsWords() {
    Dataset<Row> data = sequences(DataTypes.FloatType, true);
    StructType schema = new SignatureTransformer().setDepth(2).transformSchema(data.schema());
    AttributeGroup group = AttributeGroup.fromStructField(schema.apply("features"));
    assertEquals(6, group.size());
    List<String> names = new ArrayList<>();
    for (int i = 0; i < group.size(); i++) {
      names.add(group.getAttr(i).name().get());
    }
    assertEquals(Words.labels(2, 2), names);
    assertEquals(schema, new SignatureTransformer().setDepth(2).transform(data).schema());
  }

  @Test
  void logSignaturesOfDoublesComeAsArraysOfDoubles() {
    Dataset<Row> data = sequences(DataTypes.DoubleType, true);
    List<Row> rows =
        new SignatureTransformer()
            .setKind("logsignature")
            .setBasis("words")
            .setDepth(4)
            .setOutputType("array")
            .transform(data)
            .collectAsList();
    assertEquals(COUNT, rows.size());
    LogSignature log = LogSignature.of(CHANNELS, 4, LogSignatureBasis.WORDS);
    for (Row row : rows) {
      assertArrayEquals(
          log.ofPath(doubles(row.getList(row.fieldIndex("values")))),
          doubles(row.getList(row.fieldIndex("features"))),
          1e-13);
    }
  }

  @Test
  void timesComeFromTheirColumnCountedFromTheFirst() {
    List<Row> rows =
        new SignatureTransformer()
            .setTimesCol("times")
            .setTransforms("time")
            .setDepth(1)
            .transform(sequences(DataTypes.FloatType, true))
            .collectAsList();
    for (Row row : rows) {
      List<Double> times = row.getList(row.fieldIndex("times"));
      double expected = times.isEmpty() ? 0 : times.get(times.size() - 1) - times.get(0);
      assertEquals(expected, row.<Vector>getAs("features").apply(0), 1e-5);
    }
  }

  @Test
  void slidingWindowsGiveOneVectorEach() {
    List<Row> rows =
        new SignatureTransformer()
            .setWindow("sliding:4:3")
            .setDepth(2)
            .transform(sequences(DataTypes.FloatType, true))
            .collectAsList();
    for (Row row : rows) {
      float[] path = floats(row.getList(row.fieldIndex("values")));
      List<Vector> windows = row.getList(row.fieldIndex("features"));
      int length = path.length / CHANNELS;
      assertEquals(length < 4 ? 0 : (length - 4) / 3 + 1, windows.size());
      for (int w = 0; w < windows.size(); w++) {
        float[] part = java.util.Arrays.copyOfRange(path, 3 * w * CHANNELS, (3 * w + 4) * CHANNELS);
        assertClose(Signature.of(part, CHANNELS, 2), windows.get(w).toArray());
      }
    }
  }

  @Test
  void dyadicWindowsStandSideBySide() {
    Dataset<Row> data = sequences(DataTypes.FloatType, true);
    Dataset<Row> features =
        new SignatureTransformer().setWindow("dyadic:1").setDepth(2).transform(data);
    assertEquals(18, AttributeGroup.fromStructField(features.schema().apply("features")).size());
    Row row = features.orderBy(org.apache.spark.sql.functions.desc("id")).first();
    float[] path = floats(row.getList(row.fieldIndex("values")));
    int half = path.length / CHANNELS / 2 * CHANNELS;
    double[] expected = new double[18];
    copy(Signature.of(path, CHANNELS, 2), expected, 0);
    copy(Signature.of(java.util.Arrays.copyOf(path, half), CHANNELS, 2), expected, 6);
    copy(
        Signature.of(java.util.Arrays.copyOfRange(path, half, path.length), CHANNELS, 2),
        expected,
        12);
    assertArrayEquals(expected, row.<Vector>getAs("features").toArray(), 1e-6);
  }

  @Test
  void batchesOfOneRowGiveTheSameFeatures() {
    Dataset<Row> data = sequences(DataTypes.FloatType, true);
    SignatureTransformer transformer = new SignatureTransformer().setDepth(4);
    List<Row> together = transformer.transform(data.coalesce(1)).orderBy("id").collectAsList();
    List<Row> apart = transformer.transform(data.repartition(60)).orderBy("id").collectAsList();
    for (int i = 0; i < COUNT; i++) {
      assertArrayEquals(
          together.get(i).<Vector>getAs("features").toArray(),
          apart.get(i).<Vector>getAs("features").toArray(),
          1e-5);
    }
  }

  @Test
  void aPipelineIsSavedAndLoadedWithAllItsParams() throws Exception {
    SignatureTransformer transformer =
        new SignatureTransformer()
            .setChannels(2)
            .setDepth(2)
            .setKind("logsignature")
            .setBasis("expanded")
            .setTransforms("time,lead-lag")
            .setWindow("dyadic:2")
            .setOutputCol("signature")
            .setTimesCol("times")
            .setOutputType("array");
    Dataset<Row> data = sequences(DataTypes.FloatType, false);
    String place = folder.resolve("transformer").toString();
    transformer.write().overwrite().save(place);
    SignatureTransformer loaded = SignatureTransformer.load(place);
    assertEquals(transformer.uid(), loaded.uid());
    assertEquals(transformer.extractParamMap().toString(), loaded.extractParamMap().toString());

    String pipelinePlace = folder.resolve("pipeline").toString();
    PipelineModel model = new Pipeline().setStages(new PipelineStage[] {transformer}).fit(data);
    model.write().save(pipelinePlace);
    assertEquals(
        model.transform(data).orderBy("id").collectAsList(),
        PipelineModel.load(pipelinePlace).transform(data).orderBy("id").collectAsList());
  }

  @Test
  void twoTransformersFollowEachOther() {
    Dataset<Row> data = sequences(DataTypes.FloatType, true);
    Dataset<Row> both =
        new SignatureTransformer()
            .setDepth(1)
            .setOutputCol("second")
            .transform(new SignatureTransformer().setDepth(2).transform(data).cache());
    Row row = both.first();
    double[] first = row.<Vector>getAs("features").toArray();
    assertArrayEquals(
        new double[] {first[0], first[1]}, row.<Vector>getAs("second").toArray(), 1e-6);
    assertEquals(COUNT, both.count());
  }

  @Test
  void whatCannotWorkIsRefusedBeforeAnythingRuns() {
    Dataset<Row> data = sequences(DataTypes.FloatType, true);
    assertRefused(
        () -> new SignatureTransformer().transform(sequences(DataTypes.FloatType, false)),
        "column values does not say how many channels it has; set channels");
    assertRefused(
        () -> new SignatureTransformer().setChannels(3).transform(data),
        "column values has 2 channels by its metadata, but channels is set to 3");
    assertRefused(
        () -> new SignatureTransformer().setDepth(40).transform(data),
        "a signature of 2 channels at depth 40 in 1 window has 2199023255550 entries and takes"
            + " 17592186044400 bytes a row, more than the limit spark.ssm.signature.maxBytes ="
            + " 268435456 bytes");
    assertRefused(
        () -> new SignatureTransformer().setInputCol("length").transform(data),
        "column length is of type int, expected array<float> or array<double>");
    assertRefused(
        () -> new SignatureTransformer().setOutputCol("times").transform(data),
        "column times exists already, expected a free name for the output");
    assertRefused(
        () -> new SignatureTransformer().setTransforms("time").setTimesCol("t").transform(data),
        "there is no column t, expected array<double>; the columns are id, values, length, times");
    assertThrows(
        IllegalArgumentException.class, () -> new SignatureTransformer().setKind("signatur"));
  }

  @Test
  void badRowsAreNamed() {
    assertFails(
        row(7L, new Float[] {1f, 2f, 3f}, null),
        "row id = 7 has 3 values, expected a multiple of its 2 channels");
    assertFails(
        row(8L, new Float[] {1f, 2f, 3f, Float.NaN}, null),
        "row id = 8 has NaN at step 1, channel 2, expected a finite number");
    assertFails(
        row(9L, new Float[] {1f, null}, null),
        "row id = 9 has a null at position 1 of its values, expected a number");
    assertFails(row(10L, null, null), "row id = 10 has no values, expected an array");
    assertFails(
        row(11L, new Float[] {1f, 2f, 3f, 4f}, new Double[] {1.0, 1.0}),
        "row id = 11 has time 1.0 at step 1, expected a finite time after that of the step before");
    assertFails(
        row(12L, new Float[] {1f, 2f, 3f, 4f}, new Double[] {1.0}),
        "row id = 12 has 1 times, expected one for each of 2 points");
  }

  private static void assertFails(Row row, String message) {
    StructType schema =
        new StructType()
            .add("id", DataTypes.LongType)
            .add("values", DataTypes.createArrayType(DataTypes.FloatType, true))
            .add("times", DataTypes.createArrayType(DataTypes.DoubleType, true));
    Dataset<Row> data = SharedSpark.session().createDataFrame(List.of(row), schema);
    SignatureTransformer transformer = new SignatureTransformer().setChannels(2);
    if (row.get(2) != null) {
      transformer.setTransforms("time").setTimesCol("times");
    }
    Exception failure =
        assertThrows(Exception.class, () -> transformer.transform(data).collectAsList());
    assertEquals(message, Failures.invalidInput(failure).orElseThrow().getMessage());
  }

  private static Row row(long id, Float[] values, Double[] times) {
    return RowFactory.create(id, values, times);
  }

  private static void assertRefused(Executable call, String message) {
    InvalidInputException refusal = assertThrows(InvalidInputException.class, call);
    assertTrue(refusal.getMessage().equals(message), refusal.getMessage());
  }

  /** Ragged sequences of 0 to 18 points. */
  private static Dataset<Row> sequences(DataType type, boolean withMetadata) {
    Metadata channels =
        withMetadata
            ? new MetadataBuilder().putLong("channels", CHANNELS).build()
            : Metadata.empty();
    StructType schema =
        new StructType()
            .add("id", DataTypes.LongType, false)
            .add(new StructField("values", DataTypes.createArrayType(type, false), false, channels))
            .add("length", DataTypes.IntegerType, false)
            .add("times", DataTypes.createArrayType(DataTypes.DoubleType, false), false);
    List<Row> rows = new ArrayList<>();
    SplittableRandom random = new SplittableRandom(11);
    for (long id = 0; id < COUNT; id++) {
      int length = (int) id % 19;
      List<Object> values = new ArrayList<>();
      List<Double> times = new ArrayList<>();
      double time = random.nextDouble() * 5;
      for (int l = 0; l < length; l++) {
        times.add(time += 0.1 + random.nextDouble());
        for (int c = 0; c < CHANNELS; c++) {
          double value = random.nextDouble() - 0.5;
          values.add(type.equals(DataTypes.FloatType) ? (Object) (float) value : (Object) value);
        }
      }
      rows.add(RowFactory.create(id, values.toArray(), length, times.toArray()));
    }
    return SharedSpark.session().createDataFrame(rows, schema);
  }

  private static void assertClose(float[] expected, double[] actual) {
    assertEquals(expected.length, actual.length);
    for (int i = 0; i < expected.length; i++) {
      assertEquals(expected[i], actual[i], 1e-5 * Math.max(1, Math.abs(expected[i])));
    }
  }

  private static void copy(float[] from, double[] to, int start) {
    for (int i = 0; i < from.length; i++) {
      to[start + i] = from[i];
    }
  }

  private static float[] floats(List<Float> values) {
    float[] out = new float[values.size()];
    for (int i = 0; i < out.length; i++) {
      out[i] = values.get(i);
    }
    return out;
  }

  private static double[] doubles(List<Double> values) {
    return values.stream().mapToDouble(Double::doubleValue).toArray();
  }
}
