package org.sparkssm.ml;

import java.io.Serializable;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import org.apache.spark.sql.catalyst.InternalRow;
import org.sparkssm.data.InvalidInputException;

/** Cuts rows (key, time, channels), sorted by key and time, into chunks of bounded length. */
final class PathChunks implements Iterator<PathChunk> {
  private final Iterator<InternalRow> rows;
  private final Columns columns;

  private final double[] times;
  private final float[] values;
  private InternalRow next;
  private String previousKey;
  private double previousTime;

  /**
   * Names, for messages.
   *
   * @param length greatest number of points of a chunk
   */
  record Columns(String key, String time, List<String> channels, int length)
      implements Serializable {}

  PathChunks(Iterator<InternalRow> rows, Columns columns) {
    this.rows = rows;
    this.columns = columns;
    times = new double[columns.length()];
    values = new float[Math.multiplyExact(columns.length(), columns.channels().size())];
    pull();
  }

  private void pull() {
    next = rows.hasNext() ? rows.next() : null;
  }

  @Override
  public boolean hasNext() {
    return next != null;
  }

  @Override
  public PathChunk next() {
    if (next == null) {
      throw new NoSuchElementException();
    }
    String key = key(next);
    int channels = columns.channels().size();
    int points = 0;
    while (next != null && points < columns.length() && key.equals(key(next))) {
      times[points] = time(next, key);
      for (int c = 0; c < channels; c++) {
        values[points * channels + c] = value(next, key, c);
      }
      points++;
      pull();
    }
    return new PathChunk(
        key, Arrays.copyOf(times, points), Arrays.copyOf(values, points * channels));
  }

  private String key(InternalRow row) {
    if (row.isNullAt(0)) {
      throw new InvalidInputException("a row has no " + columns.key() + ", expected a key");
    }
    return row.getUTF8String(0).toString();
  }

  private double time(InternalRow row, String key) {
    double time = row.isNullAt(1) ? Double.NaN : row.getDouble(1);
    if (!Double.isFinite(time)) {
      throw new InvalidInputException(
          "sequence %s has the %s %s, expected a finite time".formatted(key, columns.time(), time));
    }
    if (key.equals(previousKey) && time <= previousTime) {
      throw new InvalidInputException(
          "sequence %s has the %s %s twice, expected strictly increasing times"
              .formatted(key, columns.time(), time));
    }
    previousKey = key;
    previousTime = time;
    return time;
  }

  private float value(InternalRow row, String key, int channel) {
    float value = row.isNullAt(2 + channel) ? Float.NaN : row.getFloat(2 + channel);
    if (!Float.isFinite(value)) {
      throw new InvalidInputException(
          "sequence %s has the %s %s at %s %s, expected a finite number"
              .formatted(
                  key, columns.channels().get(channel), value, columns.time(), row.getDouble(1)));
    }
    return value;
  }
}
