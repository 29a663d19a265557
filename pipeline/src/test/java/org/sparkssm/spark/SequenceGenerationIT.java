package org.sparkssm.spark;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.ml.attribute.Attribute;
import org.apache.spark.ml.attribute.NominalAttribute;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.StructField;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.sparkssm.data.DataSetManifest;
import org.sparkssm.data.Generators;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.data.LengthRange;
import org.sparkssm.data.SequenceGenerator;
import org.sparkssm.testing.DetachedFileSystem;
import org.sparkssm.testing.SharedSpark;

class SequenceGenerationIT {
  private static final SparkSession SPARK = SharedSpark.session();

  @TempDir private Path folder;

  @Test
  void rowsAndFingerprintAreTheSameForAnyNumberOfShards() {
    List<String> expectedRows = null;
    String expectedFingerprint = null;
    for (int shards : new int[] {1, 3, 8}) {
      String output = folder.resolve("area" + shards).toString();
      DataSetManifest manifest = generate("area", 500, shards, 7, Optional.empty(), output, false);
      List<String> rows = rows(output);
      if (expectedRows == null) {
        expectedRows = rows;
        expectedFingerprint = manifest.fingerprint();
      }
      assertEquals(shards, manifest.shards().size());
      assertEquals(500, manifest.count());
      assertEquals(500 * 20, manifest.steps());
      assertEquals(expectedRows, rows);
      assertEquals(expectedFingerprint, manifest.fingerprint());
    }
    assertNotEquals(
        expectedFingerprint,
        generate("area", 500, 2, 8, Optional.empty(), folder.resolve("other").toString(), false)
            .fingerprint());
  }

  @Test
  void shardsHoldContiguousIdsOfNearlyEqualNumber() {
    String output = folder.resolve("area").toString();
    DataSetManifest manifest = generate("area", 11, 3, 7, Optional.empty(), output, false);

    long next = 0;
    for (DataSetManifest.Shard shard : manifest.shards()) {
      List<Row> ids =
          SPARK.read().parquet(output + "/" + shard.file()).select("id").collectAsList();
      assertTrue(ids.size() == 3 || ids.size() == 4, "size " + ids.size());
      for (Row row : ids) {
        assertEquals(next++, row.getLong(0));
      }
    }
    assertEquals(11, next);
  }

  @Test
  void moreShardsThanSequencesGiveOneEach() {
    String output = folder.resolve("few").toString();

    assertEquals(2, generate("parity", 2, 8, 7, Optional.empty(), output, false).shards().size());
    assertEquals(2, SequenceStore.read(SPARK, output).rows().count());
  }

  @Test
  void rowsAreThoseOfTheGeneratorInIdOrderOfTheTask() {
    for (String task : Generators.TASKS) {
      String output = folder.resolve(task).toString();
      DataSetManifest manifest = generate(task, 20, 2, 7, Optional.empty(), output, false);
      SequenceDataSet read = SequenceStore.read(SPARK, output);

      assertEquals(manifest, read.manifest());
      assertEquals(20, read.rows().select("id").distinct().count());
      Row row = read.rows().where("id = 13").first();
      SequenceGenerator generator = generator(task, 7);
      if (generator.needsScale()) {
        generator =
            generator.scaledBy(
                new org.sparkssm.data.PathScale(manifest.valueScale(), manifest.label().scale()));
        float[] values = generator.sequence(13).values();
        List<Float> stored = row.getList(row.fieldIndex("values"));
        for (int i = 0; i < values.length; i++) {
          assertEquals(values[i], stored.get(i));
        }
        assertEquals(generator.sequence(13).label(), row.getAs("label"));
      } else {
        assertEquals(
            java.util.Arrays.stream(generator.sequence(13).tokens()).boxed().toList(),
            row.getList(row.fieldIndex("tokens")));
        assertEquals(
            java.util.Arrays.asList(generator.sequence(13).labels()),
            row.getList(row.fieldIndex("labels")));
      }
    }
  }

  @Test
  void columnsCarryChannelsAndClasses() {
    String volume = folder.resolve("volume").toString();
    generate("volume", 20, 2, 7, Optional.empty(), volume, false);
    StructField values = SequenceStore.read(SPARK, volume).rows().schema().apply("values");
    assertEquals(3, values.metadata().getLong("channels"));
    assertEquals("x2", values.metadata().getStringArray("channelNames")[1]);

    String a5 = folder.resolve("a5").toString();
    generate("a5", 20, 2, 7, Optional.empty(), a5, false);
    NominalAttribute label =
        (NominalAttribute)
            Attribute.fromStructField(SequenceStore.read(SPARK, a5).rows().schema().apply("label"));
    assertEquals(60, label.values().get().length);
  }

  @Test
  void scaleFromAnotherSetIsTakenOver() {
    String first = folder.resolve("first").toString();
    String second = folder.resolve("second").toString();
    DataSetManifest scaled = generate("area", 300, 2, 7, Optional.empty(), first, false);
    DataSetManifest reused = generate("area", 40, 2, 8, Optional.of(first), second, false);

    assertEquals(scaled.valueScale(), reused.valueScale());
    assertEquals(scaled.label(), reused.label());
    InvalidInputException failure =
        assertThrows(
            InvalidInputException.class,
            () ->
                generate(
                    "volume", 40, 2, 8, Optional.of(first), folder.resolve("x").toString(), false));
    assertTrue(failure.getMessage().contains("expected one with word 1,2,3"));
    assertFalse(Files.exists(folder.resolve("x")));
  }

