package org.sparkssm.spark;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.sparkssm.data.DataSetManifest;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.data.LabelDescription;
import org.sparkssm.testing.SharedSpark;

class SequenceStoreIT {
  private static final SparkSession SPARK = SharedSpark.session();
  private static final String BATCH_SIZE = "spark.sql.parquet.columnarReaderBatchSize";

  @TempDir private Path folder;

  @Test
  void missingDataSetsAreNamed() throws IOException {
    Path nothing = folder.resolve("nothing");
    assertRefused("the data set " + nothing + " does not exist", nothing);
    Path other = Files.createDirectories(folder.resolve("other"));
    assertRefused(
        other
            + " is not a sequence data set: it has no _dataset.json; make one with generate or"
            + " import",
        other);
  }

  @Test
  void damagedManifestsAndMissingOrCutShardsAreNamed() throws IOException {
    Path output = folder.resolve("area");
    DataSetManifest manifest = generate(output);
    Path shard = output.resolve(manifest.shards().get(1).file());
    byte[] content = Files.readAllBytes(shard);
    removeChecksums(output);

    Files.write(shard, java.util.Arrays.copyOf(content, 100));
    assertRefused(
        "the shard "
            + shard
            + " has 100 bytes, the manifest lists it with "
            + content.length
            + " bytes",
        output);
    Files.delete(shard);
    assertRefused(
        "the shard "
            + shard
            + " is missing, the manifest lists it with "
            + content.length
            + " bytes",
        output);
    Files.write(shard, content);
    Path file = output.resolve(DataSetManifest.FILE_NAME);
    Files.writeString(file, "{\"formatVersion\" : 1, \"name\"");
    InvalidInputException failure =
        assertThrows(
            InvalidInputException.class, () -> SequenceStore.read(SPARK, output.toString()));
    assertTrue(failure.getMessage().startsWith(file + " is damaged"), failure.getMessage());
  }

  @Test
  void aShardThatIsNotParquetIsNamedWhenItIsRead() throws IOException {
    Path output = folder.resolve("area");
    DataSetManifest manifest = generate(output);
    Path shard = output.resolve(manifest.shards().get(1).file());
    byte[] content = Files.readAllBytes(shard);
    removeChecksums(output);
    java.util.Arrays.fill(content, (byte) 1);
    Files.write(shard, content);
    Dataset<Row> rows = SequenceStore.read(SPARK, output.toString()).rows();

    Exception failure = assertThrows(Exception.class, rows::collectAsList);

    String message = Failures.invalidInput(failure).orElseThrow().getMessage();
    assertTrue(message.contains(shard.getFileName() + " cannot be read: "), message);
    assertTrue(message.contains("is not a Parquet file"), message);
  }

  @Test
  void filesThatTheManifestDoesNotListAreNotRead() throws IOException {
    Path output = folder.resolve("area");
    DataSetManifest manifest = generate(output);
    Files.copy(
        output.resolve(manifest.shards().get(0).file()),
        output.resolve("part-00009-stray.snappy.parquet"));

    assertEquals(50, SequenceStore.read(SPARK, output.toString()).rows().count());
  }

  @Test
  void rowsThatDoNotFitTheDescriptionLeaveNothingBehind() {
    Dataset<Row> wrongSize =
        SPARK.sql("select 4L id, array(1f, 2f, 3f) `values`, 2 length, 0 label");
    assertWriteRefused(
        "the number of values of sequence 4 is not its length times the number of channels, 2",
        wrongSize);
    Dataset<Row> wrongLabel =
        SPARK.sql(
            "select id, array(1f, 2f) `values`, 1 length, cast(id as int) label from range(5)");
    assertWriteRefused(
        "the label of sequence 2 is out of range, expected a class index from 0 to 1", wrongLabel);
    assertWriteRefused(
        "the data set is empty, expected at least one sequence", wrongLabel.where("id > 9"));
  }

