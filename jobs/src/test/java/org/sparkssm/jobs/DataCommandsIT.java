package org.sparkssm.jobs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.sparkssm.data.LibraryVersion;
import org.sparkssm.testing.SharedSpark;

/** The commands generate, import and info, and what all commands share. */
class DataCommandsIT {
  private static final String VOWELS = "../pipeline/src/test/resources/data/JapaneseVowels";

  @TempDir private Path folder;

  @BeforeAll
  static void startSpark() {
    SharedSpark.session();
  }

  @Test
  void generateWritesTheDataSetAndASummary() throws IOException {
    Path output = folder.resolve("volume");
    Path summary = folder.resolve("summary.json");

    CommandLineRun run =
        CommandLineRun.of(
            "generate",
            "--task",
            "volume",
            "--count",
            "30",
            "--length",
            "12",
            "--seed",
            "3",
            "--shards",
            "2",
            "--output",
            output.toString(),
            "--summary",
            summary.toString());

    assertEquals(0, run.status(), run.err());
    assertEquals(1, run.out().lines().count());
    assertEquals("generate", run.summary().path("command").asText());
    assertEquals(30, run.summary().path("rows").asInt());
    assertTrue(run.summary().path("bytes").asLong() > 0);
    assertTrue(run.summary().path("seconds").isNumber());
    assertEquals(run.summary(), new ObjectMapper().readTree(summary.toFile()));
    assertEquals(
        "spark-ssm generate: task volume, 30 sequences of 12 steps, seed 3, in 2 shards to "
            + output,
        run.err().lines().findFirst().orElseThrow());
    assertTrue(Files.exists(output.resolve("_dataset.json")));
  }

  @Test
  void importReadsTheVowelsWithTheirSplitAndClasses() {
    Path output = folder.resolve("vowels");

    CommandLineRun run =
        CommandLineRun.of(
            "import",
            "--format",
            "ts",
            "--input",
            VOWELS + "/JapaneseVowels_TRAIN.ts," + VOWELS + "/JapaneseVowels_TEST.ts",
            "--output",
            output.toString(),
            "--standardize");

    assertEquals(0, run.status(), run.err());
    assertEquals(640, run.summary().path("rows").asInt());
    assertEquals(9, run.summary().path("classes").asInt());
    assertEquals(270, run.summary().path("splits").path("train").asInt());
    assertEquals(370, run.summary().path("splits").path("test").asInt());
  }

  @Test
  void importSaysWhatItDidAboutMissingValues() throws IOException {
    Path input = Files.writeString(folder.resolve("gaps.csv"), "id,time,x\n1,0,5\n1,1,\n1,2,7\n");
    String[] command = {
      "import",
      "--format",
      "csv",
      "--input",
      input.toString(),
      "--output",
      folder.resolve("out").toString(),
      "--nulls"
    };

    CommandLineRun refused = CommandLineRun.of(with(command, "error"));
    assertEquals(2, refused.status());
    assertEquals(
        "spark-ssm import: sequence 1 has a missing value (null or NaN) at step 1 in channel 'x',"
            + " expected a number; --nulls ffill, drop or mask would accept it",
        refused.sentence());
    assertFalse(Files.exists(folder.resolve("out")));

    CommandLineRun dropped = CommandLineRun.of(with(command, "drop"));
    assertEquals(0, dropped.status(), dropped.err());
    assertTrue(
        dropped
            .err()
            .contains("1 missing values (--nulls drop): 0 filled, 1 steps and 0 sequences dropped"),
        dropped.err());
    assertEquals(1, dropped.summary().path("missing").path("droppedSteps").asInt());
  }

  @Test
  void infoNamesVersionsAndWhatItComputesWith() {
    CommandLineRun run = CommandLineRun.of("info");

    assertEquals(0, run.status(), run.err());
    assertEquals(LibraryVersion.current(), run.summary().path("version").asText());
    assertEquals("4.1.0", run.summary().path("spark").asText());
    String java = run.summary().path("java").asText();
    assertTrue(java.startsWith(System.getProperty("java.version") + ","), java);
    assertTrue(
        run.summary().path("cpuTarget").asText().matches("x86-64-v[234]|generic")
            || run.summary().path("kernels").asText().equals("pure Java"),
        run.out());
    assertEquals("CpuBackend", run.summary().path("nd4j").asText());
    assertTrue(run.err().contains("cpuTarget       "), run.err());
  }

  @Test
  void existingOutputNeedsOverwrite() {
    String[] command = {
      "generate", "--task", "parity", "--count", "4", "--output", folder.resolve("p").toString()
    };
    assertEquals(0, CommandLineRun.of(command).status());

    CommandLineRun again = CommandLineRun.of(command);
    assertEquals(2, again.status());
    assertEquals("", again.out());
    assertEquals(
        "spark-ssm generate: the output "
            + folder.resolve("p")
            + " exists; give --overwrite to replace it",
        again.sentence());
    assertEquals(0, CommandLineRun.of(with(command, "--overwrite")).status());
  }

