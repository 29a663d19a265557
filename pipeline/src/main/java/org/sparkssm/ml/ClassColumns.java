package org.sparkssm.ml;

import org.apache.spark.ml.param.Param;
import org.apache.spark.ml.param.Params;

/** Output columns that a classifier and its model share. */
final class ClassColumns {
  private ClassColumns() {}

  static Param<String> rawPredictionCol(Params parent) {
    return new Param<>(parent, "rawPredictionCol", "column for logits, a vector; empty: none");
  }

  static Param<String> probabilityCol(Params parent) {
    return new Param<>(
        parent, "probabilityCol", "column for class probabilities, a vector; empty: none");
  }

  static Param<String> predictedLabelCol(Params parent) {
    return new Param<>(
        parent,
        "predictedLabelCol",
        "column for the name of the predicted class, if classes have names; empty: none");
  }

  static void setDefaults(
      Params parent, Param<String> raw, Param<String> probability, Param<String> label) {
    parent.setDefault(raw, "rawPrediction");
    parent.setDefault(probability, "probability");
    parent.setDefault(label, "predictedLabel");
  }
}
