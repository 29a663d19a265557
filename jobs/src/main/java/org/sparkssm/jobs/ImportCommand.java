package org.sparkssm.jobs;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.apache.spark.sql.SparkSession;
import org.sparkssm.data.DataSetManifest;
import org.sparkssm.data.DataSetManifest.MissingValues;
import org.sparkssm.data.MissingValuePolicy;
import org.sparkssm.spark.ImportOptions;
import org.sparkssm.spark.SequenceImport;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Imports foreign data as a sequence data set. */
@Command(
    name = "import",
    description = {
      "Imports .ts files, or CSV or Parquet tables, as a sequence data set.",
      "Several inputs make one data set. Files of the UEA archive that end in _TRAIN.ts and _TEST.ts"
          + " give the column split; --split-column keeps that of a table; --test-fraction makes"
          + " one."
    })
final class ImportCommand extends SparkCommand {
  @Option(
      names = "--format",
      required = true,
      paramLabel = "FORMAT",
      description = "ts (UEA/UCR archive), csv (with a header line) or parquet.")
  private ImportOptions.Format format;

  @Option(
      names = "--input",
      required = true,
      split = ",",
      paramLabel = "PATH",
      description = "Files, folders or patterns, separated by commas.")
  private List<String> inputs = List.of();

  @Option(names = "--output", required = true, paramLabel = "DIR", description = "Where to write.")
  private String output;

  @Option(
      names = "--layout",
      paramLabel = "LAYOUT",
      defaultValue = "long",
      description =
          "Of a table: long (one row per step: id, time, channels), wide (one row per sequence,"
              + " channels in array columns or in columns NAME_0, NAME_1, ...), nested (one row"
              + " per sequence, one column with an array of steps).")
  private ImportOptions.Layout layout = ImportOptions.Layout.LONG;

  @Option(
      names = "--id",
      paramLabel = "COL",
      description =
          "Whole numbers, or text, which is hashed and kept as column key; default id, else the"
              + " number of the row.")
  private String id;

  @Option(
      names = "--time",
      paramLabel = "COL",
      description =
          "Numbers, dates or timestamps (these become seconds from the first step); default time"
              + " for long tables, else none.")
  private String time;

  @Option(
      names = "--values",
      paramLabel = "COL",
      defaultValue = "values",
      description = "For nested tables: the column of the arrays.")
  private String values;

  @Option(
      names = "--channels",
      split = ",",
      paramLabel = "NAME",
      description = "Columns, or names, of the channels; default: the numeric columns left.")
  private List<String> channels = List.of();

  @Option(names = "--label", paramLabel = "COL", description = "Label of the sequence.")
  private String label;

  @Option(names = "--step-label", paramLabel = "COL", description = "Label of each step.")
  private String stepLabel;

  @Option(
      names = "--label-type",
      paramLabel = "TYPE",
      defaultValue = "auto",
      description =
          "class, number, or auto: classes for text, booleans and whole numbers, else numbers.")
  private ImportOptions.LabelType labelType = ImportOptions.LabelType.AUTO;

  @Option(
      names = "--classes",
      split = ",",
      paramLabel = "NAME",
      description = "Names of the classes by index; default: those found, sorted.")
  private List<String> classes = List.of();

  @Option(
      names = "--split-column",
      paramLabel = "COL",
      description = "Column that says train, validation or test.")
  private String split;

  @Option(
      names = "--test-fraction",
      paramLabel = "F",
      defaultValue = "0",
      description = "Make a split: this fraction, drawn by --seed and id, is for testing.")
  private double testFraction;

  @Option(
      names = "--seed",
      paramLabel = "S",
      defaultValue = "0",
      description = "Seed of --test-fraction.")
  private long seed;

  @Option(
      names = "--keep",
      split = ",",
      paramLabel = "COL",
      description =
          "Further columns to keep; default all for wide and nested tables, none for long ones"
              + " (whose first step's value is kept).")
  private List<String> keep;

  @Option(
      names = "--nulls",
      paramLabel = "POLICY",
      defaultValue = "error",
      description =
          "Null or NaN: error, ffill (the channel's last value), drop (the step), mask (as ffill,"
              + " with a channel NAME_observed of 0 and 1).")
  private String nulls;

  @Option(
      names = "--standardize",
      description =
          "Subtract mean and divide by deviation per channel, fitted on the training split, or on"
              + " all where there is none; times become fractions of the longest duration.")
  private boolean standardize;

  @Option(
      names = "--standardize-from",
      paramLabel = "DIR",
      description = "Standardize by what this data set was standardized by.")
  private String standardizeFrom;

  @Option(
      names = "--delimiter",
      paramLabel = "TEXT",
      defaultValue = ",",
      description = "For csv: what separates fields.")
  private String delimiter;

  @Option(
      names = "--null-value",
      paramLabel = "TEXT",
      defaultValue = "",
      description = "For csv: what stands for a missing value.")
  private String nullValue;

  @Option(
      names = "--shards",
      paramLabel = "K",
      defaultValue = "0",
      description = "Number of files to write; 0: one for every 64 MiB of input.")
  private int shards;

  @Override
  protected String plan() {
    return String.format(
        Locale.ROOT,
        "%s%s from %s to %s",
        format == ImportOptions.Format.TS ? "" : layout.name().toLowerCase(Locale.ROOT) + " ",
        format.name().toLowerCase(Locale.ROOT),
        String.join(", ", inputs),
        output);
  }

  @Override
  protected Map<String, Object> run(SparkSession spark) {
    DataSetManifest manifest = SequenceImport.run(spark, options(), output, common().overwrite);
    MissingValues missing = manifest.missing();
    if (missing.values() > 0) {
      tell(
          String.format(
              Locale.ROOT,
              "%,d missing values (--nulls %s): %,d filled, %,d steps and %,d sequences dropped",
              missing.values(),
              missing.policy(),
              missing.filledValues(),
              missing.droppedSteps(),
              missing.droppedSequences()));
    }
    return summary(manifest);
  }

  private Map<String, Object> summary(DataSetManifest manifest) {
    Map<String, Object> summary = new LinkedHashMap<>();
    summary.put("output", output);
    summary.put("rows", manifest.count());
    summary.put("bytes", manifest.bytes());
    summary.put("shards", manifest.shards().size());
    summary.put("channels", manifest.channels().size());
    summary.put("minLength", manifest.minLength());
    summary.put("maxLength", manifest.maxLength());
    summary.put("classes", manifest.label().classCount());
    summary.put("splits", manifest.splits());
    summary.put("missing", manifest.missing());
    summary.put("fingerprint", manifest.fingerprint());
    return summary;
  }

  private ImportOptions options() {
    ImportOptions options =
        new ImportOptions(format, inputs)
            .layout(layout)
            .id(id)
            .time(time)
            .values(values)
            .channels(channels)
            .label(label)
            .stepLabel(stepLabel)
            .labelType(labelType)
            .classes(classes)
            .split(split)
            .testFraction(testFraction, seed)
            .nulls(MissingValuePolicy.of(nulls))
            .standardize(standardize)
            .standardizeFrom(standardizeFrom)
            .delimiter(delimiter)
            .nullValue(nullValue)
            .shards(shards);
    return keep == null ? options : options.keep(keep);
  }
}
