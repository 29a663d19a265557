package org.sparkssm.spark;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.stream.IntStream;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.Path;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.util.SerializableConfiguration;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.data.LabelDescription;
import org.sparkssm.data.RawSequence;
import org.sparkssm.data.SequenceSchema;
import org.sparkssm.data.TsCase;
import org.sparkssm.data.TsHeader;
import org.sparkssm.data.TsReader;
import org.sparkssm.data.TsScanner;

/**
 * UEA/UCR {@code .ts} files as a source: ids count the cases in the order of the inputs, and a file
 * name that ends in _TRAIN or _TEST gives the split.
 *
 * <p>A first pass counts the cases and finds places to cut large files; parts are read in parallel.
 */
final class TsSource {
  private TsSource() {}

  /**
   * A part of a file to be read by one task.
   *
   * @param split nullable
   * @param firstId id of its first case
   */
  private record Part(
      String file,
      TsHeader header,
      String split,
      long offset,
      long firstCase,
      long cases,
      long firstId)
      implements Serializable {}

  static ForeignSource open(SparkSession spark, ImportOptions options) {
    checkOptions(options);
    List<FileStatus> files =
        InputFiles.find(options.inputs(), spark.sparkContext().hadoopConfiguration());
    long bytes = files.stream().mapToLong(FileStatus::getLen).sum();
    int shards = InputFiles.shards(options, bytes);
    List<String> names = files.stream().map(status -> status.getPath().toString()).toList();
    JavaSparkContext context = JavaSparkContext.fromSparkContext(spark.sparkContext());
    Broadcast<SerializableConfiguration> configuration =
        SerializableConfiguration.broadcast(spark.sparkContext());
    List<TsScanner.Scan> scans = scan(context, names, configuration, Math.max(1, bytes / shards));
    TsHeader header = commonHeader(names, scans);
    List<String> channels = channels(header, names, scans, options, configuration.value().value());
    List<Part> parts = parts(names, scans);
    LabelDescription label = label(header, options);
    List<String> classes = label.classes();
    int channelCount = channels.size();
    JavaRDD<ForeignSequence> sequences =
        context
            .parallelize(parts, Math.max(1, parts.size()))
            .mapPartitions(
                assigned ->
                    assigned.hasNext()
                        ? new PartReader(
                            assigned.next(), configuration.value().value(), channelCount, classes)
                        : List.<ForeignSequence>of().iterator());
    boolean hasSplit = parts.stream().anyMatch(part -> part.split() != null);
    return new ForeignSource(
        channels,
        label,
        header.timeStamps() ? "@timeStamps" : null,
        false,
        false,
        hasSplit,
        List.of(),
        sequences);
  }

  private static void checkOptions(ImportOptions options) {
    List<String> meaningless = new ArrayList<>();
    options.id().ifPresent(column -> meaningless.add("--id"));
    options.time().ifPresent(column -> meaningless.add("--time"));
    options.label().ifPresent(column -> meaningless.add("--label"));
    options.stepLabel().ifPresent(column -> meaningless.add("--step-label"));
    options.split().ifPresent(column -> meaningless.add("--split-column"));
    options.keep().ifPresent(columns -> meaningless.add("--keep"));
    if (!meaningless.isEmpty()) {
      throw new InvalidInputException(
          String.join(", ", meaningless)
              + " name columns of tables and mean nothing for .ts files");
    }
  }

  private static List<TsScanner.Scan> scan(
      JavaSparkContext context,
      List<String> names,
      Broadcast<SerializableConfiguration> configuration,
      long partBytes) {
    return context
        .parallelize(names, names.size())
        .map(
            name -> {
              Path path = new Path(name);
              try (FSDataInputStream in = HadoopFiles.open(path, configuration.value().value())) {
                return TsScanner.scan(in, name, partBytes);
              }
            })
        .collect();
  }

  private static TsHeader commonHeader(List<String> names, List<TsScanner.Scan> scans) {
    TsHeader first = scans.get(0).header();
    for (int f = 1; f < scans.size(); f++) {
      TsHeader other = scans.get(f).header();
      if (other.dimensions() != first.dimensions()
          || other.timeStamps() != first.timeStamps()
          || other.hasLabel() != first.hasLabel()
          || !other.classes().equals(first.classes())) {
        throw new InvalidInputException(
            names.get(f)
                + " and "
                + names.get(0)
                + " differ in their headers' dimensions, time stamps or class labels, expected"
                + " parts of one data set");
      }
    }
    return first;
  }

  /** Names of the channels; where the header does not count them, the first case does. */
  private static List<String> channels(
      TsHeader header,
      List<String> names,
      List<TsScanner.Scan> scans,
      ImportOptions options,
      Configuration configuration) {
    int count =
        header.dimensions() > 0
            ? header.dimensions()
            : channelsOfFirstCase(header, names, scans, configuration);
    if (options.channels().isEmpty()) {
      return IntStream.rangeClosed(1, count).mapToObj(c -> "x" + c).toList();
    }
    if (options.channels().size() != count) {
      throw new InvalidInputException(
          "--channels names "
              + options.channels().size()
              + " channels, "
              + names.get(0)
              + " has "
              + count);
    }
    return options.channels();
  }

