package org.sparkssm.spark;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Objects;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.types.NumericType;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.unsafe.types.UTF8String;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.data.RawSequence;

/**
 * A table with one row per step: (id, time, channels, ...).
 *
 * <p>Rows are exchanged by ranges of the id and sorted by id and time within a partition, on disk
 * if need be; then sequences are put together one by one.
 */
final class LongTable {
  private static final String DEFAULT_TIME = "time";
  private static final String ID = "id";
  private static final String KEY = "key";
  private static final String TIME = "time";

  /** A selected row is id, time, key, channels, then what {@link RowRoles} has. */
  private static final int FIRST_CHANNEL = 3;

  private LongTable() {}

  static ForeignSource source(TableColumns columns, ImportOptions options, int shards) {
    String id = columns.id().orElseThrow();
    String time = options.time().orElse(DEFAULT_TIME);
    boolean hasKey = columns.idIsText(id);
    TableColumns.Labels labels = columns.labels(false);
    List<StructField> kept = columns.kept(List.of(), false);
    List<String> channels = channels(columns, options, id, time, kept);

    List<Column> selected = new ArrayList<>();
    selected.add(columns.idExpression(id).as(ID));
    selected.add(columns.timeExpression(time).as(TIME));
    selected.add(columns.column(id).cast("string").as(KEY));
    channels.forEach(name -> selected.add(columns.channelExpression(name).as("channel " + name)));
    int next = FIRST_CHANNEL + channels.size();
    int labelColumn = labels.column() == null ? -1 : next++;
    if (labels.column() != null) {
      selected.add(labels.column().as("label"));
    }
    int splitColumn = columns.split().isPresent() ? next++ : -1;
    columns.split().ifPresent(split -> selected.add(split.as("split")));
    kept.forEach(field -> selected.add(columns.column(field.name()).as("kept " + field.name())));

    RowRoles roles =
        new RowRoles(
            labelColumn,
            labels.description(),
            labels.indices(),
            splitColumn,
            next,
            kept.stream().map(StructField::dataType).toList());
    int channelCount = channels.size();
    JavaRDD<ForeignSequence> sequences =
        columns
            .table()
            .select(selected.toArray(Column[]::new))
            .repartitionByRange(shards, org.apache.spark.sql.functions.col(ID))
            .sortWithinPartitions(ID, KEY, TIME)
            .queryExecution()
            .toRdd()
            .toJavaRDD()
            .mapPartitions(rows -> new Sequences(rows, channelCount, hasKey, roles));
    return new ForeignSource(
        channels,
        labels.description(),
        time,
        TableColumns.isTimestamp(columns.type(time, "--time")),
        hasKey,
        splitColumn >= 0,
        kept,
        sequences);
  }

  private static List<String> channels(
      TableColumns columns, ImportOptions options, String id, String time, List<StructField> kept) {
    if (!options.channels().isEmpty()) {
      return options.channels();
    }
    List<String> taken = new ArrayList<>(List.of(id, time));
    options.label().ifPresent(taken::add);
    options.stepLabel().ifPresent(taken::add);
    options.split().ifPresent(taken::add);
    kept.forEach(field -> taken.add(field.name()));
    List<String> channels =
        Arrays.stream(columns.table().schema().fields())
            .filter(field -> field.dataType() instanceof NumericType)
            .map(StructField::name)
            .filter(name -> !taken.contains(name))
            .toList();
    if (channels.isEmpty()) {
      throw new InvalidInputException(
          "the input has no numeric column left for a channel, only "
              + String.join(", ", columns.table().columns()));
    }
    return channels;
  }

  /** Puts sorted rows together, one sequence at a time. */
  private static final class Sequences implements Iterator<ForeignSequence> {
    private final Iterator<InternalRow> rows;
    private final int channels;
    private final boolean hasKey;
    private final RowRoles roles;
    private InternalRow row;

    Sequences(Iterator<InternalRow> rows, int channels, boolean hasKey, RowRoles roles) {
      this.rows = rows;
      this.channels = channels;
      this.hasKey = hasKey;
      this.roles = roles;
      advance();
    }

    private void advance() {
      row = rows.hasNext() ? rows.next() : null;
    }

    @Override
    public boolean hasNext() {
      return row != null;
    }

    @Override
    public ForeignSequence next() {
      if (row == null) {
        throw new NoSuchElementException();
      }
      if (row.isNullAt(0)) {
        throw new InvalidInputException("a row has a null id, expected an id in every row");
      }
      long id = row.getLong(0);
      UTF8String key = row.getUTF8String(2).copy();
      String name = "sequence " + (hasKey ? "'" + key + "'" : key.toString());
      Object label = roles.label(row, name);
      String split = roles.split(row);
      Object[] kept = roles.kept(row);
      float[] values = new float[64 * channels];
      double[] times = new double[64];
      List<Object> stepLabels = roles.label().perStep() ? new ArrayList<>() : null;
      int length = 0;
      while (row != null && !row.isNullAt(0) && row.getLong(0) == id) {
        checkSame(key, name, label, split);
        if (length == times.length) {
          times = Arrays.copyOf(times, length * 2);
          values = Arrays.copyOf(values, times.length * channels);
        }
        times[length] = time(name, length, times);
        for (int c = 0; c < channels; c++) {
          int column = FIRST_CHANNEL + c;
          values[length * channels + c] = row.isNullAt(column) ? Float.NaN : row.getFloat(column);
        }
        if (stepLabels != null) {
          stepLabels.add(stepLabel(name));
        }
        length++;
        advance();
      }
      RawSequence raw =
          new RawSequence(
              id,
              name,
              channels,
              Arrays.copyOf(values, length * channels),
              Arrays.copyOf(times, length),
              stepLabels == null ? null : stepLabels.toArray());
      return new ForeignSequence(raw, hasKey ? key : null, split, label, kept);
    }

    private double time(String name, int step, double[] times) {
      if (row.isNullAt(1)) {
        throw new InvalidInputException(name + " has a null time, expected a time in every row");
      }
      double time = row.getDouble(1);
      if (step > 0 && time == times[step - 1]) {
        throw new InvalidInputException(
            name + " has the time " + time + " twice, expected strictly increasing times");
      }
      return time;
    }

    private void checkSame(UTF8String key, String name, Object label, String split) {
      HashedKeys.checkSame(key, row.getUTF8String(2));
      if (!Objects.equals(label, roles.label(row, name))) {
        throw new InvalidInputException(
            name
                + " has different labels in its rows, expected one label per sequence"
                + " (--step-label names a column of one label per step)");
      }
      if (!Objects.equals(split, roles.split(row))) {
        throw new InvalidInputException(
            name + " is in several splits, expected one split per sequence");
      }
    }

    /** Null for a step without a label. */
    private Object stepLabel(String name) {
      int column = roles.labelColumn();
      if (row.isNullAt(column)) {
        return null;
      }
      return roles.labelsAreClasses()
          ? roles.classIndex(row.getUTF8String(column).toString(), name)
          : (Object) (float) row.getDouble(column);
    }
  }
}
