package org.sparkssm.ml;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.catalyst.expressions.UnsafeArrayData;
import org.apache.spark.sql.catalyst.util.ArrayData;
import org.apache.spark.sql.catalyst.util.GenericArrayData;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.signature.SignatureFeatures;
import org.sparkssm.spark.PartitionMap;

/** Signature features of the rows of one partition, many rows a call. */
final class SignatureBatches implements PartitionMap.Function {
  private static final long serialVersionUID = 1L;

  private final SignatureFeatures features;
  private final int channels;
  private final StructType schema;
  private final int inputColumn;
  private final int timesColumn;
  private final int idColumn;
  private final boolean isVector;
  private final boolean isFloat;
  private final long maxBytes;
  private final long batchBytes;

  /**
   * Features of the column {@code inputColumn} of rows of {@code schema}, appended as last column.
   *
   * @param timesColumn column of times, or -1
   * @param idColumn column that names a row in messages, or -1
   */
  SignatureBatches(
      SignatureFeatures features,
      int channels,
      StructType schema,
      int inputColumn,
      int timesColumn,
      int idColumn,
      boolean isVector,
      long maxBytes,
      long batchBytes) {
    this.features = features;
    this.channels = channels;
    this.schema = schema;
    this.inputColumn = inputColumn;
    this.timesColumn = timesColumn;
    this.idColumn = idColumn;
    this.isVector = isVector;
    this.maxBytes = maxBytes;
    this.batchBytes = batchBytes;
    isFloat =
        schema.apply(inputColumn).dataType() instanceof ArrayType array
            && array.elementType().equals(DataTypes.FloatType);
  }

  @Override
  public Iterator<InternalRow> apply(Iterator<InternalRow> rows) {
    return new Iterator<>() {
      private Iterator<InternalRow> ready = List.<InternalRow>of().iterator();

      @Override
      public boolean hasNext() {
        return ready.hasNext() || rows.hasNext();
      }

      @Override
      public InternalRow next() {
        if (!ready.hasNext()) {
          if (!rows.hasNext()) {
            throw new NoSuchElementException();
          }
          ready = nextBatch(rows).iterator();
        }
        return ready.next();
      }
    };
  }

  private List<InternalRow> nextBatch(Iterator<InternalRow> rows) {
    List<InternalRow> batch = new ArrayList<>();
    List<double[]> times = timesColumn < 0 ? null : new ArrayList<>();
    long bytes = 0;
    if (isFloat) {
      List<float[]> paths = new ArrayList<>();
      while (bytes < batchBytes && rows.hasNext()) {
        InternalRow row = rows.next();
        float[] path = array(row, inputColumn, "values").toFloatArray();
        for (int i = 0; i < path.length; i++) {
          requireFinite(row, path[i], i);
        }
        bytes += take(row, path.length, batch, times);
        paths.add(path);
      }
      float[][] results = features.compute(paths, times, channels);
      for (int b = 0; b < results.length; b++) {
        batch.set(b, append(batch.get(b), output(results[b])));
      }
    } else {
      List<double[]> paths = new ArrayList<>();
      while (bytes < batchBytes && rows.hasNext()) {
        InternalRow row = rows.next();
        double[] path = array(row, inputColumn, "values").toDoubleArray();
        for (int i = 0; i < path.length; i++) {
          requireFinite(row, path[i], i);
        }
        bytes += take(row, path.length, batch, times);
        paths.add(path);
      }
      double[][] results = features.computeDouble(paths, times, channels);
      for (int b = 0; b < results.length; b++) {
        batch.set(b, append(batch.get(b), output(results[b])));
      }
    }
    return batch;
  }

