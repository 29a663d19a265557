package org.sparkssm.spark;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.unsafe.types.UTF8String;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.sparkssm.data.DataSetManifest;
import org.sparkssm.data.DataSetManifest.MissingValues;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.data.LabelDescription;
import org.sparkssm.data.MissingValuePolicy;
import org.sparkssm.spark.ImportOptions.Format;
import org.sparkssm.spark.ImportOptions.LabelType;
import org.sparkssm.spark.ImportOptions.Layout;
import org.sparkssm.testing.SharedSpark;

class SequenceImportIT {
  private static final SparkSession SPARK = SharedSpark.session();
  private static final String DATA = "src/test/resources/data/";

  @TempDir private Path folder;
  private int outputs;

  @Test
  void japaneseVowelsComeInWhole() {
    String data = DATA + "JapaneseVowels/JapaneseVowels_";
    SequenceDataSet vowels =
        importing(new ImportOptions(Format.TS, List.of(data + "TRAIN.ts", data + "TEST.ts")));

    DataSetManifest manifest = vowels.manifest();
    assertEquals(640, manifest.count());
    assertEquals(Map.of("train", 270L, "test", 370L), manifest.splits());
    assertEquals(7, manifest.minLength());
    assertEquals(29, manifest.maxLength());
    assertEquals(12, manifest.channels().size());
    assertEquals(
        LabelDescription.classes(List.of("1", "2", "3", "4", "5", "6", "7", "8", "9")),
        manifest.label());
    Row first = vowels.rows().where("id = 0").first();
    assertEquals(20, first.<Integer>getAs("length"));
    List<Float> values = first.getList(first.fieldIndex("values"));
    assertEquals(1.860936f, values.get(0));
    assertEquals(-0.207383f, values.get(1));
    assertEquals(1.891651f, values.get(12));
    // the first test recording follows the 270 for training
    Row test = vowels.rows().where("id = 270").first();
    assertEquals("test", test.getAs("split"));
    assertEquals(1.635533f, test.<Float>getList(test.fieldIndex("values")).get(0));
    assertEquals(30 * 9, vowels.rows().where("split = 'train' and label between 0 and 8").count());
    assertEquals(30, vowels.rows().where("split = 'train' and label = 4").count());
  }

  @Test
  void basicMotionsComeInWholeFromAFolder() {
    SequenceDataSet motions =
        importing(new ImportOptions(Format.TS, List.of(DATA + "BasicMotions")).shards(5));

    assertEquals(80, motions.manifest().count());
    assertEquals(Map.of("train", 40L, "test", 40L), motions.manifest().splits());
    assertEquals(100, motions.manifest().minLength());
    assertEquals(100, motions.manifest().maxLength());
    assertEquals(6, motions.manifest().channels().size());
    assertEquals(
        List.of("Standing", "Running", "Walking", "Badminton"),
        motions.manifest().label().classes());
    assertTrue(motions.manifest().shards().size() >= 5, "shards as asked");
    assertEquals(
        motions.manifest().fingerprint(),
        importing(new ImportOptions(Format.TS, List.of(DATA + "BasicMotions")))
            .manifest()
            .fingerprint());
  }

  @Test
  void standardizationIsFittedOnTheTrainingSplitAndReused() {
    String data = DATA + "JapaneseVowels/JapaneseVowels_";
    SequenceDataSet vowels =
        importing(
            new ImportOptions(Format.TS, List.of(data + "TRAIN.ts", data + "TEST.ts"))
                .standardize(true));

    assertEquals("train", vowels.manifest().standardization().fittedOn());
    Row moments =
        vowels
            .rows()
            .where("split = 'train'")
            .selectExpr("explode(transform(sequence(0, length - 1), l -> `values`[12 * l + 3])) v")
            .selectExpr("avg(v)", "stddev_pop(v)")
            .first();
    assertEquals(0, moments.getDouble(0), 1e-6);
    assertEquals(1, moments.getDouble(1), 1e-6);

    String other = folder.resolve("out" + (outputs - 1)).toString();
    SequenceDataSet test =
        importing(new ImportOptions(Format.TS, List.of(data + "TEST.ts")).standardizeFrom(other));
    assertEquals(
        vowels.rows().where("id = 300").first().getList(1),
        test.rows().where("id = 30").first().getList(1));
  }

