package org.sparkssm.sql;

import java.util.List;
import java.util.Random;
import java.util.function.IntConsumer;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.BoundReference;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.catalyst.expressions.Literal;
import org.apache.spark.sql.catalyst.expressions.UnsafeArrayData;
import org.apache.spark.sql.catalyst.expressions.UnsafeProjection;
import org.apache.spark.sql.catalyst.util.ArrayData;
import org.apache.spark.sql.execution.vectorized.OnHeapColumnVector;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.vectorized.ColumnarArray;
import org.sparkssm.signature.Signature;
import scala.jdk.javaapi.CollectionConverters;

/**
 * What a call of {@code path_signature} in generated code costs a row of 100 x 3 floats at depth 5,
 * and how much of it the library's own call takes. {@code signature_pipeline.py} starts it; a line
 * of JSON for each form in which rows come.
 */
final class SignatureCallBenchmark {
  private static final int ROWS = 4000;
  private static final int RUNS = 15;
  private static final int LENGTH = 100;
  private static final int CHANNELS = 3;
  private static final int DEPTH = 5;

  private SignatureCallBenchmark() {}

  public static void main(String[] arguments) {
    int size = LENGTH * CHANNELS;
    Random random = new Random(1);
    float[][] paths = new float[ROWS][size];
    OnHeapColumnVector column = new OnHeapColumnVector(ROWS * size, DataTypes.FloatType);
    for (int b = 0; b < ROWS; b++) {
      for (int i = 0; i < size; i++) {
        paths[b][i] = (i < CHANNELS ? 0 : paths[b][i - CHANNELS]) + (float) random.nextGaussian();
      }
      column.putFloats(b * size, size, paths[b], 0);
    }
    for (String source : new String[] {"row", "column"}) {
      InternalRow[] rows = new InternalRow[ROWS];
      for (int b = 0; b < ROWS; b++) {
        ArrayData values =
            source.equals("row")
                ? UnsafeArrayData.fromPrimitiveArray(paths[b])
                : new ColumnarArray(column, b * size, size);
        rows[b] = new GenericInternalRow(new Object[] {values});
      }
      UnsafeProjection projection = projection();
      double call = Double.MAX_VALUE;
      double library = Double.MAX_VALUE;
      // Alternated, so that a change of the processor's clock meets both.
      for (int run = 0; run < RUNS; run++) {
        call = Math.min(call, nanoseconds(b -> projection.apply(rows[b])));
        library = Math.min(library, nanoseconds(b -> Signature.of(paths[b], CHANNELS, DEPTH)));
      }
      System.out.println(
          "{\"values\": \""
              + source
              + "\", \"nanosecondsPerRow\": "
              + Math.round(call)
              + ", \"libraryNanosecondsPerRow\": "
              + Math.round(library)
              + "}");
    }
  }

  private static UnsafeProjection projection() {
    Expression values =
        new BoundReference(0, DataTypes.createArrayType(DataTypes.FloatType, true), true);
    List<Expression> children = List.of(values, literal(CHANNELS), literal(DEPTH));
    Expression call =
        SparkSsmFunctions.all().stream()
            .filter(function -> function.name().equals("path_signature"))
            .findFirst()
            .orElseThrow()
            .builder()
            .apply(CollectionConverters.asScala(children).toSeq());
    return UnsafeProjection.create(CollectionConverters.asScala(List.of(call)).toSeq());
  }

  private static Literal literal(int value) {
    return new Literal(value, DataTypes.IntegerType);
  }

  /** A row, on average. */
  private static double nanoseconds(IntConsumer work) {
    long start = System.nanoTime();
    for (int b = 0; b < ROWS; b++) {
      work.accept(b);
    }
    return (double) (System.nanoTime() - start) / ROWS;
  }
}
