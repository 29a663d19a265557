package org.sparkssm.spark;

import static org.apache.spark.sql.functions.array;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.lit;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.catalyst.util.ArrayData;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.NumericType;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.unsafe.types.UTF8String;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.data.RawSequence;

/**
 * A table with one row per sequence: wide (a channel is an array column, or the columns NAME_0,
 * NAME_1, ...) or nested (one column of arrays of steps).
 *
 * <p>Rows are exchanged by ranges of the id and sorted by it, so that equal ids meet and are
 * refused.
 */
final class RowTable {
  private static final String ID = "id";
  private static final Pattern FLAT = Pattern.compile("(.+)_(\\d{1,9})");

  private RowTable() {}

  /** How the values of a row lie in its data columns. */
  private enum Form {
    /** One column per channel, an array over steps. */
    CHANNEL_ARRAYS,
    /** The same from flat columns: trailing nulls end the sequence. */
    FLAT_COLUMNS,
    /** One column, an array of steps of arrays of channels. */
    STEP_ARRAYS,
    /** One column, a flat array, row-major [length x channels]. */
    FLAT_ARRAY
  }

  static ForeignSource wide(TableColumns columns, ImportOptions options, int shards) {
    List<String> taken = taken(columns, options);
    List<String> arrays =
        options.channels().isEmpty() ? arrayColumns(columns, taken) : options.channels();
    boolean allArrays = !arrays.isEmpty() && arrays.stream().allMatch(columns::has);
    if (allArrays) {
      List<Column> data = arrays.stream().map(columns::channelArrayExpression).toList();
      return source(columns, options, shards, Form.CHANNEL_ARRAYS, arrays, data, arrays, taken);
    }
    Map<String, SortedMap<Integer, String>> flat = flatColumns(columns, taken);
    List<String> channels =
        options.channels().isEmpty() ? List.copyOf(flat.keySet()) : options.channels();
    if (channels.isEmpty()) {
      throw new InvalidInputException(
          "the input has neither array columns nor columns NAME_0, NAME_1, ... for channels, only "
              + String.join(", ", columns.table().columns()));
    }
    List<Column> data = new ArrayList<>();
    List<String> used = new ArrayList<>();
    for (String channel : channels) {
      SortedMap<Integer, String> steps = flat.get(channel);
      if (steps == null) {
        columns.type(channel, "--channels");
        throw TableColumns.wrongType(
            channel, columns.type(channel, "--channels"), "arrays of numbers for a channel");
      }
      used.addAll(steps.values());
      data.add(
          array(steps.values().stream().map(columns::channelExpression).toArray(Column[]::new)));
    }
    return source(columns, options, shards, Form.FLAT_COLUMNS, channels, data, used, taken);
  }

  static ForeignSource nested(TableColumns columns, ImportOptions options, int shards) {
    String values = options.values();
    DataType type = columns.type(values, "--values");
    boolean flat = TableColumns.isNumericArray(type);
    boolean steps =
        type instanceof ArrayType outer && TableColumns.isNumericArray(outer.elementType());
    if (!flat && !steps) {
      throw TableColumns.wrongType(
          values, type, "arrays of arrays of numbers, or flat arrays of numbers");
    }
    List<String> channels = options.channels();
    if (channels.isEmpty()) {
      if (flat) {
        throw new InvalidInputException(
            "the column '"
                + values
                + "' has flat arrays; --channels must name the channels, so that they can be cut"
                + " into steps");
      }
      channels =
          IntStream.rangeClosed(1, channelsOfFirstRow(columns, values))
              .mapToObj(c -> "x" + c)
              .toList();
    }
    Column data = columns.column(values).cast(flat ? "array<float>" : "array<array<float>>");
    return source(
        columns,
        options,
        shards,
        flat ? Form.FLAT_ARRAY : Form.STEP_ARRAYS,
        channels,
        List.of(data),
        List.of(values),
        taken(columns, options));
  }

