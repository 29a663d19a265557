package org.sparkssm.spark;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.Alias;
import org.apache.spark.sql.catalyst.expressions.Attribute;
import org.apache.spark.sql.catalyst.expressions.AttributeReference;
import org.apache.spark.sql.catalyst.expressions.BoundReference;
import org.apache.spark.sql.catalyst.expressions.CreateNamedStruct;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.expressions.GetStructField;
import org.apache.spark.sql.catalyst.expressions.Literal;
import org.apache.spark.sql.catalyst.expressions.NamedExpression;
import org.apache.spark.sql.catalyst.expressions.objects.StaticInvoke;
import org.apache.spark.sql.catalyst.plans.logical.DeserializeToObject;
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan;
import org.apache.spark.sql.catalyst.plans.logical.MapPartitions;
import org.apache.spark.sql.catalyst.plans.logical.SerializeFromObject;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.Metadata;
import org.apache.spark.sql.types.ObjectType;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.unsafe.types.UTF8String;
import scala.Option;
import scala.collection.immutable.Seq;
import scala.jdk.javaapi.CollectionConverters;
import scala.runtime.AbstractFunction1;

/**
 * Maps the partitions of a Dataset as rows of Spark's own form.
 *
 * <p>It is {@code Dataset.mapPartitions} without the conversion of every number of an array to an
 * object and back, which costs more than the work on it. The result is lazy, and is planned like
 * any other Dataset.
 */
public final class PartitionMap {
  private PartitionMap() {}

  /** Work on one partition. Input rows are copies, and may be kept. */
  @FunctionalInterface
  public interface Function extends Serializable {
    /** The output rows, in the types of the output schema; pulls from {@code rows} as it needs. */
    Iterator<InternalRow> apply(Iterator<InternalRow> rows);
  }

  /** {@code function} over the partitions of {@code input}, giving rows of {@code schema}. */
  public static Dataset<Row> apply(Dataset<Row> input, StructType schema, Function function) {
    LogicalPlan child = input.queryExecution().analyzed();
    DataType rowType = new ObjectType(InternalRow.class);
    LogicalPlan rows = new DeserializeToObject(copyOf(child), attribute("row", rowType), child);
    LogicalPlan mapped =
        new MapPartitions(new RowFunction(function), attribute("mapped", schema), rows);
    LogicalPlan output = new SerializeFromObject(columns(schema), mapped);
    return org.apache.spark.sql.classic.Dataset.ofRows(
        (org.apache.spark.sql.classic.SparkSession) input.sparkSession(), output);
  }

  /** Called by the generated code: a row that does not change with the iterator. */
  public static InternalRow copy(InternalRow row) {
    return row.copy();
  }

  private static Expression copyOf(LogicalPlan child) {
    List<Expression> nameAndValue = new ArrayList<>();
    for (Attribute attribute : CollectionConverters.asJava(child.output())) {
      // Numbered, because names of columns may repeat.
      UTF8String name = UTF8String.fromString(Integer.toString(nameAndValue.size() / 2));
      nameAndValue.add(new Literal(name, DataTypes.StringType));
      nameAndValue.add(attribute);
    }
    return new StaticInvoke(
        PartitionMap.class,
        new ObjectType(InternalRow.class),
        "copy",
        seq(List.of(new CreateNamedStruct(seq(nameAndValue)))),
        StaticInvoke.$lessinit$greater$default$5(),
        false,
        false,
        true,
        Option.empty());
  }

  private static Seq<NamedExpression> columns(StructType schema) {
    Expression row = new BoundReference(0, schema, false);
    List<NamedExpression> columns = new ArrayList<>();
    StructField[] fields = schema.fields();
    for (int i = 0; i < fields.length; i++) {
      columns.add(
          new Alias(
              new GetStructField(row, i, Option.apply(fields[i].name())),
              fields[i].name(),
              NamedExpression.newExprId(),
              seq(List.of()),
              Option.apply(fields[i].metadata()),
              seq(List.of())));
    }
    return seq(columns);
  }

  private static Attribute attribute(String name, DataType type) {
    return new AttributeReference(
        name, type, false, Metadata.empty(), NamedExpression.newExprId(), seq(List.of()));
  }

  private static <T> Seq<T> seq(List<T> list) {
    return CollectionConverters.asScala(list).toSeq();
  }

  /** Scala's side of a {@link Function}. */
  private static final class RowFunction
      extends AbstractFunction1<
          scala.collection.Iterator<Object>, scala.collection.Iterator<Object>>
      implements Serializable {
    private static final long serialVersionUID = 1L;

    private final Function function;

    RowFunction(Function function) {
      this.function = function;
    }

    @Override
    public scala.collection.Iterator<Object> apply(scala.collection.Iterator<Object> objects) {
      Iterator<Object> rows = CollectionConverters.asJava(objects);
      Iterator<InternalRow> mapped =
          function.apply(
              new Iterator<>() {
                @Override
                public boolean hasNext() {
                  return rows.hasNext();
                }

                @Override
                public InternalRow next() {
                  return (InternalRow) rows.next();
                }
              });
      return CollectionConverters.<Object>asScala(
          new Iterator<Object>() {
            @Override
            public boolean hasNext() {
              return mapped.hasNext();
            }

            @Override
            public Object next() {
              return mapped.next();
            }
          });
    }
  }
}
