package org.sparkssm.jobs;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.apache.spark.sql.SparkSession;
import org.sparkssm.data.DataSetManifest;
import org.sparkssm.data.Generators;
import org.sparkssm.data.LengthRange;
import org.sparkssm.data.SequenceGenerator;
import org.sparkssm.spark.SequenceGeneration;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Generates a data set of a task: the same rows for the same options on any cluster. */
@Command(
    name = "generate",
    description = {
      "Generates a sequence data set.",
      "Each sequence is a function of the task's options, the seed and its id alone, so the rows are"
          + " the same bit for bit whatever the number of shards, cores or executors."
    })
final class GenerateCommand extends SparkCommand {
  @Option(
      names = "--task",
      required = true,
      paramLabel = "NAME",
      description =
          "area, volume (regression on a signature coefficient of random walks), word (the same for"
              + " --word), a5, parity (running products of tokens), selective-copy.")
  private String task;

  @Option(
      names = "--count",
      required = true,
      paramLabel = "N",
      description = "Number of sequences.")
  private long count;

  @Option(
      names = "--length",
      paramLabel = "L",
      defaultValue = "100",
      description = "Steps of a sequence.")
  private int length;

  @Option(
      names = "--min-length",
      paramLabel = "L",
      description = "Shortest length; lengths are then uniform between this and --length.")
  private Integer minLength;

  @Option(names = "--seed", paramLabel = "S", defaultValue = "0", description = "Seed.")
  private long seed;

  @Option(
      names = "--shards",
      paramLabel = "K",
      defaultValue = "8",
      description = "Number of files, and of tasks.")
  private int shards;

  @Option(names = "--output", required = true, paramLabel = "DIR", description = "Where to write.")
  private String output;

  @Option(
      names = "--scale-from",
      paramLabel = "DIR",
      description = "Divide paths and labels by the same numbers as this data set, not by its own.")
  private String scaleFrom;

  @Option(
      names = "--word",
      paramLabel = "LETTERS",
      split = ",",
      description = "For task word: channels of the signature coefficient, from 1, as in 1,2,3.")
  private List<Integer> word = List.of();

  @Option(
      names = "--channels",
      paramLabel = "C",
      defaultValue = "0",
      description = "For task word: number of channels; 0 for the largest letter.")
  private int channels;

  @Option(
      names = "--vocabulary",
      paramLabel = "V",
      defaultValue = "16",
      description = "For task selective-copy: number of different tokens to copy.")
  private int vocabulary;

  @Option(
      names = "--copies",
      paramLabel = "M",
      defaultValue = "16",
      description = "For task selective-copy: how many tokens to copy.")
  private int copies;

  @Override
  protected String plan() {
    return String.format(
        Locale.ROOT,
        "task %s, %,d sequences of %s%,d steps, seed %d, in %d shards to %s",
        task,
        count,
        minLength == null ? "" : minLength + " to ",
        length,
        seed,
        shards,
        output);
  }

  @Override
  protected Map<String, Object> run(SparkSession spark) {
    DataSetManifest manifest =
        SequenceGeneration.generate(
            spark,
            generator(),
            count,
            shards,
            Optional.ofNullable(scaleFrom),
            output,
            common().overwrite);
    Map<String, Object> summary = new LinkedHashMap<>();
    summary.put("task", task);
    summary.put("output", output);
    summary.put("rows", manifest.count());
    summary.put("bytes", manifest.bytes());
    summary.put("shards", manifest.shards().size());
    summary.put("fingerprint", manifest.fingerprint());
    return summary;
  }

  private SequenceGenerator generator() {
    LengthRange lengths = new LengthRange(minLength == null ? length : minLength, length);
    return Generators.create(
        task, new Generators.Parameters(lengths, seed, word, channels, vocabulary, copies));
  }
}
