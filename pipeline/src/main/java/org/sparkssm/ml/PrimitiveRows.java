package org.sparkssm.ml;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.apache.spark.api.java.function.MapPartitionsFunction;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoder;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.catalyst.encoders.AgnosticEncoder;
import org.apache.spark.sql.catalyst.encoders.AgnosticEncoders;
import org.apache.spark.sql.catalyst.encoders.AgnosticEncoders.EncoderField;
import org.apache.spark.sql.catalyst.encoders.RowEncoder$;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import scala.jdk.javaapi.CollectionConverters;

/**
 * Rows in which named columns of numbers are primitive Java arrays, where Spark's own row encoder
 * would box every element. A null element fails the job.
 */
final class PrimitiveRows {
  private static final Map<DataType, AgnosticEncoder<?>> ELEMENTS =
      Map.of(
          DataTypes.FloatType, AgnosticEncoders.PrimitiveFloatEncoder$.MODULE$,
          DataTypes.DoubleType, AgnosticEncoders.PrimitiveDoubleEncoder$.MODULE$,
          DataTypes.IntegerType, AgnosticEncoders.PrimitiveIntEncoder$.MODULE$);

  private PrimitiveRows() {}

  /**
   * Maps the partitions of a data set from rows with primitive arrays to rows with primitive
   * arrays.
   *
   * @param arrays names of the columns that {@code function} sees as primitive arrays
   * @param outputSchema of the rows that {@code function} makes; its metadata is kept
   * @param outputArrays names of the columns that {@code function} makes as primitive arrays
   */
  static Dataset<Row> mapPartitions(
      Dataset<?> dataset,
      List<String> arrays,
      MapPartitionsFunction<Row, Row> function,
      StructType outputSchema,
      List<String> outputArrays) {
    Dataset<Row> mapped =
        dataset
            .as(encoder(dataset.schema(), arrays))
            .mapPartitions(function, encoder(outputSchema, outputArrays))
            .toDF();
    Column[] withMetadata =
        Arrays.stream(outputSchema.fields())
            .map(field -> mapped.col("`" + field.name() + "`").as(field.name(), field.metadata()))
            .toArray(Column[]::new);
    return mapped.select(withMetadata);
  }

  /**
   * An encoder of rows of {@code schema}.
   *
   * @param primitive names of columns of type array of float, double or int, which become float[],
   *     double[] and int[]
   */
  private static Encoder<Row> encoder(StructType schema, List<String> primitive) {
    var standard = (AgnosticEncoders.BaseRowEncoder) RowEncoder$.MODULE$.encoderFor(schema);
    List<EncoderField> fields = new ArrayList<>();
    for (EncoderField field : CollectionConverters.asJava(standard.fields())) {
      fields.add(primitive.contains(field.name()) ? primitiveField(field, schema) : field);
    }
    return new AgnosticEncoders.RowEncoder(CollectionConverters.asScala(fields).toSeq());
  }

  private static EncoderField primitiveField(EncoderField field, StructType schema) {
    ArrayType type = (ArrayType) schema.apply(field.name()).dataType();
    AgnosticEncoder<?> element = ELEMENTS.get(type.elementType());
    return new EncoderField(
        field.name(),
        new AgnosticEncoders.ArrayEncoder<>(element, false),
        field.nullable(),
        field.metadata(),
        field.readMethod(),
        field.writeMethod());
  }
}
