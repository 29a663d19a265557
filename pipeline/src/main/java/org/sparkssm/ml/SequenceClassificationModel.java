package org.sparkssm.ml;

import org.apache.spark.ml.param.Param;
import org.apache.spark.ml.param.ParamMap;
import org.apache.spark.ml.util.MLReader;
import org.sparkssm.train.TrainedModel;

/**
 * Predicts a class for every sequence, or for every step; see {@link SequenceClassifier}. A
 * sequence gets {@code rawPrediction} (logits), {@code probability}, {@code prediction} (class
 * index) and, if classes have names, {@code predictedLabel}; where every step has a class there is
 * {@code prediction} alone, an array.
 */
public final class SequenceClassificationModel
    extends SequenceModelTransformer<SequenceClassificationModel> {
  private static final long serialVersionUID = 1L;

  private final Param<String> rawPredictionCol;
  private final Param<String> probabilityCol;
  private final Param<String> predictedLabelCol;

  SequenceClassificationModel(String uid, TrainedModel trained) {
    super(uid, trained);
    rawPredictionCol = ClassColumns.rawPredictionCol(this);
    probabilityCol = ClassColumns.probabilityCol(this);
    predictedLabelCol = ClassColumns.predictedLabelCol(this);
    ClassColumns.setDefaults(this, rawPredictionCol, probabilityCol, predictedLabelCol);
  }

  /** Number of classes. */
  public int numClasses() {
    return trainedModel().spec().head().outputs();
  }

  @Override
  OutputColumns outputs() {
    return new OutputColumns(
        true,
        isPerStep(),
        numClasses(),
        getOrDefault(rawPredictionCol),
        getOrDefault(probabilityCol),
        getOrDefault(predictionCol()),
        getOrDefault(predictedLabelCol),
        trainedModel().classes());
  }

  @Override
  public SequenceClassificationModel copy(ParamMap extra) {
    return copyValues(new SequenceClassificationModel(uid(), trainedModel()), extra)
        .setParent(parent());
  }

  public Param<String> rawPredictionCol() {
    return rawPredictionCol;
  }

  public Param<String> probabilityCol() {
    return probabilityCol;
  }

  public Param<String> predictedLabelCol() {
    return predictedLabelCol;
  }

  public SequenceClassificationModel setRawPredictionCol(String value) {
    set(rawPredictionCol, value);
    return this;
  }

  public SequenceClassificationModel setProbabilityCol(String value) {
    set(probabilityCol, value);
    return this;
  }

  public SequenceClassificationModel setPredictedLabelCol(String value) {
    set(predictedLabelCol, value);
    return this;
  }

  public static MLReader<SequenceClassificationModel> read() {
    return new SequenceModelReader<>(
        SequenceClassificationModel.class, SequenceClassificationModel::new);
  }

  public static SequenceClassificationModel load(String path) {
    return read().load(path);
  }
}
