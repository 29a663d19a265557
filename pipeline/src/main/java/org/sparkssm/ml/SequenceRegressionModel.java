package org.sparkssm.ml;

import java.util.List;
import org.apache.spark.ml.param.ParamMap;
import org.apache.spark.ml.util.MLReader;
import org.sparkssm.train.TrainedModel;

/** Predicts a number for every sequence, or for every step; see {@link SequenceRegressor}. */
public final class SequenceRegressionModel
    extends SequenceModelTransformer<SequenceRegressionModel> {
  private static final long serialVersionUID = 1L;

  SequenceRegressionModel(String uid, TrainedModel trained) {
    super(uid, trained);
  }

  @Override
  OutputColumns outputs() {
    String none = "";
    return new OutputColumns(
        false, isPerStep(), 1, none, none, getOrDefault(predictionCol()), none, List.of());
  }

  @Override
  public SequenceRegressionModel copy(ParamMap extra) {
    return copyValues(new SequenceRegressionModel(uid(), trainedModel()), extra)
        .setParent(parent());
  }

  public static MLReader<SequenceRegressionModel> read() {
    return new SequenceModelReader<>(SequenceRegressionModel.class, SequenceRegressionModel::new);
  }

  public static SequenceRegressionModel load(String path) {
    return read().load(path);
  }
}
