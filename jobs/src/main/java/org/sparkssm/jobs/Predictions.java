package org.sparkssm.jobs;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.xxhash64;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.spark.ml.evaluation.BinaryClassificationEvaluator;
import org.apache.spark.ml.evaluation.MulticlassClassificationEvaluator;
import org.apache.spark.ml.evaluation.RegressionEvaluator;
import org.apache.spark.mllib.evaluation.RegressionMetrics;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.data.LabelDescription;

/**
 * Predictions beside labels, and how good they are.
 *
 * @param rows columns (id bigint, label double, prediction double) and possibly probability
 *     (vector), kept by the caller
 * @param label what the labels are
 */
record Predictions(Dataset<Row> rows, LabelDescription label) {

  /** Column of class probabilities. */
  static final String PROBABILITY = "probability";

  /** A pair of the sample. */
  record Sample(long id, double label, double prediction) {}

  /** Number of rows. */
  long count() {
    return rows.count();
  }

  /**
   * Regression: rmse, mae, and r2 unless all labels are equal. Classification: accuracy and
   * macroF1; where there are probabilities, logLoss, and, for two classes that both occur,
   * areaUnderRoc. By MLlib's evaluators, but for macroF1.
   *
   * @throws InvalidInputException if there is no row
   */
  Map<String, Double> metrics() {
    if (rows.isEmpty()) {
      throw new InvalidInputException("the split is empty, expected at least one row");
    }
    return label.kind() == LabelDescription.Kind.CLASS
        ? classificationMetrics(confusion())
        : regressionMetrics();
  }

  private Map<String, Double> regressionMetrics() {
    RegressionMetrics found = new RegressionEvaluator().getMetrics(rows);
    Map<String, Double> metrics = new LinkedHashMap<>();
    metrics.put("rmse", found.rootMeanSquaredError());
    metrics.put("mae", found.meanAbsoluteError());
    if (Double.isFinite(found.r2())) {
      metrics.put("r2", found.r2());
    }
    return metrics;
  }

  private Map<String, Double> probabilityMetrics(long[][] confusion) {
    Map<String, Double> metrics = new LinkedHashMap<>();
    if (!Arrays.asList(rows.columns()).contains(PROBABILITY)) {
      return metrics;
    }
    metrics.put(
        "logLoss",
        new MulticlassClassificationEvaluator()
            .setProbabilityCol(PROBABILITY)
            .setMetricName("logLoss")
            .evaluate(rows));
    boolean isBinary = confusion.length == 2;
    if (isBinary && Arrays.stream(confusion).allMatch(row -> row[0] + row[1] > 0)) {
      metrics.put(
          "areaUnderRoc",
          new BinaryClassificationEvaluator()
              .setRawPredictionCol(PROBABILITY)
              .setNumBins(0) // every threshold: exact
              .evaluate(rows));
    }
    return metrics;
  }

  /** Numbers of rows by [label][prediction]. */
  long[][] confusion() {
    int classes = label.classCount();
    long[][] confusion = new long[classes][classes];
    for (Row row : rows.groupBy("label", "prediction").count().collectAsList()) {
      int truth = classIndex(row.getDouble(0), "label", classes);
      int prediction = classIndex(row.getDouble(1), "prediction", classes);
      confusion[truth][prediction] = row.getLong(2);
    }
    return confusion;
  }

  private static int classIndex(double value, String column, int classes) {
    if (value != Math.rint(value) || value < 0 || value >= classes) {
      throw new InvalidInputException(
          "a %s is %s, expected a class index from 0 to %d".formatted(column, value, classes - 1));
    }
    return (int) value;
  }

  private Map<String, Double> classificationMetrics(long[][] confusion) {
    long count = 0;
    long right = 0;
    double f1 = 0;
    int present = 0;
    for (int c = 0; c < confusion.length; c++) {
      long labelled = 0;
      long predicted = 0;
      for (int other = 0; other < confusion.length; other++) {
        labelled += confusion[c][other];
        predicted += confusion[other][c];
      }
      count += labelled;
      right += confusion[c][c];
      if (labelled + predicted > 0) {
        present++;
        f1 += 2.0 * confusion[c][c] / (labelled + predicted);
      }
    }
    Map<String, Double> metrics = new LinkedHashMap<>();
    metrics.put("accuracy", (double) right / count);
    metrics.put("macroF1", f1 / present);
    metrics.putAll(probabilityMetrics(confusion));
    return metrics;
  }

  /** Up to {@code limit} rows, the same ones for the same ids. */
  List<Sample> sample(int limit) {
    List<Sample> sample = new ArrayList<>();
    for (Row row : rows.orderBy(xxhash64(col("id")), col("id")).limit(limit).collectAsList()) {
      sample.add(new Sample(row.getLong(0), row.getDouble(1), row.getDouble(2)));
    }
    return sample;
  }
}
