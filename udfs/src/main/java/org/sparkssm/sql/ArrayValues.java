package org.sparkssm.sql;

import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.UnsafeArrayData;
import org.apache.spark.sql.catalyst.util.ArrayData;
import org.apache.spark.sql.vectorized.ColumnarArray;
import org.apache.spark.unsafe.Platform;
import org.apache.spark.unsafe.types.UTF8String;
import org.sparkssm.data.InvalidInputException;

/**
 * Conversions of array values, called by generated code. Arrays come in any of Spark's forms: from
 * columns, from rows, from literals.
 */
public final class ArrayValues {
  private ArrayValues() {}

  /** The array itself, if it has no null inside. */
  public static ArrayData withoutNulls(ArrayData array, UTF8String function, UTF8String name) {
    int position = firstNull(array);
    if (position < array.numElements()) {
      throw new InvalidInputException(
          function + ": " + name + " has a null at position " + position + ", expected a number");
    }
    return array;
  }

  /**
   * The position of the first null; the number of elements if there is none. A loop for each form
   * of arrays is compiled for its own isNullAt.
   */
  private static int firstNull(ArrayData array) {
    int size = array.numElements();
    int i = 0;
    if (array instanceof UnsafeArrayData unsafe) {
      // 64 bits a word after the number of elements, set where an element is null.
      long word = unsafe.getBaseOffset() + Long.BYTES;
      while (i < size && Platform.getLong(unsafe.getBaseObject(), word) == 0) {
        i += Long.SIZE;
        word += Long.BYTES;
      }
      while (i < size && !unsafe.isNullAt(i)) {
        i++;
      }
    } else if (array instanceof ColumnarArray columnar) {
      while (i < size && !columnar.isNullAt(i)) {
        i++;
      }
    } else {
      while (i < size && !array.isNullAt(i)) {
        i++;
      }
    }
    return Math.min(i, size);
  }

  /** The points of a path one after another, as floats. */
  public static ArrayData flattenFloat(
      ArrayData points, int channels, UTF8String function, UTF8String name) {
    float[] flat = new float[numbers(points, channels, function, name)];
    for (int l = 0; l < points.numElements(); l++) {
      float[] point = point(points, l, channels, function, name).toFloatArray();
      System.arraycopy(point, 0, flat, l * channels, channels);
    }
    return UnsafeArrayData.fromPrimitiveArray(flat);
  }

  /** The points of a path one after another, as doubles. */
  public static ArrayData flattenDouble(
      ArrayData points, int channels, UTF8String function, UTF8String name) {
    double[] flat = new double[numbers(points, channels, function, name)];
    for (int l = 0; l < points.numElements(); l++) {
      double[] point = point(points, l, channels, function, name).toDoubleArray();
      System.arraycopy(point, 0, flat, l * channels, channels);
    }
    return UnsafeArrayData.fromPrimitiveArray(flat);
  }

  /** The points of a path, structs of floats, one after another. */
  public static ArrayData structsFloat(
      ArrayData points, int channels, UTF8String function, UTF8String name) {
    float[] flat = new float[Math.multiplyExact(points.numElements(), channels)];
    for (int l = 0; l < points.numElements(); l++) {
      InternalRow point = struct(points, l, channels, function, name);
      for (int c = 0; c < channels; c++) {
        flat[l * channels + c] = point.getFloat(c);
      }
    }
    return UnsafeArrayData.fromPrimitiveArray(flat);
  }

  /** The points of a path, structs of doubles, one after another. */
  public static ArrayData structsDouble(
      ArrayData points, int channels, UTF8String function, UTF8String name) {
    double[] flat = new double[Math.multiplyExact(points.numElements(), channels)];
    for (int l = 0; l < points.numElements(); l++) {
      InternalRow point = struct(points, l, channels, function, name);
      for (int c = 0; c < channels; c++) {
        flat[l * channels + c] = point.getDouble(c);
      }
    }
    return UnsafeArrayData.fromPrimitiveArray(flat);
  }

  /** The fields of a point, a struct of floats. */
  public static ArrayData fieldsFloat(InternalRow point, int channels) {
    UnsafeArrayData fields = UnsafeArrayData.createFreshArray(channels, Float.BYTES);
    for (int c = 0; c < channels; c++) {
      if (point.isNullAt(c)) {
        fields.setNullAt(c);
      } else {
        fields.setFloat(c, point.getFloat(c));
      }
    }
    return fields;
  }

  /** The fields of a point, a struct of doubles. */
  public static ArrayData fieldsDouble(InternalRow point, int channels) {
    UnsafeArrayData fields = UnsafeArrayData.createFreshArray(channels, Double.BYTES);
    for (int c = 0; c < channels; c++) {
      if (point.isNullAt(c)) {
        fields.setNullAt(c);
      } else {
        fields.setDouble(c, point.getDouble(c));
      }
    }
    return fields;
  }

  /** Floats as doubles. */
  public static ArrayData toDouble(ArrayData floats) {
    float[] narrow = floats.toFloatArray();
    double[] wide = new double[narrow.length];
    for (int i = 0; i < wide.length; i++) {
      wide[i] = narrow[i];
    }
    return UnsafeArrayData.fromPrimitiveArray(wide);
  }

  /**
   * How many numbers the points hold; the first is looked at before anything is allocated for all.
   */
  private static int numbers(ArrayData points, int channels, UTF8String function, UTF8String name) {
    if (points.numElements() == 0) {
      return 0;
    }
    return Math.multiplyExact(
        points.numElements(), point(points, 0, channels, function, name).numElements());
  }

  private static ArrayData point(
      ArrayData points, int l, int channels, UTF8String function, UTF8String name) {
    requirePoint(points, l, function, name);
    ArrayData point = points.getArray(l);
    if (point.numElements() != channels) {
      throw new InvalidInputException(
          function
              + ": "
              + name
              + " has "
              + point.numElements()
              + " numbers at step "
              + l
              + ", expected "
              + channels
              + " channels");
    }
    for (int c = 0; c < channels; c++) {
      if (point.isNullAt(c)) {
        throw missing(l, c, function, name);
      }
    }
    return point;
  }

  private static InternalRow struct(
      ArrayData points, int l, int channels, UTF8String function, UTF8String name) {
    requirePoint(points, l, function, name);
    InternalRow point = points.getStruct(l, channels);
    for (int c = 0; c < channels; c++) {
      if (point.isNullAt(c)) {
        throw missing(l, c, function, name);
      }
    }
    return point;
  }

  private static void requirePoint(ArrayData points, int l, UTF8String function, UTF8String name) {
    if (points.isNullAt(l)) {
      throw new InvalidInputException(
          function + ": " + name + " has a null at step " + l + ", expected a point");
    }
  }

  private static InvalidInputException missing(int l, int c, UTF8String function, UTF8String name) {
    return new InvalidInputException(
        function
            + ": "
            + name
            + " has a null at step "
            + l
            + ", channel "
            + (c + 1)
            + ", expected a number");
  }
}