  @Test
  void longTablesAreGroupedAndSortedWhateverTheirOrder() {
    Dataset<Row> table =
        SPARK.sql(
            "select concat('k', k) name, cast(t as double) / 2 at, k * 10 + t a, -t b,"
                + " if(k % 2 = 0, 'even', 'odd') kind, k weight"
                + " from range(0, 7) as ks(k) lateral view explode(sequence(0, 2 + int(k))) as t");
    ImportOptions options =
        options(Format.PARQUET, table.orderBy("b", "name"))
            .id("name")
            .time("at")
            .channels(List.of("a", "b"))
            .label("kind")
            .keep(List.of("weight"))
            .shards(3);

    SequenceDataSet read = importing(options);

    assertEquals(7, read.manifest().count());
    assertEquals(3, read.manifest().minLength());
    assertEquals(9, read.manifest().maxLength());
    assertEquals(List.of("even", "odd"), read.manifest().label().classes());
    Row row = read.rows().where("key = 'k4'").first();
    assertEquals(
        List.of(40f, -0f, 41f, -1f, 42f, -2f, 43f, -3f, 44f, -4f, 45f, -5f, 46f, -6f).stream()
            .map(value -> value + 0f)
            .toList(),
        row.<Float>getList(row.fieldIndex("values")).stream().map(value -> value + 0f).toList());
    assertEquals(List.of(0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0), row.getList(row.fieldIndex("times")));
    assertEquals(0, row.<Integer>getAs("label"));
    assertEquals(4L, row.<Long>getAs("weight"));
    assertEquals(SPARK.sql("select xxhash64('k4')").first().getLong(0), row.<Long>getAs("id"));
    assertEquals(
        read.manifest().fingerprint(),
        importing(
                options(Format.PARQUET, table.orderBy("a"))
                    .id("name")
                    .time("at")
                    .channels(List.of("a", "b"))
                    .label("kind")
                    .shards(1))
            .manifest()
            .fingerprint());
  }

  @Test
  void timestampsBecomeSecondsFromTheFirstStep() {
    ImportOptions options =
        options(
                Format.PARQUET,
                SPARK.sql(
                    "select 1 id, timestamp'2020-02-28 23:59:59.5' + make_interval(0,0,0,0,0,0,s)"
                        + " time, s x from (select explode(array(0.0, 0.25, 86400.0)) s)"))
            .channels(List.of("x"));

    SequenceDataSet read = importing(options);

    assertEquals(List.of(0.0, 0.25, 86400.0), read.rows().first().getList(3));
    assertEquals("seconds", read.manifest().time().unit());
  }

  @Test
  void csvWideAndNestedTablesGiveTheSameSequences() throws IOException {
    Path csv = folder.resolve("long.csv");
    Files.writeString(
        csv,
        "id,time,a,b,target\n5,1,1.5,2,0.25\n5,0,0.5,1,0.25\n9,0,7,8,-1\n9,1,9,10,-1\n9,4,3,4,-1\n");
    SequenceDataSet expected =
        importing(new ImportOptions(Format.CSV, List.of(csv.toString())).label("target"));
    assertEquals(LabelDescription.number(1), expected.manifest().label());
    Path flat = folder.resolve("flat.csv");
    Files.writeString(
        flat, "id,a_0,a_1,a_2,b_0,b_1,b_2,target\n9,7,9,3,8,10,4,-1\n5,0.5,1.5,,1,2,,0.25\n");
    Dataset<Row> wide =
        SPARK.sql(
            "select 5 id, array(0.5d, 1.5d) a, array(1, 2) b, 0.25d target, array(0d, 1d) at"
                + " union all select 9, array(7d, 9d, 3d), array(8, 10, 4), -1d, array(0d, 1d, 4d)");
    Dataset<Row> nested =
        SPARK.sql(
            "select 5 id, array(array(0.5, 1), array(1.5, 2)) steps, 0.25d target"
                + " union all select 9, array(array(7, 8), array(9, 10), array(3, 4)), -1d");
    Dataset<Row> flatArray =
        SPARK.sql(
            "select 5 id, array(0.5, 1, 1.5, 2) `values`, 0.25d target"
                + " union all select 9, array(7, 8, 9, 10, 3, 4), -1d");

    List<List<Object>> rows = rows(expected);
    assertEquals(
        rows,
        rows(
            importing(
                new ImportOptions(Format.CSV, List.of(flat.toString()))
                    .layout(Layout.WIDE)
                    .label("target"))));
    SequenceDataSet fromWide =
        importing(options(Format.PARQUET, wide).layout(Layout.WIDE).time("at").label("target"));
    assertEquals(rows, rows(fromWide));
    assertEquals(expected.manifest().fingerprint(), fromWide.manifest().fingerprint());
    assertEquals(
        rows,
        rows(
            importing(
                options(Format.PARQUET, nested)
                    .layout(Layout.NESTED)
                    .values("steps")
                    .label("target"))));
    assertEquals(
        rows,
        rows(
            importing(
                options(Format.PARQUET, flatArray)
                    .layout(Layout.NESTED)
                    .channels(List.of("a", "b"))
                    .label("target"))));
  }

