package org.sparkssm.sql;

import java.nio.ByteBuffer;
import java.sql.Timestamp;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.TreeMap;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.streaming.ExpiredTimerInfo;
import org.apache.spark.sql.streaming.MapState;
import org.apache.spark.sql.streaming.OutputMode;
import org.apache.spark.sql.streaming.StatefulProcessor;
import org.apache.spark.sql.streaming.TTLConfig;
import org.apache.spark.sql.streaming.TimeMode;
import org.apache.spark.sql.streaming.TimerValues;
import org.apache.spark.sql.streaming.ValueState;
import org.sparkssm.data.InvalidInputException;
import scala.Tuple2;
import scala.collection.Iterator;
import scala.collection.immutable.ArraySeq;
import scala.jdk.javaapi.CollectionConverters;

/**
 * The path of one key of a {@link SignatureStream}: the segment up to the watermark, and the points
 * after it by time.
 *
 * <p>Input rows are the key, the time in microseconds and the point.
 */
final class SignatureProcessor extends StatefulProcessor<Row, Row, Row> {
  private static final long serialVersionUID = 1L;

  private static final String OWNER = "a stream of signatures";
  private static final long MICROS = 1000;

  private final int depth;
  private final long maxBytes;
  private final int keyCount;
  private transient ValueState<byte[]> path;
  private transient ValueState<Long> folded;
  private transient ValueState<Long> late;
  private transient MapState<Long, byte[]> waiting;

  SignatureProcessor(int depth, long maxBytes, int keyCount) {
    this.depth = depth;
    this.maxBytes = maxBytes;
    this.keyCount = keyCount;
  }

  @Override
  public void init(OutputMode outputMode, TimeMode timeMode) {
    path = getHandle().getValueState("path", Encoders.BINARY(), TTLConfig.NONE());
    folded = getHandle().getValueState("folded", Encoders.LONG(), TTLConfig.NONE());
    late = getHandle().getValueState("late", Encoders.LONG(), TTLConfig.NONE());
    waiting =
        getHandle().getMapState("waiting", Encoders.LONG(), Encoders.BINARY(), TTLConfig.NONE());
  }

  @Override
  public Iterator<Row> handleInputRows(Row key, Iterator<Row> rows, TimerValues timers) {
    long watermark = watermark(timers);
    long refused = 0;
    long newest = Long.MIN_VALUE;
    while (rows.hasNext()) {
      Row row = rows.next();
      if (row.isNullAt(keyCount + 1)) {
        continue;
      }
      long time = time(row);
      if (time <= watermark) {
        refused++;
      } else {
        keep(time, point(row, time));
        newest = Math.max(newest, time);
      }
    }
    if (newest != Long.MIN_VALUE) {
      getHandle().registerTimer(Math.floorDiv(newest, MICROS) + 1);
    }
    if (refused > 0) {
      late.update(count(late) + refused);
    }
    return fold(watermark) || refused > 0 ? result(key) : nothing();
  }

  @Override
  public Iterator<Row> handleExpiredTimer(Row key, TimerValues timers, ExpiredTimerInfo expired) {
    return fold(watermark(timers)) ? result(key) : nothing();
  }

  /** In microseconds; Spark's is 0 until the first points have been seen. */
  private static long watermark(TimerValues timers) {
    long millis = timers.getCurrentWatermarkInMs();
    return millis == 0 ? Long.MIN_VALUE : Math.multiplyExact(millis, MICROS);
  }

  private void keep(long time, byte[] point) {
    if (waiting.containsKey(time)) {
      throw new InvalidInputException(
          OWNER + ": two points have time " + text(time) + ", expected one point at a time");
    }
    waiting.updateValue(time, point);
  }

  /** Takes the points up to the watermark into the path; whether there were any. */
  private boolean fold(long watermark) {
    TreeMap<Long, byte[]> due = new TreeMap<>();
    Iterator<Tuple2<Long, byte[]>> points = waiting.iterator();
    while (points.hasNext()) {
      Tuple2<Long, byte[]> point = points.next();
      if (point._1() <= watermark) {
        due.put(point._1(), point._2());
      }
    }
    if (due.isEmpty()) {
      return false;
    }
    PathSegments segments = segments();
    due.forEach(
        (time, point) -> {
          double[] numbers = new double[point.length / Double.BYTES];
          ByteBuffer.wrap(point).asDoubleBuffer().get(numbers);
          segments.add(time, numbers);
          waiting.removeKey(time);
        });
    path.update(segments.toBytes());
    folded.update(count(folded) + due.size());
    return true;
  }

  private Iterator<Row> result(Row key) {
    Object[] row = new Object[keyCount + 4];
    for (int i = 0; i < keyCount; i++) {
      row[i] = key.get(i);
    }
    PathSegments segments = segments();
    if (segments.count() > 0) {
      row[keyCount] = ArraySeq.unsafeWrapArray(segments.signature());
      row[keyCount + 1] = Timestamp.from(instant(segments.lastTime()));
    }
    row[keyCount + 2] = count(folded);
    row[keyCount + 3] = count(late);
    return CollectionConverters.asScala(List.of(RowFactory.create(row)).iterator());
  }

  private PathSegments segments() {
    PathSegments segments = new PathSegments(OWNER, depth, maxBytes, SignatureProcessor::text);
    if (path.exists()) {
      segments.addBytes(path.get());
    }
    return segments;
  }

  private long time(Row row) {
    if (row.isNullAt(keyCount)) {
      throw new InvalidInputException(OWNER + ": a point has no time, expected one");
    }
    return row.getLong(keyCount);
  }

  private byte[] point(Row row, long time) {
    List<Double> numbers = row.getList(keyCount + 1);
    ByteBuffer bytes = ByteBuffer.allocate(Double.BYTES * numbers.size());
    for (Double number : numbers) {
      if (number == null || !Double.isFinite(number)) {
        throw new InvalidInputException(
            OWNER
                + ": the point at time "
                + text(time)
                + " has "
                + (number == null ? "a null" : number)
                + " in channel "
                + (bytes.position() / Double.BYTES + 1)
                + ", expected a finite number");
      }
      bytes.putDouble(number);
    }
    return bytes.array();
  }

  private static long count(ValueState<Long> state) {
    return state.exists() ? state.get() : 0;
  }

  private static Iterator<Row> nothing() {
    return CollectionConverters.asScala(List.<Row>of().iterator());
  }

  private static String text(long micros) {
    return instant(micros).toString();
  }

  private static Instant instant(long micros) {
    return Instant.EPOCH.plus(micros, ChronoUnit.MICROS);
  }
}
