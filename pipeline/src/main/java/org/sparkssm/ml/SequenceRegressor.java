package org.sparkssm.ml;

import java.util.List;
import org.apache.spark.ml.util.Identifiable$;
import org.apache.spark.ml.util.MLReader;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.NumericType;
import org.sparkssm.model.HeadKind;
import org.sparkssm.train.TrainedModel;

/**
 * Learns a number for every sequence, or for every step where the label column is an array, by
 * squared error. Labels are shifted and scaled to mean 0 and deviation 1 over the training split
 * inside the model; predictions are in units of the label.
 */
public final class SequenceRegressor
    extends SequenceEstimator<SequenceRegressor, SequenceRegressionModel> {
  private static final long serialVersionUID = 1L;

  public SequenceRegressor() {
    this(Identifiable$.MODULE$.randomUID("sequenceRegressor"));
  }

  public SequenceRegressor(String uid) {
    super(uid);
  }

  @Override
  List<String> classNames(Dataset<?> dataset) {
    return List.of();
  }

  @Override
  int classes(Dataset<?> dataset, List<String> names) {
    return 0;
  }

  @Override
  HeadKind head(boolean labelPerStep) {
    return HeadKind.REGRESSION;
  }

  @Override
  void checkLabel(String name, DataType type) {
    DataType number = type instanceof ArrayType array ? array.elementType() : type;
    if (!(number instanceof NumericType)) {
      throw Columns.wrongType(name, type, "a number, or an array of numbers");
    }
  }

  @Override
  SequenceRegressionModel model(TrainedModel trained) {
    return new SequenceRegressionModel(uid(), trained);
  }

  public static MLReader<SequenceRegressor> read() {
    return new StageReader<>(SequenceRegressor.class, SequenceRegressor::new);
  }

  public static SequenceRegressor load(String path) {
    return read().load(path);
  }
}