  private static int channelsOfFirstRow(TableColumns columns, String values) {
    Column first = org.apache.spark.sql.functions.size(columns.column(values).getItem(0));
    List<Row> rows =
        columns
            .table()
            .where(org.apache.spark.sql.functions.size(columns.column(values)).gt(0))
            .select(first)
            .limit(1)
            .collectAsList();
    return rows.isEmpty() ? 1 : Math.max(1, rows.get(0).getInt(0));
  }

  private static List<String> taken(TableColumns columns, ImportOptions options) {
    List<String> taken = new ArrayList<>();
    columns.id().ifPresent(taken::add);
    options.time().ifPresent(taken::add);
    options.label().ifPresent(taken::add);
    options.stepLabel().ifPresent(taken::add);
    options.split().ifPresent(taken::add);
    options.keep().ifPresent(taken::addAll);
    return taken;
  }

  private static List<String> arrayColumns(TableColumns columns, List<String> taken) {
    return Arrays.stream(columns.table().schema().fields())
        .filter(field -> TableColumns.isNumericArray(field.dataType()))
        .map(StructField::name)
        .filter(name -> !taken.contains(name))
        .toList();
  }

  /** Columns NAME_0, NAME_1, ... by NAME in the order of the table, and by number. */
  private static Map<String, SortedMap<Integer, String>> flatColumns(
      TableColumns columns, List<String> taken) {
    Map<String, SortedMap<Integer, String>> flat = new LinkedHashMap<>();
    for (StructField field : columns.table().schema().fields()) {
      Matcher matcher = FLAT.matcher(field.name());
      if (field.dataType() instanceof NumericType
          && !taken.contains(field.name())
          && matcher.matches()) {
        flat.computeIfAbsent(matcher.group(1), name -> new TreeMap<>())
            .put(Integer.parseInt(matcher.group(2)), field.name());
      }
    }
    return flat;
  }

  private static ForeignSource source(
      TableColumns columns,
      ImportOptions options,
      int shards,
      Form form,
      List<String> channels,
      List<Column> data,
      List<String> dataColumns,
      List<String> taken) {
    Optional<String> id = columns.id();
    boolean hasKey = id.isPresent() && columns.idIsText(id.get());
    TableColumns.Labels labels = columns.labels(true);
    List<String> used = new ArrayList<>(taken);
    used.addAll(dataColumns);
    List<StructField> kept = columns.kept(used, true);

    List<Column> selected = new ArrayList<>();
    selected.add(id.map(columns::idExpression).orElse(lit(0L)).as(ID));
    selected.add(
        id.map(name -> columns.column(name).cast("string"))
            .orElse(lit(null).cast("string"))
            .as("key"));
    for (int d = 0; d < data.size(); d++) {
      selected.add(data.get(d).as("data " + d));
    }
    int next = 2 + data.size();
    int timeColumn = options.time().isPresent() ? next++ : -1;
    options.time().ifPresent(time -> selected.add(columns.timesExpression(time).as("times")));
    int labelColumn = labels.column() == null ? -1 : next++;
    if (labels.column() != null) {
      selected.add(labels.column().as("label"));
    }
    int splitColumn = columns.split().isPresent() ? next++ : -1;
    columns.split().ifPresent(split -> selected.add(split.as("split")));
    kept.forEach(field -> selected.add(columns.column(field.name()).as("kept " + field.name())));

    Shape shape =
        new Shape(
            form,
            channels,
            hasKey,
            timeColumn,
            new RowRoles(
                labelColumn,
                labels.description(),
                labels.indices(),
                splitColumn,
                next,
                kept.stream().map(StructField::dataType).toList()));
    Dataset<Row> rows =
        id.isPresent()
            ? columns.table().select(selected.toArray(Column[]::new))
            : numbered(columns.table(), selected);
    JavaRDD<ForeignSequence> sequences =
        rows.repartitionByRange(shards, col(ID))
            .sortWithinPartitions(ID, "key")
            .queryExecution()
            .toRdd()
            .toJavaRDD()
            .mapPartitions(sorted -> new Sequences(sorted, shape));
    boolean timestamps =
        options.time().isPresent()
            && columns.type(options.time().get(), "--time") instanceof ArrayType times
            && TableColumns.isTimestamp(times.elementType());
    return new ForeignSource(
        channels,
        labels.description(),
        options.time().orElse(null),
        timestamps,
        hasKey,
        splitColumn >= 0,
        kept,
        sequences);
  }