  /** Checks a row and adds it to the batch; returns the bytes of its path and its features. */
  private long take(InternalRow row, int size, List<InternalRow> batch, List<double[]> times) {
    if (size % channels != 0) {
      throw new InvalidInputException(
          name(row)
              + " has "
              + size
              + " values, expected a multiple of its "
              + channels
              + " channels");
    }
    int length = size / channels;
    if (times != null) {
      times.add(times(row, length));
    }
    batch.add(row);
    int windows = features.window().count(features.pointsAfter(length));
    int entryBytes = isVector || !isFloat ? Double.BYTES : Float.BYTES;
    long entries;
    try {
      entries = features.requireWidth(channels, windows, entryBytes, maxBytes);
    } catch (InvalidInputException e) {
      throw new InvalidInputException(name(row) + ": " + e.getMessage(), e);
    }
    return (entries + size) * entryBytes;
  }

  private double[] times(InternalRow row, int length) {
    double[] times = array(row, timesColumn, "times").toDoubleArray();
    if (times.length != length) {
      throw new InvalidInputException(
          name(row)
              + " has "
              + times.length
              + " times, expected one for each of "
              + length
              + " points");
    }
    double first = length == 0 ? 0 : times[0];
    for (int l = 0; l < length; l++) {
      double relative = times[l] - first;
      if (!Double.isFinite(relative) || (l > 0 && relative <= times[l - 1])) {
        throw new InvalidInputException(
            name(row)
                + " has time "
                + times[l]
                + " at step "
                + l
                + ", expected a finite time after that of the step before");
      }
      times[l] = relative;
    }
    return times;
  }

  private ArrayData array(InternalRow row, int column, String what) {
    if (row.isNullAt(column)) {
      throw new InvalidInputException(name(row) + " has no " + what + ", expected an array");
    }
    ArrayData array = row.getArray(column);
    boolean mayHaveNulls =
        schema.apply(column).dataType() instanceof ArrayType type && type.containsNull();
    if (mayHaveNulls) {
      for (int i = 0; i < array.numElements(); i++) {
        if (array.isNullAt(i)) {
          throw new InvalidInputException(
              name(row)
                  + " has a null at position "
                  + i
                  + " of its "
                  + what
                  + ", expected a number");
        }
      }
    }
    return array;
  }

  private void requireFinite(InternalRow row, double value, int position) {
    if (!Double.isFinite(value)) {
      throw new InvalidInputException(
          name(row)
              + " has "
              + value
              + " at step "
              + position / channels
              + ", channel "
              + (position % channels + 1)
              + ", expected a finite number");
    }
  }

  private String name(InternalRow row) {
    if (idColumn < 0 || row.isNullAt(idColumn)) {
      return "a row of column " + schema.apply(inputColumn).name();
    }
    Object id = row.get(idColumn, schema.apply(idColumn).dataType());
    return "row " + schema.apply(idColumn).name() + " = " + id;
  }

  private Object output(float[] values) {
    return isVector
        ? output(toDouble(values))
        : windows(
            values.length,
            (from, to) ->
                UnsafeArrayData.fromPrimitiveArray(java.util.Arrays.copyOfRange(values, from, to)));
  }

  private Object output(double[] values) {
    return windows(
        values.length,
        (from, to) -> {
          double[] own = java.util.Arrays.copyOfRange(values, from, to);
          return isVector ? DenseVectors.of(own) : UnsafeArrayData.fromPrimitiveArray(own);
        });
  }

  /** The features as one value, or as one value a window where their number varies. */
  private Object windows(int size, Slice slice) {
    if (features.window().hasFixedCount()) {
      return slice.of(0, size);
    }
    int width = (int) features.windowWidth(channels);
    Object[] windows = new Object[size / width];
    for (int w = 0; w < windows.length; w++) {
      windows[w] = slice.of(w * width, (w + 1) * width);
    }
    return new GenericArrayData(windows);
  }

  private InternalRow append(InternalRow row, Object value) {
    int columns = schema.length();
    Object[] values = new Object[columns + 1];
    for (int i = 0; i < columns; i++) {
      values[i] = row.get(i, schema.apply(i).dataType());
    }
    values[columns] = value;
    return new GenericInternalRow(values);
  }

  private static double[] toDouble(float[] values) {
    double[] wide = new double[values.length];
    for (int i = 0; i < wide.length; i++) {
      wide[i] = values[i];
    }
    return wide;
  }

  private interface Slice {
    Object of(int from, int to);
  }
}