  @Test
  void rowsWithoutIdsAreNumberedInTheOrderOfTheFileAndFurtherColumnsRideAlong() throws IOException {
    Path csv = folder.resolve("wide.csv");
    StringBuilder text = new StringBuilder("v_0,v_1,who,class\n");
    for (int i = 0; i < 40; i++) {
      text.append(i + ",0.5,p" + i + "," + (i % 3 - 1) + "\n");
    }
    Files.writeString(csv, text);

    SequenceDataSet read =
        importing(
            new ImportOptions(Format.CSV, List.of(csv.toString()))
                .layout(Layout.WIDE)
                .label("class")
                .testFraction(0.25, 3)
                .shards(2));

    assertEquals(List.of("-1", "0", "1"), read.manifest().label().classes());
    Row row = read.rows().where("id = 31").first();
    assertEquals(List.of(31f, 0.5f), row.getList(1));
    assertEquals("p31", row.getAs("who"));
    assertEquals(1, row.<Integer>getAs("label"));
    long test = read.rows().where("split = 'test'").count();
    assertTrue(test > 3 && test < 20, "a quarter of 40, not " + test);
    assertEquals(Map.of("train", 40 - test, "test", test), read.manifest().splits());
  }

  @Test
  void stepLabelsAndSplitsAreKept() {
    Dataset<Row> table =
        SPARK.sql(
            "select k id, t time, 1.0 x, if(t = 1, null, t * k) y, if(k = 2, 'Test', 'train') part"
                + " from range(0, 3) as ks(k) lateral view explode(sequence(0, 2)) as t");

    SequenceDataSet read =
        importing(
            options(Format.PARQUET, table)
                .channels(List.of("x"))
                .stepLabel("y")
                .labelType(LabelType.NUMBER)
                .split("part"));

    Row row = read.rows().where("id = 2").first();
    assertEquals(java.util.Arrays.asList(0f, null, 4f), row.getList(row.fieldIndex("labels")));
    assertEquals("test", row.getAs("split"));
    assertEquals(Map.of("train", 2L, "test", 1L), read.manifest().splits());
  }

  @Test
  void missingValuesAreTreatedAndCounted() {
    Dataset<Row> table =
        SPARK.sql(
            "select k id, t time, if(k = 1 and t < 2, null, t) a, if(t = 0, double('NaN'), k) b"
                + " from range(0, 3) as ks(k) lateral view explode(sequence(0, 2)) as t");
    String message = refusal(options(Format.PARQUET, table).shards(1)).getMessage();
    assertEquals(
        "sequence 0 has a missing value (null or NaN) at step 0 in channel 'b', expected a number;"
            + " --nulls ffill, drop or mask would accept it",
        message);

    SequenceDataSet filled =
        importing(options(Format.PARQUET, table).nulls(MissingValuePolicy.FORWARD_FILL));
    assertEquals(new MissingValues("ffill", 5, 5, 0, 0), filled.manifest().missing());
    assertEquals(List.of(2f, 1f, 2f, 1f, 2f, 1f), values(filled, 1));
    SequenceDataSet dropped =
        importing(options(Format.PARQUET, table).nulls(MissingValuePolicy.DROP));
    assertEquals(new MissingValues("drop", 5, 0, 4, 0), dropped.manifest().missing());
    assertEquals(List.of(2f, 1f), values(dropped, 1));
    SequenceDataSet masked =
        importing(options(Format.PARQUET, table).nulls(MissingValuePolicy.MASK));
    assertEquals(List.of("a", "b", "a_observed", "b_observed"), masked.manifest().channels());
    assertEquals(List.of(0f, 0f, 0f, 0f, 0f, 1f, 0f, 1f, 2f, 1f, 1f, 1f), values(masked, 1));

    Dataset<Row> hopeless =
        SPARK.sql("select k id, 0 time, if(k = 1, null, 3.0) a from range(0, 3) as ks(k)");
    SequenceDataSet less =
        importing(options(Format.PARQUET, hopeless).nulls(MissingValuePolicy.DROP));
    assertEquals(new MissingValues("drop", 1, 0, 1, 1), less.manifest().missing());
    assertEquals(2, less.manifest().count());
  }

