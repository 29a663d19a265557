package org.sparkssm.sql;

import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.BoundReference;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.catalyst.expressions.Literal;
import org.apache.spark.sql.catalyst.expressions.UnsafeArrayData;
import org.apache.spark.sql.catalyst.expressions.UnsafeProjection;
import org.apache.spark.sql.execution.vectorized.OnHeapColumnVector;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.vectorized.ColumnarArray;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;
import org.openjdk.jmh.infra.Blackhole;
import org.sparkssm.signature.Signature;
import org.sparkssm.signature.SignatureSize;
import scala.jdk.javaapi.CollectionConverters;

/**
 * What a call of {@code path_signature} costs a row of 100 x 3 floats at depth 5: in generated code
 * over rows and over columns, and the library's own calls for one sequence and for all of them.
 * {@code signature_pipeline.py} starts it.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@OperationsPerInvocation(SignatureCallBenchmark.ROWS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(2)
public class SignatureCallBenchmark {
  static final int ROWS = 1000;
  private static final int LENGTH = 100;
  private static final int CHANNELS = 3;
  private static final int DEPTH = 5;

  private final float[][] paths = new float[ROWS][LENGTH * CHANNELS];
  private final float[] together = new float[ROWS * LENGTH * CHANNELS];
  private final long[] begin = new long[ROWS];
  private final long[] end = new long[ROWS];
  private final float[] signatures = new float[ROWS * (int) SignatureSize.width(CHANNELS, DEPTH)];
  private final InternalRow[] rows = new InternalRow[ROWS];
  private final InternalRow[] columns = new InternalRow[ROWS];
  private UnsafeProjection projection;

  /** Random walks. */
  @Setup
  public void prepare() {
    int size = LENGTH * CHANNELS;
    Random random = new Random(1);
    OnHeapColumnVector column = new OnHeapColumnVector(ROWS * size, DataTypes.FloatType);
    for (int b = 0; b < ROWS; b++) {
      for (int i = 0; i < size; i++) {
        paths[b][i] = (i < CHANNELS ? 0 : paths[b][i - CHANNELS]) + (float) random.nextGaussian();
      }
      column.putFloats(b * size, size, paths[b], 0);
      System.arraycopy(paths[b], 0, together, b * size, size);
      begin[b] = (long) b * LENGTH;
      end[b] = begin[b] + LENGTH;
      rows[b] = row(UnsafeArrayData.fromPrimitiveArray(paths[b]));
      columns[b] = row(new ColumnarArray(column, b * size, size));
    }
    projection = projection();
  }

  /** The SQL function over arrays in rows. */
  @Benchmark
  public void sqlOfRows(Blackhole sink) {
    for (InternalRow row : rows) {
      sink.consume(projection.apply(row));
    }
  }

  /** The SQL function over arrays in columns. */
  @Benchmark
  public void sqlOfColumns(Blackhole sink) {
    for (InternalRow row : columns) {
      sink.consume(projection.apply(row));
    }
  }

  /** The library, a call a sequence. */
  @Benchmark
  public void library(Blackhole sink) {
    for (float[] path : paths) {
      sink.consume(Signature.of(path, CHANNELS, DEPTH));
    }
  }

  /** The library, one call for all sequences. */
  @Benchmark
  public float[] libraryBatch() {
    Signature.batch(together, begin, end, CHANNELS, DEPTH, signatures);
    return signatures;
  }

  private static InternalRow row(Object values) {
    return new GenericInternalRow(new Object[] {values});
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
}