  @Test
  void wrongUsageIsOneSentenceAndStatusTwo() {
    Path output = folder.resolve("nothing");
    assertInvalid("Missing required options: '--count=N', '--output=DIR'", "generate", "--task=a5");
    assertInvalid("Unknown option: '--colour=red'", "info", "--colour=red");
    assertInvalid("there is no command 'fly'", "fly", "--high");
    assertInvalid("a command is missing");
    assertInvalid(
        "there is no task 'flight', expected one of area, volume, word, a5, parity, selective-copy",
        "generate",
        "--task",
        "flight",
        "--count",
        "1",
        "--output",
        output.toString());
    assertInvalid(
        "a data set needs at least one sequence and one shard, found count 0 and shards 8",
        "generate",
        "--task",
        "area",
        "--count",
        "0",
        "--output",
        output.toString());
    assertInvalid(
        "--scale-from has no meaning for a task whose sequences are not scaled",
        "generate",
        "--task",
        "a5",
        "--count",
        "1",
        "--scale-from",
        "x",
        "--output",
        output.toString());
    assertInvalid(
        "the data set " + folder.resolve("absent") + " does not exist",
        "generate",
        "--task",
        "area",
        "--count",
        "1",
        "--scale-from",
        folder.resolve("absent").toString(),
        "--output",
        output.toString());
    assertInvalid(
        "there is no policy 'guess' for nulls, expected error, ffill, drop or mask",
        "import",
        "--format",
        "ts",
        "--input",
        VOWELS,
        "--nulls",
        "guess",
        "--output",
        output.toString());
    assertInvalid(
        "Invalid value for option '--format'",
        "import",
        "--format",
        "xml",
        "--input",
        VOWELS,
        "--output",
        output.toString());
    assertInvalid(
        "the input " + folder.resolve("absent.ts") + " does not exist",
        "import",
        "--format",
        "ts",
        "--input",
        folder.resolve("absent.ts").toString(),
        "--output",
        output.toString());
    assertFalse(Files.exists(output));
  }

  @Test
  void verboseShowsWhereAFailureHappened() {
    CommandLineRun quiet = CommandLineRun.of("import", "--format=ts", "--input=no", "--output=no");
    CommandLineRun verbose =
        CommandLineRun.of("import", "--format=ts", "--input=no", "--output=no", "--verbose");

    assertFalse(quiet.err().contains("\tat "), quiet.err());
    assertTrue(verbose.err().contains("\tat org.sparkssm"), verbose.err());
  }

  @ParameterizedTest
  @ValueSource(strings = {"generate", "import", "info"})
  void everyCommandExplainsItselfWithTheCommonOptions(String command) {
    CommandLineRun run = CommandLineRun.of(command, "--help");

    assertEquals(0, run.status());
    for (String option :
        List.of("--help", "--master", "--verbose", "--overwrite", "--conf", "--summary")) {
      assertTrue(run.out().contains(option), command + " " + option);
    }
  }

  @Test
  void ownProcessesGiveTheSameRowsOnOneAndTwoCores() {
    List<String> fingerprints = new ArrayList<>();
    for (int cores = 1; cores <= 2; cores++) {
      Path output = folder.resolve("cores" + cores);
      Launcher.Result result =
          Launcher.embedded(
              "512m",
              "generate",
              "--task",
              "area",
              "--count",
              "2000",
              "--seed",
              "5",
              "--shards",
              Integer.toString(3 * cores),
              "--master",
              "local[" + cores + "]",
              "--output",
              output.toString());
      assertEquals(0, result.status(), result.err());
      assertEquals(1, result.out().lines().count(), result.out());
      assertEquals(1, result.err().lines().count(), result.err());
      fingerprints.add(result.summary().path("fingerprint").asText());
      SparkSession spark = SharedSpark.session();
      fingerprints.add(
          spark
              .read()
              .parquet(output.toString())
              .selectExpr("sum(cast(xxhash64(id, length, `values`, label) as decimal(20, 0)))")
              .first()
              .getDecimal(0)
              .toString());
    }
    assertEquals(fingerprints.subList(0, 2), fingerprints.subList(2, 4));
  }

  @Test
  void aMillionStepsAmongShortSequencesFitASmallHeap() {
    Path table = folder.resolve("table");
    SharedSpark.session()
        .sql(
            "select k id, t time, cast(t as float) a, cast(-t as float) b, cast(k as float) c"
                + " from range(0, 200, 1, 4) as ks(k)"
                + " lateral view explode(sequence(1, if(k = 150, 1000000, 10))) as t")
        .write()
        .parquet(table.toString());
    Path output = folder.resolve("sequences");

    Launcher.Result result =
        Launcher.embedded(
            "512m",
            "import",
            "--format",
            "parquet",
            "--input",
            table.toString(),
            "--channels",
            "a,b,c",
            "--standardize",
            "--master",
            "local[2]",
            "--output",
            output.toString());

    assertEquals(0, result.status(), result.err());
    assertEquals(200, result.summary().path("rows").asInt());
    assertEquals(1_000_000, result.summary().path("maxLength").asInt());
  }

  private void assertInvalid(String message, String... arguments) {
    CommandLineRun run = CommandLineRun.of(arguments);
    assertEquals(2, run.status(), run.err());
    assertTrue(run.err().contains(message), run.err());
    assertEquals("", run.out());
    assertFalse(run.err().contains("\tat "), run.err());
  }

  private static String[] with(String[] arguments, String last) {
    String[] all = Arrays.copyOf(arguments, arguments.length + 1);
    all[arguments.length] = last;
    return all;
  }
}