  @Test
  void columnsThatAreMissingOrOfTheWrongTypeAreNamed() {
    Dataset<Row> table = SPARK.sql("select 1 id, 0 time, 'high' a, 2.0 b, date'2020-01-01' d");
    assertEquals(
        "the column 'who' (--id) is missing; the input has the columns id, time, a, b, d",
        refusal(options(Format.PARQUET, table).id("who")).getMessage());
    assertEquals(
        "the column 'a' has the type string, expected numbers for a channel",
        refusal(options(Format.PARQUET, table).channels(List.of("a"))).getMessage());
    assertEquals(
        "the column 'a' has the type string, expected numbers, dates or timestamps for times",
        refusal(options(Format.PARQUET, table).time("a")).getMessage());
    assertEquals(
        "the column 'd' has the type date, expected whole numbers or text for ids",
        refusal(options(Format.PARQUET, table).id("d")).getMessage());
    assertEquals(
        "the column 'a' has the type string, expected numbers for labels (--label-type number)",
        refusal(options(Format.PARQUET, table).label("a").labelType(LabelType.NUMBER))
            .getMessage());
    assertEquals(
        "the column 'b' has the type decimal(2,1), expected arrays of numbers for a channel",
        refusal(options(Format.PARQUET, table).layout(Layout.WIDE).channels(List.of("b")))
            .getMessage());
    assertEquals(
        "the column 'values' (--values) is missing; the input has the columns id, time, a, b, d",
        refusal(options(Format.PARQUET, table).layout(Layout.NESTED)).getMessage());
  }

  @Test
  void rowsThatDoNotFitAreNamed() {
    assertEquals(
        "sequence 3 has 3 values, expected a multiple of the 2 channels",
        refusal(
                options(Format.PARQUET, SPARK.sql("select 3 id, array(1.0, 2.0, 3.0) `values`"))
                    .layout(Layout.NESTED)
                    .channels(List.of("a", "b")))
            .getMessage());
    assertEquals(
        "sequence 3 has 1 values at step 1, expected one for each of the 2 channels",
        refusal(
                options(
                        Format.PARQUET,
                        SPARK.sql("select 3 id, array(array(1.0, 2.0), array(3.0)) `values`"))
                    .layout(Layout.NESTED))
            .getMessage());
    assertEquals(
        "sequence 3 has 1 values in channel 'b' and 2 in channel 'a', expected the same number",
        refusal(
                options(Format.PARQUET, SPARK.sql("select 3 id, array(1.0, 2.0) a, array(3.0) b"))
                    .layout(Layout.WIDE))
            .getMessage());
    assertEquals(
        "sequence 3 appears in several rows, expected one row per sequence",
        refusal(
                options(
                        Format.PARQUET,
                        SPARK.sql("select 3 id, array(1.0) a union all select 3, array(2.0)"))
                    .layout(Layout.WIDE))
            .getMessage());
    assertEquals(
        "sequence 'x' has the time 4.0 twice, expected strictly increasing times",
        refusal(
                options(
                    Format.PARQUET,
                    SPARK.sql("select 'x' id, 4 time, 1.0 a union all select 'x', 4, 2.0")))
            .getMessage());
    assertEquals(
        "sequence 3 has times that do not increase: 2.0 at step 0 and 1.0 at step 1, expected"
            + " strictly increasing times",
        refusal(
                options(
                        Format.PARQUET,
                        SPARK.sql("select 3 id, array(1.0, 2.0) a, array(2.0, 1.0) t"))
                    .layout(Layout.WIDE)
                    .time("t"))
            .getMessage());
    assertEquals(
        "sequence 3 has the label '2' out of range, expected one of the classes 0, 1",
        refusal(
                options(Format.PARQUET, SPARK.sql("select 3 id, array(1.0) a, 2 y"))
                    .layout(Layout.WIDE)
                    .label("y")
                    .classes(List.of("0", "1")))
            .getMessage());
    assertEquals(
        "sequence 3 has different labels in its rows, expected one label per sequence"
            + " (--step-label names a column of one label per step)",
        refusal(
                options(
                        Format.PARQUET,
                        SPARK.sql("select 3 id, 4 time, 1.0 a, 1 y union all select 3, 5, 2.0, 0"))
                    .label("y")
                    .channels(List.of("a")))
            .getMessage());
    assertEquals(
        "sequence 3 has the split 'later', expected one of train, validation, test",
        refusal(
                options(Format.PARQUET, SPARK.sql("select 3 id, array(1.0) a, 'later' part"))
                    .layout(Layout.WIDE)
                    .split("part"))
            .getMessage());
    assertEquals(
        "the data set is empty, expected at least one sequence",
        refusal(options(Format.PARQUET, SPARK.sql("select 1 id, 2 time, 3 a where false")))
            .getMessage());
    assertEquals(
        "the further column 'length' has a name that sequence data sets give a meaning; rename it,"
            + " or list the columns to keep without it (--keep)",
        refusal(
                options(Format.PARQUET, SPARK.sql("select 3 id, array(1.0) a, 'x' length"))
                    .layout(Layout.WIDE))
            .getMessage());
  }

