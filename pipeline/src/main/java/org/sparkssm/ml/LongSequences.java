package org.sparkssm.ml;

import static org.apache.spark.sql.functions.col;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.NumericType;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.storage.StorageLevel;
import org.sparkssm.data.InvalidInputException;

/**
 * Sequences whose points are rows of a table (key, time, channels) and of which one may be longer
 * than a machine holds: states of a {@link RandomLinearCde} and predictions of sequence models,
 * computed in parallel in time.
 *
 * <p>The rows are put in order of key and time over {@code spark.sql.shuffle.partitions}
 * partitions, so that a long sequence lies in consecutive ones, in segments. What is carried along
 * a sequence passes a segment by an affine map (an associative scan over time, Blelloch 1990): the
 * maps of all segments are computed at the same time, the driver joins them in order, and then
 * every segment can be run with the state that is carried to it. A task holds one chunk of a
 * segment at a time.
 *
 * <pre>{@code
 * try (LongSequences sequences = LongSequences.of(table, "sensor", "time", List.of("x", "y"))) {
 *   sequences.states(new RandomLinearCde().setStateSize(32)).write().parquet(...);
 *   sequences.predictions(SequenceRegressionModel.load(...)).write().parquet(...);
 * }
 * }</pre>
 *
 * <p>Results are those of {@code transform} on the same sequences in one row each, up to rounding
 * (1e-5). They read the points again when they are evaluated; {@link #close} lets go of the copy of
 * the points in Spark's cache.
 */
public final class LongSequences implements AutoCloseable {
  /** Points of a chunk, unless said otherwise. */
  private static final int CHUNK_LENGTH = 1 << 13;

  private final SparkSession spark;
  private final StructField key;
  private final String time;
  private final int channels;
  private final JavaRDD<PathChunk> chunks;
  private final List<List<PathSegment>> chains = new ArrayList<>();
  private final Map<PathSegment.Place, PathSegment.Context> contexts = new HashMap<>();

  private LongSequences(
      SparkSession spark, StructField key, String time, int channels, JavaRDD<PathChunk> chunks) {
    this.spark = spark;
    this.key = key;
    this.time = time;
    this.channels = channels;
    this.chunks = chunks;
  }

  /**
   * Puts the points in order; a Spark job.
   *
   * @param keyCol which sequence a point belongs to: integers, strings, or what casts to strings
   * @param timeCol numbers or timestamps (seconds), each once within a sequence
   * @param channelCols numbers
   * @throws InvalidInputException if a column is missing or of another type, or a row has no key,
   *     no finite time, a time that was there before, or no finite value
   */
  public static LongSequences of(
      Dataset<?> table, String keyCol, String timeCol, List<String> channelCols) {
    return of(table, keyCol, timeCol, channelCols, CHUNK_LENGTH);
  }

  /**
   * The same with another bound on the memory of a task.
   *
   * @param chunkLength points that a task holds at a time, at least 1
   */
  public static LongSequences of(
      Dataset<?> table, String keyCol, String timeCol, List<String> channelCols, int chunkLength) {
    check(table.schema(), keyCol, timeCol, channelCols, chunkLength);
    List<Column> columns = new ArrayList<>();
    columns.add(col(quoted(keyCol)).cast(DataTypes.StringType).as("key"));
    columns.add(col(quoted(timeCol)).cast(DataTypes.DoubleType).as("time"));
    for (int c = 0; c < channelCols.size(); c++) {
      columns.add(col(quoted(channelCols.get(c))).cast(DataTypes.FloatType).as("channel" + c));
    }
    SparkSession spark = table.sparkSession();
    Column[] order = {col("key"), col("time")};
    Dataset<Row> sorted =
        table
            .toDF()
            .select(columns.toArray(Column[]::new))
            .repartitionByRange(partitions(spark), order)
            .sortWithinPartitions(order);
    PathChunks.Columns names =
        new PathChunks.Columns(keyCol, timeCol, List.copyOf(channelCols), chunkLength);
    JavaRDD<PathChunk> chunks =
        sorted
            .queryExecution()
            .toRdd()
            .toJavaRDD()
            .mapPartitions((Iterator<InternalRow> rows) -> new PathChunks(rows, names))
            .persist(StorageLevel.MEMORY_AND_DISK());
    LongSequences sequences =
        new LongSequences(spark, table.schema().apply(keyCol), timeCol, channelCols.size(), chunks);
    try {
      sequences.join();
    } catch (Exception e) { // Spark throws checked ones unannounced
      sequences.close();
      throw SequenceEstimator.failure(e);
    }
    return sequences;
  }

  private static int partitions(SparkSession spark) {
    return Integer.parseInt(spark.conf().get("spark.sql.shuffle.partitions"));
  }

  private static String quoted(String name) {
    return "`" + name.replace("`", "``") + "`";
  }

