package org.sparkssm.sql;

import java.io.Serializable;
import java.util.List;
import java.util.Objects;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.expressions.UnsafeArrayData;
import org.apache.spark.sql.catalyst.expressions.aggregate.ImperativeAggregate;
import org.apache.spark.sql.catalyst.expressions.aggregate.TypedImperativeAggregate;
import org.apache.spark.sql.catalyst.util.ArrayData;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.sparkssm.data.InvalidInputException;
import scala.collection.immutable.IndexedSeq;
import scala.collection.immutable.Seq;
import scala.jdk.javaapi.CollectionConverters;

/**
 * {@code path_signature_agg(time, values, depth)}: the signature of the path through the points of
 * a group in order of time. Its state are {@link PathSegments}.
 *
 * <p>Rows whose {@code values} are null are left out, as aggregates do; a group without points has
 * a null signature.
 */
final class PathSignatureAggregate extends TypedImperativeAggregate<PathSegments>
    implements Serializable {
  private static final long serialVersionUID = 1L;

  static final String NAME = "path_signature_agg";

  private final Seq<Expression> children;
  private final int depth;
  private final long maxBytes;
  private final int mutableAggBufferOffset;
  private final int inputAggBufferOffset;
  private final TimeKey timeKey;
  private final boolean isFloat;

  /**
   * A call.
   *
   * @param time of a type that {@link TimeKey} takes
   * @param values an array of floats or doubles
   * @param depthArgument as it was written
   * @param maxBytes limit on the bytes of the signature
   */
  PathSignatureAggregate(
      Expression time, Expression values, Expression depthArgument, int depth, long maxBytes) {
    this(
        CollectionConverters.asScala(List.of(time, values, depthArgument)).toSeq(),
        depth,
        maxBytes,
        0,
        0);
  }

  private PathSignatureAggregate(
      Seq<Expression> children,
      int depth,
      long maxBytes,
      int mutableAggBufferOffset,
      int inputAggBufferOffset) {
    this.children = children;
    this.depth = depth;
    this.maxBytes = maxBytes;
    this.mutableAggBufferOffset = mutableAggBufferOffset;
    this.inputAggBufferOffset = inputAggBufferOffset;
    timeKey = new TimeKey(NAME, children.apply(0).dataType());
    isFloat = ((ArrayType) children.apply(1).dataType()).elementType().equals(DataTypes.FloatType);
  }

  /** The time of the points. */
  Expression time() {
    return children.apply(0);
  }

  @Override
  public PathSegments createAggregationBuffer() {
    return new PathSegments(NAME, depth, maxBytes, timeKey::text);
  }

  @Override
  public PathSegments update(PathSegments path, InternalRow row) {
    Object values = children.apply(1).eval(row);
    if (values != null) {
      long time = timeKey.of(children.apply(0).eval(row));
      path.add(time, point((ArrayData) values, time));
    }
    return path;
  }

  @Override
  public PathSegments merge(PathSegments path, PathSegments other) {
    path.merge(other);
    return path;
  }

  @Override
  public Object eval(PathSegments path) {
    double[] signature = path.signature();
    return signature == null ? null : UnsafeArrayData.fromPrimitiveArray(signature);
  }

  @Override
  public byte[] serialize(PathSegments path) {
    return path.toBytes();
  }

  @Override
  public PathSegments deserialize(byte[] bytes) {
    PathSegments path = createAggregationBuffer();
    path.addBytes(bytes);
    return path;
  }

  private double[] point(ArrayData values, long time) {
    double[] point = new double[values.numElements()];
    for (int c = 0; c < point.length; c++) {
      if (values.isNullAt(c)) {
        throw invalidNumber("a null", time, c);
      }
      point[c] = isFloat ? values.getFloat(c) : values.getDouble(c);
      if (!Double.isFinite(point[c])) {
        throw invalidNumber("" + point[c], time, c);
      }
    }
    return point;
  }

  private InvalidInputException invalidNumber(String found, long time, int channel) {
    return new InvalidInputException(
        NAME
            + ": the point at time "
            + timeKey.text(time)
            + " has "
            + found
            + " in channel "
            + (channel + 1)
            + ", expected a finite number");
  }

  @Override
  public DataType dataType() {
    return DataTypes.createArrayType(DataTypes.DoubleType, false);
  }

  @Override
  public boolean nullable() {
    return true;
  }

  @Override
  public Seq<Expression> children() {
    return children;
  }

  @Override
  public Expression withNewChildrenInternal(IndexedSeq<Expression> newChildren) {
    return new PathSignatureAggregate(
        newChildren.toSeq(), depth, maxBytes, mutableAggBufferOffset, inputAggBufferOffset);
  }

  @Override
  public int mutableAggBufferOffset() {
    return mutableAggBufferOffset;
  }

  @Override
  public ImperativeAggregate withNewMutableAggBufferOffset(int offset) {
    return new PathSignatureAggregate(children, depth, maxBytes, offset, inputAggBufferOffset);
  }

  @Override
  public int inputAggBufferOffset() {
    return inputAggBufferOffset;
  }

  @Override
  public ImperativeAggregate withNewInputAggBufferOffset(int offset) {
    return new PathSignatureAggregate(children, depth, maxBytes, mutableAggBufferOffset, offset);
  }

  @Override
  public String prettyName() {
    return NAME;
  }

  @Override
  public int productArity() {
    return children.size();
  }

  @Override
  public Object productElement(int n) {
    return children.apply(n);
  }

  @Override
  public boolean canEqual(Object that) {
    return that instanceof PathSignatureAggregate;
  }

  @Override
  public boolean equals(Object that) {
    return that instanceof PathSignatureAggregate other
        && children.equals(other.children)
        && depth == other.depth
        && maxBytes == other.maxBytes
        && mutableAggBufferOffset == other.mutableAggBufferOffset
        && inputAggBufferOffset == other.inputAggBufferOffset;
  }

  @Override
  public int hashCode() {
    return Objects.hash(children, depth, maxBytes, mutableAggBufferOffset, inputAggBufferOffset);
  }
}
