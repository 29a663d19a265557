package org.sparkssm.sql;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.spark.api.java.function.MapFunction;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.streaming.OutputMode;
import org.apache.spark.sql.streaming.TimeMode;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.NumericType;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.sql.types.TimestampType;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.signature.SignatureSize;

/**
 * Signatures of paths whose points arrive as a stream, one running signature a key: what {@code
 * path_signature_agg} computes, in Structured Streaming.
 *
 * <p>A point newer than the watermark waits in the state; once the watermark has passed its time it
 * becomes part of the signature, in order of time, and leaves the state. A point that arrives at or
 * before the watermark is late: it is counted and refused. When none is late, the last row of a key
 * is the signature of all its points, as the batch query gives it. Two points of a key with one
 * time, and numbers that are missing or not finite, fail the query.
 *
 * <pre>{@code
 * Dataset<Row> points = spark.readStream()....withWatermark("time", "10 minutes");
 * new SignatureStream(List.of("sensor"), "time", "values", 3)
 *     .apply(points).writeStream().outputMode("update")...
 * }</pre>
 *
 * <p>The result has the columns of the key, {@code signature} (array of doubles), {@code last_time}
 * (of the last point in it), {@code points} (their number) and {@code late} (points refused so
 * far); a key gets a new row whenever these change, so the query runs in output mode update. The
 * state needs {@code spark.sql.streaming.stateStore.providerClass} to be Spark's RocksDB provider.
 */
public final class SignatureStream {
  /** Where Spark notes the delay of a watermark. */
  private static final String WATERMARK_METADATA = "spark.watermarkDelayMs";

  private final List<String> keys;
  private final String time;
  private final String values;
  private final int depth;

  /**
   * Signatures of the points of each key.
   *
   * @param keys columns that name a path
   * @param time column of type timestamp that carries the watermark
   * @param values column of points: arrays of numbers, one a channel
   * @param depth truncation level
   * @throws InvalidInputException if there is no key or the depth is less than 1
   */
  public SignatureStream(List<String> keys, String time, String values, int depth) {
    if (keys.isEmpty()) {
      throw new InvalidInputException("a stream of signatures has no key, expected at least one");
    }
    if (depth < 1) {
      throw new InvalidInputException("the depth is " + depth + ", expected at least 1");
    }
    this.keys = List.copyOf(keys);
    this.time = time;
    this.values = values;
    this.depth = depth;
  }

  /**
   * The signatures of a stream of points.
   *
   * @throws InvalidInputException if the columns are not as the constructor says, or {@code points}
   *     is no stream
   */
  public Dataset<Row> apply(Dataset<Row> points) {
    StructType schema = points.schema();
    requireStream(points);
    requireColumns(schema);
    StructType keySchema = new StructType();
    for (String key : keys) {
      keySchema = keySchema.add(schema.apply(key));
    }
    int keyCount = keys.size();
    MapFunction<Row, Row> keyOf = row -> prefix(row, keyCount);
    return points
        .select(columns())
        .groupByKey(keyOf, Encoders.row(keySchema))
        .transformWithState(
            new SignatureProcessor(depth, maxBytes(points), keyCount),
            TimeMode.EventTime(),
            OutputMode.Update(),
            Encoders.row(outputSchema(keySchema)));
  }

  private Column[] columns() {
    List<Column> columns = new ArrayList<>();
    for (String key : keys) {
      columns.add(functions.col(key));
    }
    // As a number the time has no watermark, so Spark leaves late points for us to count.
    columns.add(functions.unix_micros(functions.col(time)).as("time"));
    columns.add(functions.col(values).cast("array<double>").as("values"));
    return columns.toArray(Column[]::new);
  }

  private static StructType outputSchema(StructType keySchema) {
    return keySchema
        .add("signature", DataTypes.createArrayType(DataTypes.DoubleType, false))
        .add("last_time", DataTypes.TimestampType)
        .add("points", DataTypes.LongType, false)
        .add("late", DataTypes.LongType, false);
  }

  private static Row prefix(Row row, int count) {
    Object[] key = new Object[count];
    for (int i = 0; i < count; i++) {
      key[i] = row.get(i);
    }
    return RowFactory.create(key);
  }

  private static long maxBytes(Dataset<Row> points) {
    return SignatureSize.maxBytes(
        points.sparkSession().conf().get(SignatureSize.MAX_BYTES_KEY, null));
  }

  private static void requireStream(Dataset<Row> points) {
    if (!points.isStreaming()) {
      throw new InvalidInputException(
          "the points are no stream, expected one, or " + PathSignatureAggregate.NAME);
    }
  }

  private void requireColumns(StructType schema) {
    List<String> names = Arrays.asList(schema.fieldNames());
    List<String> needed = new ArrayList<>(keys);
    needed.add(time);
    needed.add(values);
    for (String name : needed) {
      if (!names.contains(name)) {
        throw new InvalidInputException(
            "there is no column " + name + "; the columns are " + String.join(", ", names));
      }
    }
    if (!(schema.apply(time).dataType() instanceof TimestampType)
        || !schema.apply(time).metadata().contains(WATERMARK_METADATA)) {
      throw new InvalidInputException(
          "column "
              + time
              + " of type "
              + schema.apply(time).dataType().simpleString()
              + " has no watermark, expected a timestamp that withWatermark was called for");
    }
    if (!(schema.apply(values).dataType() instanceof ArrayType array
        && array.elementType() instanceof NumericType)) {
      throw new InvalidInputException(
          "column "
              + values
              + " is of type "
              + schema.apply(values).dataType().simpleString()
              + ", expected an array of numbers");
    }
  }
}
