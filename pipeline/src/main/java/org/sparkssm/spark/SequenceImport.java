package org.sparkssm.spark;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.apache.spark.SparkContext;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.catalyst.expressions.UnsafeArrayData;
import org.apache.spark.sql.catalyst.util.GenericArrayData;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.Metadata;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.unsafe.types.UTF8String;
import org.apache.spark.util.LongAccumulator;
import org.sparkssm.data.ChannelMoments;
import org.sparkssm.data.DataSetManifest;
import org.sparkssm.data.DataSetManifest.MissingValues;
import org.sparkssm.data.DataSetManifest.Standardization;
import org.sparkssm.data.DataSetManifest.TimeDescription;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.data.LabelDescription;
import org.sparkssm.data.MissingValueTreatment;
import org.sparkssm.data.RawSequence;
import org.sparkssm.data.SequenceSchema;
import org.sparkssm.data.Split;

/**
 * Brings foreign data into the form of a sequence data set: the one path for {@code .ts} files and
 * for long, wide and nested tables.
 *
 * <p>Values are standardized first (where asked for, by moments of the training split) and missing
 * ones treated afterwards, so a filled-in 0 of a mask policy is the channel's mean.
 */
public final class SequenceImport {
  private static final String ALL = "all";

  private SequenceImport() {}

  /**
   * Imports a data set.
   *
   * @param output folder to write
   * @param overwrite whether an existing data set may be replaced
   * @return the manifest as written
   * @throws InvalidInputException for options, columns or values that do not fit; nothing is left
   *     behind then
   */
  public static DataSetManifest run(
      SparkSession spark, ImportOptions options, String output, boolean overwrite) {
    checkOptions(options);
    SequenceStore.checkOutput(spark, output, overwrite);
    ForeignSource source =
        options.format() == ImportOptions.Format.TS
            ? TsSource.open(spark, options)
            : TableSource.open(spark, options);
    Scaling scaling = scaling(spark, source, options);
    MissingValueTreatment treatment = new MissingValueTreatment(options.nulls(), source.channels());
    Preparation preparation =
        new Preparation(spark.sparkContext(), source, options, scaling, treatment);
    DataSetManifest.Builder manifest = describe(source, options, scaling, treatment, output);
    JavaRDD<InternalRow> rows = source.sequences().mapPartitions(preparation::prepare);
    return SequenceStore.write(
        SequenceRows.dataset(spark, rows, schema(source, options, treatment)),
        manifest,
        complete -> complete.missing(preparation.counts()),
        output,
        overwrite);
  }

  private static void checkOptions(ImportOptions options) {
    if (options.inputs().isEmpty()) {
      throw new InvalidInputException("an import needs at least one input, found none");
    }
    if (options.testFraction() < 0 || options.testFraction() >= 1) {
      throw new InvalidInputException(
          "the test fraction must be at least 0 and below 1, found " + options.testFraction());
    }
    if (options.testFraction() > 0 && options.split().isPresent()) {
      throw new InvalidInputException(
          "a split is either kept (--split-column) or made (--test-fraction), not both");
    }
    if (options.label().isPresent() && options.stepLabel().isPresent()) {
      throw new InvalidInputException(
          "labels belong either to sequences (--label) or to steps (--step-label), not both");
    }
    if (options.standardize() && options.standardizeFrom().isPresent()) {
      throw new InvalidInputException(
          "values are standardized either by this data (--standardize) or by another data set's"
              + " (--standardize-from), not both");
    }
  }

  /**
   * What values and times are divided by.
   *
   * @param fitted nullable: nothing is standardized
   * @param timeScale 1 where nothing is standardized
   */
  private record Scaling(Standardization fitted, double timeScale) implements Serializable {}