  @Test
  void aRunThatWasKilledIsCleanedAndDoneAgain() throws IOException {
    Path output = folder.resolve("killed");
    Files.createDirectories(output.resolve("_temporary/0"));
    Files.writeString(output.resolve("_temporary/0/half"), "x");
    Files.writeString(output.resolve("part-00000-old.snappy.parquet"), "half a shard");
    Files.writeString(output.resolve(OutputFolder.MARKER), "{}");
    assertEquals(
        "the data set "
            + output
            + " is incomplete: its writer has not finished or was killed; run that again",
        assertThrows(
                InvalidInputException.class, () -> SequenceStore.read(SPARK, output.toString()))
            .getMessage());

    DataSetManifest manifest =
        generate("area", 50, 2, 7, Optional.empty(), output.toString(), false);

    Set<String> expected = new TreeSet<>(Set.of(DataSetManifest.FILE_NAME));
    manifest.shards().forEach(shard -> expected.add(shard.file()));
    assertEquals(expected, visibleFiles(output));
  }

  @Test
  void existingOutputIsKeptWithoutOverwriteAndReplacedWithIt() {
    Path output = folder.resolve("area");
    DataSetManifest first = generate("area", 50, 2, 7, Optional.empty(), output.toString(), false);
    assertEquals(
        "the output " + output + " exists; give --overwrite to replace it",
        assertThrows(
                InvalidInputException.class,
                () -> generate("area", 60, 2, 7, Optional.empty(), output.toString(), false))
            .getMessage());
    assertEquals(first, SequenceStore.readManifest(SPARK, output.toString()));

    DataSetManifest second = generate("area", 60, 3, 7, Optional.empty(), output.toString(), true);

    assertEquals(60, SequenceStore.read(SPARK, output.toString()).rows().count());
    Set<String> expected = new TreeSet<>(Set.of(DataSetManifest.FILE_NAME));
    second.shards().forEach(shard -> expected.add(shard.file()));
    assertEquals(expected, visibleFiles(output));
  }

  @Test
  void foreignFoldersAreNeverTouched() throws IOException {
    Path output = folder.resolve("mine");
    Files.createDirectories(output);
    Files.writeString(output.resolve("thesis.txt"), "years of work");

    for (boolean overwrite : new boolean[] {false, true}) {
      InvalidInputException failure =
          assertThrows(
              InvalidInputException.class,
              () -> generate("area", 5, 1, 7, Optional.empty(), output.toString(), overwrite));
      assertEquals(
          "the output "
              + output
              + " exists and was not written by spark-ssm (it has no _dataset.json), so it is not"
              + " touched; choose another place",
          failure.getMessage());
    }
    assertEquals(Set.of("thesis.txt"), visibleFiles(output));
  }

  @Test
  void dataSetsLiveOnFileSystemsThatAreNotLocal() {
    Configuration configuration = SPARK.sparkContext().hadoopConfiguration();
    configuration.set(DetachedFileSystem.IMPLEMENTATION, DetachedFileSystem.class.getName());
    configuration.set(DetachedFileSystem.ROOT, folder.resolve("store").toString());
    String local = folder.resolve("local").toString();
    DataSetManifest expected = generate("area", 200, 3, 7, Optional.empty(), local, false);

    String remote = "detached://bucket/sets/area";
    DataSetManifest manifest = generate("area", 200, 3, 7, Optional.empty(), remote, false);

    assertEquals(expected.fingerprint(), manifest.fingerprint());
    assertEquals(rows(local), rows(remote));
    assertThrows(
        InvalidInputException.class,
        () -> generate("area", 200, 3, 7, Optional.empty(), remote, false));
    generate("area", 100, 2, 7, Optional.empty(), remote, true);
    assertEquals(100, SequenceStore.read(SPARK, remote).rows().count());
    assertFalse(new File("detached:").exists());
  }

  static DataSetManifest generate(
      String task,
      long count,
      int shards,
      long seed,
      Optional<String> scaleFrom,
      String output,
      boolean overwrite) {
    return SequenceGeneration.generate(
        SPARK, generator(task, seed), count, shards, scaleFrom, output, overwrite);
  }

  private static SequenceGenerator generator(String task, long seed) {
    return Generators.create(
        task, new Generators.Parameters(LengthRange.of(20), seed, List.of(2, 1), 0, 5, 4));
  }

  /** All rows as JSON, which tells floats apart, by id. */
  private static List<String> rows(String path) {
    return SequenceStore.read(SPARK, path).rows().orderBy("id").toJSON().collectAsList();
  }

  private static Set<String> visibleFiles(Path path) {
    Set<String> names = new TreeSet<>();
    for (File file : path.toFile().listFiles()) {
      if (!file.getName().startsWith(".")) {
        names.add(file.getName());
      }
    }
    return names;
  }
}
