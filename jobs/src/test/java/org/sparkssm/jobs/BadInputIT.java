package org.sparkssm.jobs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.RawLocalFileSystem;
import org.apache.hadoop.security.AccessControlException;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.sparkssm.data.DataSetManifest;
import org.sparkssm.testing.SharedSpark;

/**
 * Every kind of bad input, through the command that a user would give it to: one sentence on
 * standard error, exit code 2, and nothing written.
 */
class BadInputIT {
  @TempDir static Path folder;

  private static String area;
  private static String features;
  private static String model;
  private static String predictions;

  @BeforeAll
  static void goodData() {
    SparkSession spark = SharedSpark.session();
    spark
        .sparkContext()
        .hadoopConfiguration()
        .set("fs.locked.impl", LockedFileSystem.class.getName());
    area = path("area");
    features = path("features");
    model = path("model");
    predictions = path("predictions");
    done("generate --task area --count 60 --length 10 --shards 2 --output " + area);
    done("features --input " + area + " --output " + features + " --kind signature --depth 2");
    done("train --input " + features + " --output " + model + " --model linear-readout");
    done("predict --input " + area + " --output " + predictions + " --model " + model);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "features --kind signature --output OUT --input",
        "train --model mamba --output OUT --input",
        "train --model linear-readout --output OUT --input",
        "evaluate --model MODEL --input",
        "predict --model MODEL --output OUT --input",
        "report --output OUT --input",
        "import --format csv --output OUT --input",
        "import --format ts --output OUT --input",
        "import --format parquet --output OUT --input"
      })
  void pathsThatAreMissingOrUnreadable(String command) {
    String missing = path("missing");
    refused(missing + " does not exist", command + " " + missing);
    refused("permission denied", command + " locked:" + area);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--channels z | the column 'z' (--channels) is missing; the input has the columns",
        "--label z    | the column 'z' (--label) is missing; the input has the columns",
        "--id z       | the column 'z' (--id) is missing; the input has the columns",
        "--channels s | the column 's' has the type string, expected numbers for a channel"
      })
  void columnsThatAreMissingOrOfTheWrongType(String options, String sentence) throws IOException {
    String table = file("columns.csv", "id,time,a,s", "1,0,2.5,x", "1,1,3.5,y");
    refused(sentence, "import --format csv --output OUT --input " + table + " " + options);
  }

  @Test
  void valuesThatAreNoMultipleOfTheChannels() {
    String table = table("multiple", "select 3 id, array(1.0, 2.0, 3.0) `values`");
    refused(
        "sequence 3 has 3 values, expected a multiple of the 2 channels",
        "import --format parquet --layout nested --channels a,b --output OUT --input " + table);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "1,1,     | sequence 1 has a missing value (null or NaN) at step 1 in channel 'a'",
        "1,1,NaN  | sequence 1 has a missing value (null or NaN) at step 1 in channel 'a'"
      })
  void missingValuesUnderTheErrorPolicy(String row, String sentence) throws IOException {
    String table = file("missing.csv", "id,time,a", "1,0,2.5", row);
    refused(sentence, "import --format csv --channels a --output OUT --input " + table);
  }

  @Test
  void timesThatDoNotIncrease() throws IOException {
    String twice = file("twice.csv", "id,time,a", "1,4,2.5", "1,4,3.5");
    refused(
        "sequence 1 has the time 4.0 twice, expected strictly increasing times",
        "import --format csv --output OUT --input " + twice);
    String backward = table("backward", "select 3 id, array(1.0, 2.0) a, array(2.0, 1.0) t");
    refused(
        "sequence 3 has times that do not increase: 2.0 at step 0 and 1.0 at step 1",
        "import --format parquet --layout wide --time t --output OUT --input " + backward);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "train --model mambo --input AREA --output OUT          | --model is 'mambo', expected one of",
        "train --model mamba --colour red --input AREA --output OUT | Unknown option",
        "features --kind wavelet --input AREA --output OUT      | --kind is 'wavelet', expected",
        "generate --task flight --count 1 --output OUT          | there is no task 'flight'",
        "fly --high                                             | there is no command 'fly'"
      })
  void layersAndOptionsThatDoNotExist(String command, String sentence) {
    refused(sentence, command);
  }

  @Test
  void labelsOutOfRange() throws IOException {
    String wide = "import --format parquet --layout wide --label y --classes 0,1 --output ";
    refused(
        "sequence 3 has the label '2' out of range, expected one of the classes 0, 1",
        wide + "OUT --input " + table("labels", "select 3 id, array(1.0, 2.0) a, 2 y"));
    String data = path("relabelled");
    done(
        wide
            + data
            + " --shards 1 --input "
            + table("classes", "select id, array(1.0, 2.0) a, 0 y from range(20)"));
    replaceShard(data, "label + 9 label");
    refused(
        "has label 9.0, expected a class from 0 to 1",
        "train --model mamba --epochs 1 --width 4 --state 2 --output OUT --input " + data);
    String relabelled = path("relabelled-features");
    done("features --kind signature --depth 2 --input " + data + " --output " + relabelled);
    refused(
        " has label 9, expected a class from 0 to 1",
        "train --model logistic-regression --output OUT --input " + relabelled);
  }

  @Test
  void dataSetsWithoutSequences() throws IOException {
    String table = file("empty.csv", "id,time,a");
    refused(
        "is empty, expected at least one",
        "import --format csv --channels a --output OUT --input " + table);
    refused("at least one sequence", "generate --task area --count 0 --output OUT");
    refused(
        "there is no test split",
        "evaluate --split test --model " + model + " --input " + features);
    refused(
        "all 60 rows fell to the validation split, none is left to train on",
        "train --model mamba --epochs 1 --validation-fraction 0.999999 --input AREA --output OUT");
  }

  @Test
  void signaturesLargerThanTheLimit() {
    refused(
        "spark.ssm.signature.maxBytes",
        "features --kind signature --depth 40 --input AREA --output OUT");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "generate --task area --count 3 --output AREA",
        "features --kind signature --input AREA --output FEATURES",
        "train --model linear-readout --input FEATURES --output MODEL",
        "predict --model MODEL --input AREA --output PREDICTIONS",
      })
  void outputThatExists(String command) {
    refused("exists; give --overwrite to replace it", command);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "features --kind signature --input DATA --output OUT",
        "train --model mamba --epochs 1 --input DATA --output OUT",
        "predict --model MODEL --input DATA --output OUT",
      })
  void shardsAndManifestsThatAreDamaged(String command) throws IOException {
    String data = path("damaged");
    String damaged = command.replace("DATA", data);
    String generate = "generate --task area --count 9 --length 5 --overwrite --output " + data;
    done(generate + " --scale-from " + area);
    Path shard = shard(data);
    byte[] bytes = Files.readAllBytes(shard);
    write(shard, new byte[bytes.length]);
    refused(shard.getFileName().toString(), damaged);
    write(shard, new byte[5]);
    refused(shard.getFileName() + " has 5 bytes, the manifest lists it with", damaged);
    Files.delete(shard);
    refused(shard.getFileName() + " is missing, the manifest lists it with", damaged);
    write(Path.of(data, DataSetManifest.FILE_NAME), new byte[] {'{'});
    refused(DataSetManifest.FILE_NAME, damaged);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"evaluate --input AREA --model", "predict --input AREA --output OUT --model"})
  void modelsOfAnotherVersionOrWithAMissingFile(String command) throws IOException {
    String broken = path("broken");
    done("train --overwrite --model linear-readout --input " + features + " --output " + broken);
    Path manifest = Path.of(broken, "_model.json");
    String text = Files.readString(manifest);
    write(
        manifest,
        text.replace("\"formatVersion\" : 1", "\"formatVersion\" : 99")
            .getBytes(StandardCharsets.UTF_8));
    refused("has format version 99, this library", command + " " + broken);
    write(manifest, text.getBytes(StandardCharsets.UTF_8));
    try (Stream<Path> files = Files.walk(Path.of(broken))) {
      Files.delete(files.filter(file -> file.endsWith("readout.json")).findFirst().orElseThrow());
    }
    refused("readout.json is missing, the manifest lists it", command + " " + broken);
  }

  /**
   * Runs a command that must end with exit code 2, leave every file as it was, and print at most
   * what it is going to do, one sentence, and a hint on usage.
   */
  private static void refused(String sentence, String command) {
    List<String> before = everyFile();
    CommandLineRun run = CommandLineRun.of(arguments(command));
    assertEquals(Main.INVALID, run.status(), run.err());
    List<String> lines = run.err().lines().toList();
    assertTrue(lines.size() <= 2, run.err());
    assertEquals(1, lines.stream().filter(line -> line.contains(sentence)).count(), run.err());
    assertEquals("", run.out());
    assertEquals(before, everyFile());
  }

  private static void done(String command) {
    CommandLineRun run = CommandLineRun.of(arguments(command));
    assertEquals(Main.DONE, run.status(), run.err());
  }

  private static String[] arguments(String command) {
    return Stream.of(command.split(" +"))
        .map(word -> word.equals("OUT") ? path("output") : word)
        .map(word -> word.equals("AREA") ? area : word)
        .map(word -> word.equals("FEATURES") ? features : word)
        .map(word -> word.equals("MODEL") ? model : word)
        .map(word -> word.equals("PREDICTIONS") ? predictions : word)
        .toArray(String[]::new);
  }

  private static List<String> everyFile() {
    try (Stream<Path> files = Files.walk(folder)) {
      return files.map(Path::toString).sorted().toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static String path(String name) {
    return folder.resolve(name).toString();
  }

  private static String file(String name, String... lines) throws IOException {
    return Files.write(folder.resolve(name), List.of(lines)).toString();
  }

  /** A Parquet table that holds the rows of a query. */
  private static String table(String name, String query) {
    String table = path(name);
    SharedSpark.session().sql(query).write().mode("overwrite").parquet(table);
    return table;
  }

  /** Writes the only shard of a data set again with a changed column, as a faulty tool would. */
  private static void replaceShard(String data, String column) throws IOException {
    Path shard = shard(data);
    String name = column.substring(column.lastIndexOf(' ') + 1);
    SparkSession spark = SharedSpark.session();
    List<String> columns = new ArrayList<>();
    for (String existing : spark.read().parquet(data).columns()) {
      columns.add(existing.equals(name) ? column : "`" + existing + "`");
    }
    String changed = path("changed");
    spark
        .read()
        .parquet(shard.toString())
        .selectExpr(columns.toArray(String[]::new))
        .coalesce(1)
        .write()
        .mode("overwrite")
        .parquet(changed);
    long bytes = Files.size(shard);
    write(shard, Files.readAllBytes(shard(changed)));
    Path manifest = Path.of(data, DataSetManifest.FILE_NAME);
    String text = Files.readString(manifest);
    write(
        manifest,
        text.replace(" " + bytes, " " + Files.size(shard)).getBytes(StandardCharsets.UTF_8));
  }

  private static Path shard(String data) throws IOException {
    try (Stream<Path> files = Files.list(Path.of(data))) {
      return files.filter(file -> file.toString().endsWith(".parquet")).findFirst().orElseThrow();
    }
  }

  /** Replaces a file without the checksum that Hadoop keeps beside it. */
  private static void write(Path file, byte[] content) throws IOException {
    Files.deleteIfExists(file.resolveSibling("." + file.getFileName() + ".crc"));
    Files.write(file, content);
  }

  /** Local files below {@code locked:/}, none of which may be read. */
  public static final class LockedFileSystem extends RawLocalFileSystem {
    @Override
    public URI getUri() {
      return URI.create("locked:///");
    }

    @Override
    public void initialize(URI uri, Configuration configuration) throws IOException {
      setConf(configuration);
      super.initialize(uri, configuration);
    }

    @Override
    public FSDataInputStream open(org.apache.hadoop.fs.Path path, int bufferSize)
        throws IOException {
      throw new AccessControlException("Permission denied");
    }

    @Override
    public FileStatus[] listStatus(org.apache.hadoop.fs.Path path) throws IOException {
      throw new AccessControlException("Permission denied");
    }

    @Override
    public FileStatus getFileStatus(org.apache.hadoop.fs.Path path) throws IOException {
      throw new AccessControlException("Permission denied");
    }
  }
}