  @Test
  void anOverwriteThatFailsLeavesTheEarlierDataSet() {
    Path output = folder.resolve("area");
    DataSetManifest manifest = generate(output);
    Dataset<Row> failing =
        SPARK.sql(
            "select id, array(1f, 2f) `values`, 1 length,"
                + " cast(if(id = 3, raise_error('boom'), 0) as int) label from range(0, 5, 1, 2)");

    assertThrows(
        Exception.class,
        () -> SequenceStore.write(failing, description(), output.toString(), true));

    assertEquals(manifest, SequenceStore.readManifest(SPARK, output.toString()));
    assertEquals(50, SequenceStore.read(SPARK, output.toString()).rows().count());
    assertFalse(Files.exists(output.resolve(OutputFolder.MARKER)));
    assertFalse(Files.exists(output.resolve("_temporary")));
    assertEquals(2, output.toFile().listFiles((at, name) -> name.startsWith("part-")).length);
  }

  @Test
  void fingerprintDependsOnEveryValueButNotOnTheOrder() {
    Dataset<Row> rows =
        SPARK.sql(
            "select id, array(cast(id as float), 2f) `values`, 1 length, cast(id % 2 as int) label"
                + " from range(100)");
    String expected = fingerprint(rows.repartition(3), "a");

    assertEquals(expected, fingerprint(rows.orderBy(rows.col("id").desc()).coalesce(1), "b"));
    Dataset<Row> changed =
        rows.selectExpr(
            "id", "array(`values`[0], if(id = 50, 2.0000002f, 2f)) `values`", "length", "label");
    assertFalse(expected.equals(fingerprint(changed, "c")));
    Dataset<Row> relabelled =
        rows.selectExpr("id", "`values`", "length", "if(id = 50, 1, label) label");
    assertFalse(expected.equals(fingerprint(relabelled, "d")));
  }

  @Test
  void aSequenceOfAMillionStepsAmongShortOnesLowersTheReadersBatches() {
    String before = SPARK.conf().get(BATCH_SIZE);
    String output = folder.resolve("long").toString();
    Dataset<Row> rows =
        SPARK.sql(
            "select id, l length, transform(sequence(1, 2 * l), i -> cast(i as float)) `values`,"
                + " 1 label from (select id, if(id = 70, 1000000, 3) l from range(0, 100, 1, 2))");
    try {
      DataSetManifest manifest = SequenceStore.write(rows, description(), output, false);
      assertEquals(1_000_000, manifest.maxLength());
      assertEquals(3, manifest.minLength());

      Row read = SequenceStore.read(SPARK, output).rows().where("id = 70").first();

      List<Float> values = read.getList(read.fieldIndex("values"));
      assertEquals(2_000_000f, values.get(1_999_999));
      assertEquals("1", SPARK.conf().get(BATCH_SIZE));
    } finally {
      SPARK.conf().set(BATCH_SIZE, before);
    }
  }

  private String fingerprint(Dataset<Row> rows, String name) {
    return SequenceStore.write(rows, description(), folder.resolve(name).toString(), false)
        .fingerprint();
  }

  private void assertWriteRefused(String message, Dataset<Row> rows) {
    Path output = folder.resolve("refused");
    InvalidInputException failure =
        assertThrows(
            InvalidInputException.class,
            () -> SequenceStore.write(rows, description(), output.toString(), false));
    assertEquals(message, failure.getMessage());
    assertFalse(Files.exists(output));
  }

  private static void assertRefused(String message, Path path) {
    assertEquals(
        message,
        assertThrows(InvalidInputException.class, () -> SequenceStore.read(SPARK, path.toString()))
            .getMessage());
  }

  private static DataSetManifest.Builder description() {
    return DataSetManifest.builder("test")
        .channels(List.of("a", "b"))
        .label(LabelDescription.classes(List.of("no", "yes")));
  }

  private static DataSetManifest generate(Path output) {
    return SequenceGenerationIT.generate(
        "area", 50, 2, 7, Optional.empty(), output.toString(), false);
  }

  /** Hadoop's local file system would notice the damage before Parquet does. */
  private static void removeChecksums(Path output) {
    for (var file : output.toFile().listFiles((at, name) -> name.endsWith(".crc"))) {
      assertTrue(file.delete());
    }
  }
}