  private static int channelsOfFirstCase(
      TsHeader header,
      List<String> names,
      List<TsScanner.Scan> scans,
      Configuration configuration) {
    for (int f = 0; f < names.size(); f++) {
      if (scans.get(f).cases() > 0) {
        TsScanner.Part part = scans.get(f).parts().get(0);
        try (BufferedReader reader = reader(names.get(f), part.offset(), configuration)) {
          return new TsReader(reader, header, names.get(f), 0).next().channels();
        } catch (IOException e) {
          throw HadoopFiles.unreadable(new Path(names.get(f)), e);
        }
      }
    }
    return 1;
  }

  private static List<Part> parts(List<String> names, List<TsScanner.Scan> scans) {
    List<Part> parts = new ArrayList<>();
    long firstId = 0;
    for (int f = 0; f < names.size(); f++) {
      String split = splitOf(names.get(f)).orElse(null);
      for (TsScanner.Part part : scans.get(f).parts()) {
        parts.add(
            new Part(
                names.get(f),
                scans.get(f).header(),
                split,
                part.offset(),
                part.firstCase(),
                part.cases(),
                firstId));
        firstId += part.cases();
      }
    }
    return parts;
  }

  private static Optional<String> splitOf(String file) {
    String name = file.toLowerCase(Locale.ROOT);
    if (name.endsWith("_train.ts")) {
      return Optional.of(SequenceSchema.TRAIN_SPLIT);
    }
    return name.endsWith("_test.ts") ? Optional.of(SequenceSchema.TEST_SPLIT) : Optional.empty();
  }

  private static LabelDescription label(TsHeader header, ImportOptions options) {
    if (!header.hasLabel()) {
      return LabelDescription.none();
    }
    boolean numbers =
        header.classes().isEmpty() || options.labelType() == ImportOptions.LabelType.NUMBER;
    if (numbers) {
      return LabelDescription.number(1);
    }
    return LabelDescription.classes(
        options.classes().isEmpty() ? header.classes() : options.classes());
  }

  private static BufferedReader reader(String file, long offset, Configuration configuration)
      throws IOException {
    FSDataInputStream in = HadoopFiles.open(new Path(file), configuration);
    in.seek(offset);
    return new BufferedReader(new InputStreamReader(in, StandardCharsets.UTF_8), 1 << 16);
  }

  /** The sequences of a part, read one by one. */
  private static final class PartReader implements Iterator<ForeignSequence> {
    private final Part part;
    private final BufferedReader text;
    private final TsReader cases;
    private final int channels;
    private final List<String> classes;
    private long done;

    PartReader(Part part, Configuration configuration, int channels, List<String> classes)
        throws IOException {
      this.part = part;
      this.text = reader(part.file(), part.offset(), configuration);
      this.cases = new TsReader(text, part.header(), part.file(), part.firstCase());
      this.channels = channels;
      this.classes = classes;
      org.apache.spark.TaskContext.get()
          .addTaskCompletionListener(
              context -> {
                try {
                  text.close();
                } catch (IOException e) {
                  throw new UncheckedIOException(e);
                }
              });
    }

    @Override
    public boolean hasNext() {
      return done < part.cases();
    }

    @Override
    public ForeignSequence next() {
      if (!hasNext()) {
        throw new NoSuchElementException();
      }
      String name = "case " + (part.firstCase() + done) + " of " + part.file();
      try {
        TsCase read = cases.next();
        if (read == null) {
          throw new InvalidInputException(part.file() + " became shorter while it was read");
        }
        if (read.channels() != channels) {
          throw new InvalidInputException(
              name + " has " + read.channels() + " channels, expected " + channels);
        }
        RawSequence raw =
            new RawSequence(
                part.firstId() + done, name, channels, read.values(), read.times(), null);
        done++;
        return new ForeignSequence(raw, null, part.split(), label(read, name), new Object[0]);
      } catch (IOException e) {
        throw HadoopFiles.unreadable(new Path(part.file()), e);
      }
    }

    private Object label(TsCase read, String name) {
      if (read.label() == null) {
        return null;
      }
      if (classes.isEmpty()) {
        try {
          return Double.parseDouble(read.label());
        } catch (NumberFormatException e) {
          throw new InvalidInputException(
              name + " has the label '" + read.label() + "', expected a number", e);
        }
      }
      int index = classes.indexOf(read.label());
      if (index < 0) {
        throw new InvalidInputException(
            name
                + " has the label '"
                + read.label()
                + "' out of range, expected one of the classes "
                + String.join(", ", classes));
      }
      return index;
    }
  }
}