  /** The rows with their numbers in the order of files' names and places as ids. */
  private static Dataset<Row> numbered(Dataset<Row> table, List<Column> selected) {
    List<Column> ordered = new ArrayList<>(selected);
    ordered.add(col("_metadata.file_path").as("file"));
    ordered.add(col("_metadata.file_block_start").as("block"));
    ordered.add(org.apache.spark.sql.functions.monotonically_increasing_id().as("place"));
    Dataset<Row> sorted =
        table.select(ordered.toArray(Column[]::new)).orderBy("file", "block", "place");
    StructField[] fields = sorted.schema().fields();
    JavaRDD<InternalRow> withNumbers =
        sorted
            .queryExecution()
            .toRdd()
            .toJavaRDD()
            .zipWithIndex()
            .map(pair -> withId(pair._1(), pair._2(), fields));
    return SequenceRows.dataset(table.sparkSession(), withNumbers, sorted.schema());
  }

  private static InternalRow withId(InternalRow row, long id, StructField[] fields) {
    Object[] values = new Object[fields.length];
    for (int f = 0; f < fields.length; f++) {
      values[f] = row.get(f, fields[f].dataType());
    }
    values[0] = id;
    return new GenericInternalRow(values);
  }

  /**
   * Where things are in a selected row: id, key, data columns, then these.
   *
   * @param form how the data columns are read
   * @param timeColumn -1 for none
   */
  private record Shape(
      Form form, List<String> channels, boolean hasKey, int timeColumn, RowRoles roles)
      implements Serializable {
    private static final int FIRST_DATA = 2;
  }

  /** Reads sorted rows. */
  private static final class Sequences implements Iterator<ForeignSequence> {
    private final Iterator<InternalRow> rows;
    private final Shape shape;
    private boolean first = true;
    private long lastId;
    private UTF8String lastKey;

    Sequences(Iterator<InternalRow> rows, Shape shape) {
      this.rows = rows;
      this.shape = shape;
    }

    @Override
    public boolean hasNext() {
      return rows.hasNext();
    }

    @Override
    public ForeignSequence next() {
      InternalRow row = rows.next();
      if (row.isNullAt(0)) {
        throw new InvalidInputException("a row has a null id, expected an id in every row");
      }
      long id = row.getLong(0);
      UTF8String key = shape.hasKey() ? row.getUTF8String(1).copy() : null;
      String name = "sequence " + (shape.hasKey() ? "'" + key + "'" : Long.toString(id));
      checkUnique(id, key, name);
      float[] values = values(row, name);
      int length = values.length / shape.channels().size();
      RawSequence raw =
          new RawSequence(
              id,
              name,
              shape.channels().size(),
              values,
              times(row, name, length),
              shape.roles().label().perStep() ? stepLabels(row, name, length) : null);
      return new ForeignSequence(
          raw,
          key,
          shape.roles().split(row),
          shape.roles().label(row, name),
          shape.roles().kept(row));
    }

    private void checkUnique(long id, UTF8String key, String name) {
      if (!first && id == lastId) {
        if (key != null) {
          HashedKeys.checkSame(lastKey, key);
        }
        throw new InvalidInputException(
            name + " appears in several rows, expected one row per sequence");
      }
      first = false;
      lastId = id;
      lastKey = key;
    }

    private float[] values(InternalRow row, String name) {
      return switch (shape.form()) {
        case CHANNEL_ARRAYS, FLAT_COLUMNS -> ofChannels(row, name);
        case STEP_ARRAYS -> ofSteps(row, name);
        case FLAT_ARRAY -> ofFlatArray(row, name);
      };
    }