  @Test
  void inputsThatAreMissingOrNotWhatTheyShouldBeAreNamed() throws IOException {
    Path nothing = folder.resolve("nothing.csv");
    assertEquals(
        "the input " + nothing + " does not exist",
        refusal(new ImportOptions(Format.CSV, List.of(nothing.toString()))).getMessage());
    Path text = folder.resolve("text.parquet");
    Files.writeString(text, "this is not Parquet, it only says so in its name");
    String message =
        refusal(new ImportOptions(Format.PARQUET, List.of(text.toString()))).getMessage();
    assertTrue(message.contains("text.parquet cannot be read: "), message);
    Path ragged = folder.resolve("ragged.csv");
    Files.writeString(ragged, "id,time,x\n1,0,2.5\n1,1,3.5,7,8\n");
    message = refusal(new ImportOptions(Format.CSV, List.of(ragged.toString()))).getMessage();
    assertTrue(message.contains("ragged.csv cannot be read: "), message);
    assertTrue(message.contains("Malformed CSV record: 1,1,3.5,7,8"), message);
    Path vowels = Path.of(DATA + "JapaneseVowels/JapaneseVowels_TRAIN.ts").toAbsolutePath();
    Path motions = Path.of(DATA + "BasicMotions/BasicMotions_TRAIN.ts").toAbsolutePath();
    message =
        refusal(new ImportOptions(Format.TS, List.of(vowels.toString(), motions.toString())))
            .getMessage();
    assertTrue(message.endsWith("expected parts of one data set"), message);
    assertEquals(
        "--channels names 2 channels, file:" + vowels + " has 12",
        refusal(
                new ImportOptions(Format.TS, List.of(vowels.toString()))
                    .channels(List.of("a", "b")))
            .getMessage());
  }

  @Test
  void keysWithTheSameHashAreRefused() {
    HashedKeys.checkSame(UTF8String.fromString("a"), UTF8String.fromString("a"));
    InvalidInputException failure =
        assertThrows(
            InvalidInputException.class,
            () -> HashedKeys.checkSame(UTF8String.fromString("a"), UTF8String.fromString("b")));

    assertEquals(
        "the keys 'a' and 'b' have the same 64-bit hash; rename one of them", failure.getMessage());
  }

  private static List<Float> values(SequenceDataSet dataSet, long id) {
    return dataSet.rows().where("id = " + id).first().getList(1);
  }

  /** Id, values, length and label of all rows. */
  private static List<List<Object>> rows(SequenceDataSet dataSet) {
    return dataSet
        .rows()
        .orderBy("id")
        .select("id", "values", "length", "label")
        .collectAsList()
        .stream()
        .map(
            row -> List.<Object>of(row.getLong(0), row.getList(1), row.getInt(2), row.getDouble(3)))
        .toList();
  }

  private ImportOptions options(Format format, Dataset<Row> table) {
    String input = folder.resolve("in" + outputs++).toString();
    table.write().parquet(input);
    return new ImportOptions(format, List.of(input));
  }

  private SequenceDataSet importing(ImportOptions options) {
    String output = folder.resolve("out" + outputs++).toString();
    SequenceImport.run(SPARK, options, output, false);
    return SequenceStore.read(SPARK, output);
  }

  /** The refusal of an import, which must leave nothing behind. */
  private InvalidInputException refusal(ImportOptions options) {
    Path output = folder.resolve("refused");
    Exception failure =
        assertThrows(
            Exception.class, () -> SequenceImport.run(SPARK, options, output.toString(), false));
    assertFalse(Files.exists(output));
    return Failures.invalidInput(failure).orElseThrow(() -> new AssertionError(failure));
  }
}