  private static void check(
      StructType schema, String key, String time, List<String> channels, int chunkLength) {
    Columns.type(schema, key, "a key");
    DataType timeType = Columns.type(schema, time, "a time");
    if (!(timeType instanceof NumericType) && !timeType.equals(DataTypes.TimestampType)) {
      throw Columns.wrongType(time, timeType, "a number or a timestamp");
    }
    if (channels.isEmpty()) {
      throw new InvalidInputException("no channel is given, expected at least one column");
    }
    channels.forEach(channel -> SequenceColumns.checkNumber(schema, channel, "a channel"));
    if (chunkLength < 1) {
      throw new InvalidInputException("chunkLength is " + chunkLength + ", expected at least 1");
    }
  }

  // ---------------------------------------------------------------- what lies where

  /** Finds the segments, and which of them belong to the same sequence. */
  private void join() {
    int width = channels;
    List<PathSegment> found =
        chunks.mapPartitionsWithIndex((index, part) -> outline(index, part, width), true).collect();
    List<PathSegment> chain = new ArrayList<>();
    for (PathSegment segment : found) {
      if (!chain.isEmpty() && !continues(chain.get(chain.size() - 1), segment)) {
        add(chain);
        chain = new ArrayList<>();
      }
      chain.add(segment);
    }
    add(chain);
  }

  /** The segments of a partition that may go on elsewhere, or are more than one chunk. */
  private static Iterator<PathSegment> outline(
      int partition, Iterator<PathChunk> part, int channels) {
    List<PathSegment> segments = new ArrayList<>();
    SegmentReader reader = new SegmentReader(part);
    PathSegment segment = null;
    while (reader.nextSegment()) {
      if (segment != null && segment.chunks() == 1 && segment.place().number() > 0) {
        segments.remove(segment);
      }
      segment = new PathSegment(partition, reader.number(), reader.peek());
      segments.add(segment);
      while (reader.hasChunk()) {
        segment.add(reader.nextChunk(), channels);
      }
    }
    return segments.iterator();
  }

  private boolean continues(PathSegment before, PathSegment segment) {
    if (!before.key().equals(segment.key())) {
      return false;
    }
    if (segment.firstTime() <= before.lastTime()) {
      throw new InvalidInputException(
          "sequence %s has the %s %s twice, expected strictly increasing times"
              .formatted(segment.key(), time, segment.firstTime()));
    }
    return true;
  }

  private void add(List<PathSegment> chain) {
    if (chain.isEmpty()) {
      return;
    }
    PathSegment last = chain.get(chain.size() - 1);
    long total = chain.stream().mapToLong(PathSegment::points).sum();
    long position = 0;
    for (int k = 0; k < chain.size(); k++) {
      PathSegment segment = chain.get(k);
      contexts.put(
          segment.place(),
          new PathSegment.Context(
              position,
              k == 0 ? null : chain.get(k - 1),
              k < chain.size() - 1,
              total,
              chain.get(0).firstTime(),
              last.lastTime()));
      position += segment.points();
    }
    if (chain.size() > 1) {
      chains.add(chain);
    }
  }

  JavaRDD<PathChunk> chunks() {
    return chunks;
  }

  int channels() {
    return channels;
  }

  SparkSession spark() {
    return spark;
  }

  /** Sequences of several segments, each in order of time. */
  List<List<PathSegment>> chains() {
    return chains;
  }

  /** Of all segments but those that are a whole sequence in one chunk. */
  Map<PathSegment.Place, PathSegment.Context> contexts() {
    return contexts;
  }

  /** The key column, as strings. */
  StructType keySchema() {
    return new StructType().add(key.name(), DataTypes.StringType, false);
  }

  /** Rows whose first column is a key, with the keys in their own type. */
  Dataset<Row> dataset(JavaRDD<InternalRow> rows, StructType schema) {
    Dataset<Row> strings =
        ((org.apache.spark.sql.classic.SparkSession) spark)
            .internalCreateDataFrame(rows.rdd(), schema, false);
    return strings.withColumn(key.name(), col(quoted(key.name())).cast(key.dataType()));
  }

  // ---------------------------------------------------------------- results

  /**
   * The final state of every sequence: columns key and {@code outputCol}. A segment of a long
   * sequence costs N times what it costs in one piece, since the map of all N states is computed:
   * this is for states of moderate size N, and more partitions than N cores would be quicker only.
   *
   * @param features its Params {@code stateSize}, {@code solver}, {@code scaling}, {@code seed},
   *     {@code outputCol} and {@code outputType} hold; times count where {@code timesCol} is set,
   *     and are uniform otherwise
   */
  public Dataset<Row> states(RandomLinearCde features) {
    return new LongStates(this, features.equation(keySchema(), channels, spark)).dataset();
  }

  /**
   * A model's predictions: column key and the columns that the model appends; where it predicts
   * every step, a row for each chunk, with the column {@code times} and arrays of the same length.
   * Times count where {@code timesCol} of the model is set. There is one pass over the segments for
   * each thing that the model carries (a Mamba block: convolution, state) and a last one for the
   * outputs.
   *
   * @throws InvalidInputException if a layer carries what is neither diagonal nor linear (RNN,
   *     LSTM, delta rule, attention), or reads both ways
   */
  public Dataset<Row> predictions(SequenceModelTransformer<?> model) {
    return new LongScores(this, model).dataset();
  }

  @Override
  public void close() {
    chunks.unpersist(false);
  }
}
