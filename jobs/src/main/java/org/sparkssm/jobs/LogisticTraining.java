package org.sparkssm.jobs;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.min_by;
import static org.apache.spark.sql.functions.not;
import static org.apache.spark.sql.functions.pmod;
import static org.apache.spark.sql.functions.struct;
import static org.apache.spark.sql.functions.when;
import static org.apache.spark.sql.functions.xxhash64;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.spark.ml.attribute.Attribute;
import org.apache.spark.ml.attribute.NominalAttribute;
import org.apache.spark.ml.classification.LogisticRegression;
import org.apache.spark.ml.classification.LogisticRegressionModel;
import org.apache.spark.ml.evaluation.MulticlassClassificationEvaluator;
import org.apache.spark.ml.param.ParamMap;
import org.apache.spark.ml.tuning.CrossValidator;
import org.apache.spark.ml.tuning.CrossValidatorModel;
import org.apache.spark.ml.tuning.ParamGridBuilder;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.storage.StorageLevel;
import org.sparkssm.data.InvalidInputException;

/**
 * {@code train --model logistic-regression}: MLlib's multinomial logistic regression on
 * standardized features. Without a given regularization, the one of least logarithmic loss in
 * cross-validation on the training rows is taken; folds are chosen by a hash of the row's id.
 */
final class LogisticTraining {
  private static final double[] CANDIDATES = {1e-4, 1e-3, 1e-2, 1e-1};
  private static final int FOLDS = 3;
  private static final int ITERATIONS = 100;

  /** Below this many rows a pass is over sooner than a second task starts. */
  private static final long SMALL = 20_000;

  private static final String FOLD = "fold";

  private LogisticTraining() {}

  static Training fit(Dataset<Row> rows, Double regularization, long seed) {
    long count = checkedCount(rows);
    Dataset<Row> folded = folded(rows, seed);
    folded = (count < SMALL ? folded.coalesce(1) : folded).persist(StorageLevel.MEMORY_AND_DISK());
    try {
      LogisticRegression regression =
          new LogisticRegression("logistic").setFamily("multinomial").setMaxIter(ITERATIONS);
      Map<String, Object> results = new LinkedHashMap<>();
      results.put("rows", count);
      double chosen =
          regularization == null ? crossValidate(regression, folded, results) : regularization;
      LogisticRegressionModel model = regression.setRegParam(chosen).fit(folded);
      results.put("features", model.numFeatures());
      results.put("iterations", model.summary().totalIterations());
      results.put("trainingAccuracy", model.summary().accuracy());
      Map<String, Object> options = new LinkedHashMap<>();
      options.put("regularization", chosen);
      options.put("standardization", true);
      return new Training(
          List.of(model),
          options,
          results,
          history(model),
          WeightsHash.sha256(
              model.coefficientMatrix().toArray(), model.interceptVector().toArray()));
    } finally {
      folded.unpersist();
    }
  }

  /** Number of rows, all of whose labels are among the classes that the label column names. */
  private static long checkedCount(Dataset<Row> rows) {
    Attribute label = Attribute.fromStructField(rows.schema().apply("label"));
    int classes = ((NominalAttribute) label).values().get().length;
    Column wrong = not(col("label").between(0, classes - 1)).or(col("label").isNull());
    Row found =
        rows.agg(count(lit(1)), min_by(struct(col("id"), col("label")), when(wrong, col("id"))))
            .first();
    if (!found.isNullAt(1)) {
      throw new InvalidInputException(
          "the sequence with id %s has label %s, expected a class from 0 to %d"
              .formatted(found.getStruct(1).get(0), found.getStruct(1).get(1), classes - 1));
    }
    return found.getLong(0);
  }

  private static Dataset<Row> folded(Dataset<Row> rows, long seed) {
    return rows.select(
        col("id"),
        col("features"),
        col("label")
            .cast(DataTypes.DoubleType)
            .as("label", rows.schema().apply("label").metadata()),
        pmod(xxhash64(lit(seed), col("id")), lit(FOLDS)).cast("int").as(FOLD));
  }

  private static double crossValidate(
      LogisticRegression regression, Dataset<Row> folded, Map<String, Object> results) {
    ParamMap[] grid = new ParamGridBuilder().addGrid(regression.regParam(), CANDIDATES).build();
    CrossValidatorModel model =
        new CrossValidator("cross-validation")
            .setEstimator(regression)
            .setEvaluator(new MulticlassClassificationEvaluator().setMetricName("logLoss"))
            .setEstimatorParamMaps(grid)
            .setNumFolds(FOLDS)
            .setFoldCol(FOLD)
            .setParallelism(2)
            .fit(folded);
    int best = 0;
    Map<String, Double> losses = new LinkedHashMap<>();
    for (int k = 0; k < CANDIDATES.length; k++) {
      losses.put(Double.toString(CANDIDATES[k]), model.avgMetrics()[k]);
      if (model.avgMetrics()[k] < model.avgMetrics()[best]) {
        best = k;
      }
    }
    results.put("crossValidationLogLoss", losses);
    return CANDIDATES[best];
  }

  private static List<Map<String, Object>> history(LogisticRegressionModel model) {
    List<Map<String, Object>> history = new ArrayList<>();
    for (double objective : model.summary().objectiveHistory()) {
      Map<String, Object> step = new LinkedHashMap<>();
      step.put("iteration", history.size());
      step.put("trainingLoss", objective);
      history.add(step);
    }
    return history;
  }
}
