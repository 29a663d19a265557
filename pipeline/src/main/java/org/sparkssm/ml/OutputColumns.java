package org.sparkssm.ml;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;
import org.apache.spark.ml.attribute.NominalAttribute;
import org.apache.spark.ml.linalg.SQLDataTypes;
import org.apache.spark.sql.catalyst.expressions.UnsafeArrayData;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.Metadata;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.unsafe.types.UTF8String;

/**
 * Which columns a sequence model appends; an empty name is no column.
 *
 * @param classes whether outputs are logits instead of numbers
 * @param perStep whether a prediction is an array with one element a step; then there is no other
 *     column
 * @param names of the classes; empty if they have none
 */
record OutputColumns(
    boolean classes,
    boolean perStep,
    int outputs,
    String rawPrediction,
    String probability,
    String prediction,
    String predictedLabel,
    List<String> names)
    implements Serializable {

  StructType appendTo(StructType schema) {
    if (perStep) {
      return Columns.append(
          schema, prediction, DataTypes.createArrayType(DataTypes.DoubleType, false));
    }
    StructType appended = schema;
    if (!rawPrediction.isEmpty()) {
      appended = Columns.append(appended, rawPrediction, SQLDataTypes.VectorType());
    }
    if (!probability.isEmpty()) {
      appended = Columns.append(appended, probability, SQLDataTypes.VectorType());
    }
    appended = Columns.append(appended, prediction, DataTypes.DoubleType, predictionMetadata());
    if (!predictedLabel.isEmpty() && !names.isEmpty()) {
      appended = Columns.append(appended, predictedLabel, DataTypes.StringType);
    }
    return appended;
  }

  private Metadata predictionMetadata() {
    return names.isEmpty()
        ? Metadata.empty()
        : NominalAttribute.defaultAttr()
            .withName(prediction)
            .withValues(names.toArray(String[]::new))
            .toMetadata();
  }

  /** The columns of one sequence, in Spark's internal form. */
  Object[] of(float[] scores, int from, int count) {
    if (perStep) {
      double[] predictions = new double[count];
      for (int l = 0; l < count; l++) {
        predictions[l] = prediction(scores, from + l);
      }
      return new Object[] {UnsafeArrayData.fromPrimitiveArray(predictions)};
    }
    double[] raw = new double[outputs];
    for (int k = 0; k < outputs; k++) {
      raw[k] = scores[from * outputs + k];
    }
    List<Object> columns = new ArrayList<>();
    if (!rawPrediction.isEmpty()) {
      columns.add(DenseVectors.of(raw));
    }
    if (!probability.isEmpty()) {
      columns.add(DenseVectors.of(probabilities(raw)));
    }
    double predicted = prediction(scores, from);
    columns.add(predicted);
    if (!predictedLabel.isEmpty() && !names.isEmpty()) {
      columns.add(
          UTF8String.fromString(
              predicted < names.size()
                  ? names.get((int) predicted)
                  : Integer.toString((int) predicted)));
    }
    return columns.toArray();
  }

  private double prediction(float[] scores, int row) {
    if (!classes) {
      return scores[row];
    }
    int best = 0;
    for (int k = 1; k < outputs; k++) {
      if (scores[row * outputs + k] > scores[row * outputs + best]) {
        best = k;
      }
    }
    return best;
  }

  private static double[] probabilities(double[] logits) {
    double greatest = Double.NEGATIVE_INFINITY;
    for (double logit : logits) {
      greatest = Math.max(greatest, logit);
    }
    double[] probabilities = new double[logits.length];
    double total = 0;
    for (int k = 0; k < logits.length; k++) {
      probabilities[k] = Math.exp(logits[k] - greatest);
      total += probabilities[k];
    }
    for (int k = 0; k < logits.length; k++) {
      probabilities[k] /= total;
    }
    return probabilities;
  }
}