  private static Scaling scaling(SparkSession spark, ForeignSource source, ImportOptions options) {
    if (options.standardizeFrom().isPresent()) {
      return otherScaling(spark, source, options.standardizeFrom().get());
    }
    if (!options.standardize()) {
      return new Scaling(null, 1);
    }
    List<String> names = source.channels();
    int channels = names.size();
    SplitRule rule = new SplitRule(options, source.hasSplit());
    String fittedOn = rule.isSplit() ? SequenceSchema.TRAIN_SPLIT : ALL;
    ChannelMoments moments =
        source
            .sequences()
            .mapPartitions(
                sequences -> {
                  ChannelMoments partial = new ChannelMoments(channels);
                  while (sequences.hasNext()) {
                    ForeignSequence sequence = sequences.next();
                    if (!rule.isSplit()
                        || SequenceSchema.TRAIN_SPLIT.equals(rule.splitOf(sequence))) {
                      sequence.raw().check(names);
                      partial.add(sequence.raw());
                    }
                  }
                  return List.of(partial).iterator();
                })
            .fold(new ChannelMoments(channels), ChannelMoments::add);
    return new Scaling(moments.standardization(names, fittedOn), moments.timeScale());
  }

  private static Scaling otherScaling(SparkSession spark, ForeignSource source, String path) {
    DataSetManifest other = SequenceStore.readManifest(spark, path);
    Standardization fitted = other.standardization();
    if (fitted == null) {
      throw new InvalidInputException(
          "--standardize-from " + path + " is a data set that was not standardized");
    }
    if (fitted.mean().size() != source.channels().size()) {
      throw new InvalidInputException(
          "--standardize-from "
              + path
              + " has "
              + fitted.mean().size()
              + " channels, the input has "
              + source.channels().size());
    }
    return new Scaling(fitted, other.time() == null ? 1 : other.time().scale());
  }

  private static DataSetManifest.Builder describe(
      ForeignSource source,
      ImportOptions options,
      Scaling scaling,
      MissingValueTreatment treatment,
      String output) {
    DataSetManifest.Builder manifest =
        DataSetManifest.builder(SequenceStore.nameOf(output))
            .parameter("format", options.format().name().toLowerCase(Locale.ROOT))
            .parameter("input", options.inputs())
            .channels(treatment.resultChannels())
            .label(source.label())
            .standardization(scaling.fitted());
    if (options.testFraction() > 0) {
      manifest
          .parameter("testFraction", options.testFraction())
          .parameter("splitSeed", options.seed());
    }
    if (source.time() != null) {
      boolean relative = source.timeIsTimestamp() || scaling.fitted() != null;
      manifest.time(
          new TimeDescription(
              source.time(),
              relative ? "sequence" : "none",
              source.timeIsTimestamp() ? "seconds" : "as given",
              scaling.timeScale()));
    }
    return manifest;
  }

  private static StructType schema(
      ForeignSource source, ImportOptions options, MissingValueTreatment treatment) {
    List<StructField> fields = new ArrayList<>();
    fields.add(SequenceRows.idField());
    fields.add(SequenceRows.valuesField(treatment.resultChannels()));
    fields.add(SequenceRows.lengthField());
    if (source.time() != null) {
      fields.add(
          new StructField(
              SequenceSchema.TIMES,
              DataTypes.createArrayType(DataTypes.DoubleType, false),
              false,
              Metadata.empty()));
    }
    if (source.label().perSequence()) {
      fields.add(SequenceRows.labelField(source.label()));
    }
    if (source.label().perStep()) {
      fields.add(SequenceRows.labelsField(source.label()));
    }
    if (source.hasKey()) {
      fields.add(text(SequenceSchema.KEY));
    }
    if (new SplitRule(options, source.hasSplit()).isSplit()) {
      fields.add(text(SequenceSchema.SPLIT));
    }
    fields.addAll(source.kept());
    return new StructType(fields.toArray(StructField[]::new));
  }

  private static StructField text(String name) {
    return new StructField(name, DataTypes.StringType, false, Metadata.empty());
  }

  /** Which split a sequence is in: the source's, or one drawn by id. */
  private static final class SplitRule implements Serializable {
    private static final long serialVersionUID = 1L;

    private final boolean kept;
    private final double testFraction;
    private final long seed;

    SplitRule(ImportOptions options, boolean sourceHasSplit) {
      this.testFraction = options.testFraction();
      this.kept = sourceHasSplit && testFraction == 0;
      this.seed = options.seed();
    }

    boolean isSplit() {
      return kept || testFraction > 0;
    }