    private float[] ofChannels(InternalRow row, String name) {
      int count = shape.channels().size();
      ArrayData[] data = new ArrayData[count];
      int length = 0;
      for (int c = 0; c < count; c++) {
        if (row.isNullAt(Shape.FIRST_DATA + c)) {
          throw new InvalidInputException(
              name + " has no array in channel '" + shape.channels().get(c) + "', expected one");
        }
        data[c] = row.getArray(Shape.FIRST_DATA + c);
        if (shape.form() == Form.FLAT_COLUMNS) {
          length = Math.max(length, observedLength(data[c]));
        } else if (c == 0) {
          length = data[c].numElements();
        } else if (data[c].numElements() != length) {
          throw new InvalidInputException(
              name
                  + " has "
                  + data[c].numElements()
                  + " values in channel '"
                  + shape.channels().get(c)
                  + "' and "
                  + length
                  + " in channel '"
                  + shape.channels().get(0)
                  + "', expected the same number");
        }
      }
      float[] values = new float[length * count];
      for (int c = 0; c < count; c++) {
        for (int l = 0; l < length; l++) {
          values[l * count + c] = l < data[c].numElements() ? element(data[c], l) : Float.NaN;
        }
      }
      return values;
    }

    private static int observedLength(ArrayData data) {
      int length = data.numElements();
      while (length > 0 && data.isNullAt(length - 1)) {
        length--;
      }
      return length;
    }

    private float[] ofSteps(InternalRow row, String name) {
      int count = shape.channels().size();
      ArrayData steps = data(row, name);
      int length = steps.numElements();
      float[] values = new float[length * count];
      for (int l = 0; l < length; l++) {
        ArrayData step = steps.isNullAt(l) ? null : steps.getArray(l);
        if (step == null || step.numElements() != count) {
          throw new InvalidInputException(
              name
                  + " has "
                  + (step == null ? "no" : step.numElements())
                  + " values at step "
                  + l
                  + ", expected one for each of the "
                  + count
                  + " channels");
        }
        for (int c = 0; c < count; c++) {
          values[l * count + c] = element(step, c);
        }
      }
      return values;
    }

    private float[] ofFlatArray(InternalRow row, String name) {
      int count = shape.channels().size();
      ArrayData data = data(row, name);
      if (data.numElements() % count != 0) {
        throw new InvalidInputException(
            name
                + " has "
                + data.numElements()
                + " values, expected a multiple of the "
                + count
                + " channels");
      }
      float[] values = new float[data.numElements()];
      for (int i = 0; i < values.length; i++) {
        values[i] = element(data, i);
      }
      return values;
    }

    private static ArrayData data(InternalRow row, String name) {
      if (row.isNullAt(Shape.FIRST_DATA)) {
        throw new InvalidInputException(name + " has null in place of its values");
      }
      return row.getArray(Shape.FIRST_DATA);
    }

    private static float element(ArrayData data, int index) {
      return data.isNullAt(index) ? Float.NaN : data.getFloat(index);
    }

    private double[] times(InternalRow row, String name, int length) {
      if (shape.timeColumn() < 0) {
        return null;
      }
      ArrayData data = array(row, shape.timeColumn(), name, "times", length);
      double[] times = new double[length];
      for (int l = 0; l < length; l++) {
        times[l] = data.isNullAt(l) ? Double.NaN : data.getDouble(l);
      }
      return times;
    }

    private Object[] stepLabels(InternalRow row, String name, int length) {
      ArrayData data = array(row, shape.roles().labelColumn(), name, "labels", length);
      Object[] labels = new Object[length];
      for (int l = 0; l < length; l++) {
        if (!data.isNullAt(l)) {
          labels[l] =
              shape.roles().labelsAreClasses()
                  ? shape.roles().classIndex(data.getUTF8String(l).toString(), name)
                  : (Object) (float) data.getDouble(l);
        }
      }
      return labels;
    }

    private static ArrayData array(
        InternalRow row, int column, String name, String what, int length) {
      ArrayData data = row.isNullAt(column) ? null : row.getArray(column);
      if (data == null || data.numElements() != length) {
        throw new InvalidInputException(
            name
                + " has "
                + (data == null ? "no" : data.numElements())
                + " "
                + what
                + " for "
                + length
                + " steps, expected one per step");
      }
      return data;
    }
  }
}
