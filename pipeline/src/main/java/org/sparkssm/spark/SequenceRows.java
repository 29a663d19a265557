package org.sparkssm.spark;

import java.util.List;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.ml.attribute.NominalAttribute;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.catalyst.expressions.UnsafeArrayData;
import org.apache.spark.sql.catalyst.util.ArrayData;
import org.apache.spark.sql.catalyst.util.GenericArrayData;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.Metadata;
import org.apache.spark.sql.types.MetadataBuilder;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import org.sparkssm.data.DataSetManifest;
import org.sparkssm.data.LabelDescription;
import org.sparkssm.data.Sequence;
import org.sparkssm.data.SequenceSchema;

/** Columns of sequence data sets, and rows of them without boxing. */
final class SequenceRows {
  private SequenceRows() {}

  /** The column {@code id}. */
  static StructField idField() {
    return new StructField(SequenceSchema.ID, DataTypes.LongType, false, Metadata.empty());
  }

  /** The column {@code length}. */
  static StructField lengthField() {
    return new StructField(SequenceSchema.LENGTH, DataTypes.IntegerType, false, Metadata.empty());
  }

  /** The column {@code values}, with the channels in its metadata. */
  static StructField valuesField(List<String> channels) {
    Metadata metadata =
        new MetadataBuilder()
            .putLong(SequenceSchema.CHANNELS_METADATA, channels.size())
            .putStringArray(SequenceSchema.CHANNEL_NAMES_METADATA, channels.toArray(String[]::new))
            .build();
    return new StructField(
        SequenceSchema.VALUES,
        DataTypes.createArrayType(DataTypes.FloatType, false),
        false,
        metadata);
  }

  /** The column {@code label}; for classes with MLlib's nominal attribute, which has the names. */
  static StructField labelField(LabelDescription label) {
    boolean classes = label.kind() == LabelDescription.Kind.CLASS;
    Metadata metadata =
        classes && label.classCount() > 0
            ? NominalAttribute.defaultAttr()
                .withName(SequenceSchema.LABEL)
                .withValues(label.classes().toArray(String[]::new))
                .toMetadata()
            : Metadata.empty();
    return new StructField(
        SequenceSchema.LABEL,
        classes ? DataTypes.IntegerType : DataTypes.DoubleType,
        false,
        metadata);
  }

  /** The column of labels per step; a null element is a step without a target. */
  static StructField labelsField(LabelDescription label) {
    return new StructField(
        SequenceSchema.LABELS,
        DataTypes.createArrayType(
            label.kind() == LabelDescription.Kind.CLASS
                ? DataTypes.IntegerType
                : DataTypes.FloatType,
            true),
        false,
        Metadata.empty());
  }

  /** The columns of a generated data set. */
  static StructType generatedSchema(DataSetManifest.Builder manifest) {
    LabelDescription label = manifest.label();
    boolean tokens = manifest.channels().isEmpty();
    StructType schema =
        new StructType()
            .add(idField())
            .add(
                tokens
                    ? new StructField(
                        SequenceSchema.TOKENS,
                        DataTypes.createArrayType(DataTypes.IntegerType, false),
                        false,
                        Metadata.empty())
                    : valuesField(manifest.channels()))
            .add(lengthField());
    if (label.perSequence()) {
      schema = schema.add(labelField(label));
    }
    if (label.perStep()) {
      schema = schema.add(labelsField(label));
    }
    return schema;
  }

  /** The row of a generated sequence, in the order of {@link #generatedSchema}. */
  static InternalRow generatedRow(Sequence sequence, StructType schema) {
    Object[] row = new Object[schema.length()];
    row[0] = sequence.id();
    row[1] = sequence.values() != null ? array(sequence.values()) : array(sequence.tokens());
    row[2] = sequence.length();
    int column = 3;
    if (sequence.label() != null) {
      row[column++] = sequence.label();
    }
    if (sequence.labels() != null) {
      row[column] = new GenericArrayData(sequence.labels());
    }
    return new GenericInternalRow(row);
  }

  static ArrayData array(float[] values) {
    return UnsafeArrayData.fromPrimitiveArray(values);
  }

  static ArrayData array(int[] values) {
    return UnsafeArrayData.fromPrimitiveArray(values);
  }

  /** Rows in Spark's own form as a Dataset; the public constructors would box every number. */
  static Dataset<Row> dataset(SparkSession spark, JavaRDD<InternalRow> rows, StructType schema) {
    return ((org.apache.spark.sql.classic.SparkSession) spark)
        .internalCreateDataFrame(rows.rdd(), schema, false);
  }
}