    String splitOf(ForeignSequence sequence) {
      if (!kept) {
        return Split.isTest(sequence.raw().id(), testFraction, seed)
            ? SequenceSchema.TEST_SPLIT
            : SequenceSchema.TRAIN_SPLIT;
      }
      String split = Objects.toString(sequence.split(), "").toLowerCase(Locale.ROOT);
      if (!SequenceStore.SPLITS.contains(split)) {
        throw new InvalidInputException(
            sequence.raw().name()
                + " has the split '"
                + Objects.toString(sequence.split(), "null")
                + "', expected one of "
                + String.join(", ", SequenceStore.SPLITS));
      }
      return split;
    }
  }

  /** Makes rows of foreign sequences, on the executors, and counts what it does to them. */
  private static final class Preparation implements Serializable {
    private static final long serialVersionUID = 1L;

    private final List<String> channels;
    private final LabelDescription label;
    private final boolean hasTimes;
    private final boolean timeIsTimestamp;
    private final boolean hasKey;
    private final int columns;
    private final SplitRule rule;
    private final Scaling scaling;
    private final MissingValueTreatment treatment;
    private final LongAccumulator missing;
    private final LongAccumulator filled;
    private final LongAccumulator droppedSteps;
    private final LongAccumulator droppedSequences;

    Preparation(
        SparkContext context,
        ForeignSource source,
        ImportOptions options,
        Scaling scaling,
        MissingValueTreatment treatment) {
      this.channels = source.channels();
      this.label = source.label();
      this.hasTimes = source.time() != null;
      this.timeIsTimestamp = source.timeIsTimestamp();
      this.hasKey = source.hasKey();
      this.columns = schema(source, options, treatment).length();
      this.rule = new SplitRule(options, source.hasSplit());
      this.scaling = scaling;
      this.treatment = treatment;
      this.missing = context.longAccumulator();
      this.filled = context.longAccumulator();
      this.droppedSteps = context.longAccumulator();
      this.droppedSequences = context.longAccumulator();
    }

    MissingValues counts() {
      return new MissingValues(
          treatment.policy().option(),
          missing.value(),
          filled.value(),
          droppedSteps.value(),
          droppedSequences.value());
    }

    Iterator<InternalRow> prepare(Iterator<ForeignSequence> sequences) {
      Stream<ForeignSequence> stream =
          StreamSupport.stream(((Iterable<ForeignSequence>) () -> sequences).spliterator(), false);
      return stream.map(this::row).flatMap(Optional::stream).iterator();
    }

    /** Empty for a sequence that is left out. */
    private Optional<InternalRow> row(ForeignSequence sequence) {
      RawSequence raw = sequence.raw();
      if (raw.length() == 0) {
        throw new InvalidInputException(raw.name() + " has no steps, expected at least one");
      }
      raw.check(channels);
      if (scaling.fitted() != null) {
        raw.standardize(numbers(scaling.fitted().mean()), numbers(scaling.fitted().deviation()));
        raw.scaleTimes(scaling.timeScale());
      } else if (timeIsTimestamp) {
        raw.scaleTimes(1);
      }
      count(treatment.apply(raw));
      if (raw.length() == 0) {
        droppedSequences.add(1);
        return Optional.empty();
      }
      return Optional.of(internalRow(sequence));
    }

    private void count(MissingValueTreatment.Counts counts) {
      missing.add(counts.missing());
      filled.add(counts.filled());
      droppedSteps.add(counts.droppedSteps());
    }

    private InternalRow internalRow(ForeignSequence sequence) {
      RawSequence raw = sequence.raw();
      Object[] row = new Object[columns];
      int column = 0;
      row[column++] = raw.id();
      row[column++] = SequenceRows.array(raw.values());
      row[column++] = raw.length();
      if (hasTimes) {
        row[column++] = UnsafeArrayData.fromPrimitiveArray(raw.times());
      }
      if (label.perSequence()) {
        row[column++] = sequence.label();
      }
      if (label.perStep()) {
        row[column++] = new GenericArrayData(raw.stepLabels());
      }
      if (hasKey) {
        row[column++] = sequence.key();
      }
      if (rule.isSplit()) {
        row[column++] = UTF8String.fromString(rule.splitOf(sequence));
      }
      System.arraycopy(sequence.kept(), 0, row, column, sequence.kept().length);
      return new GenericInternalRow(row);
    }

    private static double[] numbers(List<Double> values) {
      return values.stream().mapToDouble(Double::doubleValue).toArray();
    }
  }
}
