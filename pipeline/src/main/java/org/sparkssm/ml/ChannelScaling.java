package org.sparkssm.ml;

import java.io.Serializable;
import java.util.Arrays;
import java.util.Iterator;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.catalyst.expressions.UnsafeArrayData;
import org.apache.spark.sql.types.StructType;
import org.sparkssm.data.DataSetManifest;
import org.sparkssm.data.SequenceSchema;
import org.sparkssm.spark.PartitionMap;

/**
 * {@code x_c -> factor_c x_c + offset_c} for each channel of a path: what takes the values of one
 * data set to the units of another.
 *
 * @param factors one per channel
 * @param offsets one per channel
 */
@SuppressWarnings("ArrayRecordComponent") // a carrier, never compared
public record ChannelScaling(double[] factors, double[] offsets) implements Serializable {

  /**
   * From the units of {@code from} to those of {@code to}: both may have divided their values by a
   * number and then standardized each channel.
   */
  public static ChannelScaling between(DataSetManifest from, DataSetManifest to) {
    int channels = to.channels().size();
    double[] factors = new double[channels];
    double[] offsets = new double[channels];
    for (int c = 0; c < channels; c++) {
      double ratio = from.valueScale() / to.valueScale();
      factors[c] = deviation(from, c) * ratio / deviation(to, c);
      offsets[c] = (mean(from, c) * ratio - mean(to, c)) / deviation(to, c);
    }
    return new ChannelScaling(factors, offsets);
  }

  private static double mean(DataSetManifest manifest, int channel) {
    return manifest.standardization() == null ? 0 : manifest.standardization().mean().get(channel);
  }

  private static double deviation(DataSetManifest manifest, int channel) {
    return manifest.standardization() == null
        ? 1
        : manifest.standardization().deviation().get(channel);
  }

  /** Whether nothing changes. */
  public boolean isIdentity() {
    return Arrays.stream(factors).allMatch(factor -> factor == 1)
        && Arrays.stream(offsets).allMatch(offset -> offset == 0);
  }

  /** Scales the column {@code values}. */
  public Dataset<Row> apply(Dataset<Row> rows) {
    if (isIdentity()) {
      return rows;
    }
    StructType schema = rows.schema();
    int field = schema.fieldIndex(SequenceSchema.VALUES);
    PartitionMap.Function each =
        partition ->
            new Iterator<>() {
              @Override
              public boolean hasNext() {
                return partition.hasNext();
              }

              @Override
              public InternalRow next() {
                return scaled(partition.next(), schema, field);
              }
            };
    return PartitionMap.apply(rows, schema, each);
  }

  private InternalRow scaled(InternalRow row, StructType schema, int field) {
    Object[] columns = new Object[row.numFields()];
    for (int i = 0; i < columns.length; i++) {
      columns[i] =
          i == field
              ? UnsafeArrayData.fromPrimitiveArray(scaled(row.getArray(i).toFloatArray()))
              : row.get(i, schema.apply(i).dataType());
    }
    return new GenericInternalRow(columns);
  }

  private float[] scaled(float[] path) {
    float[] result = new float[path.length];
    for (int k = 0; k < path.length; k++) {
      int c = k % factors.length;
      result[k] = (float) (factors[c] * path[k] + offsets[c]);
    }
    return result;
  }
}
