package org.sparkssm.jobs.experiment;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.spark.ml.linalg.Vector;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.sparkssm.jobs.Splits;
import org.sparkssm.ml.SignatureKernelGram;

/**
 * Ridge regression with the signature kernel on the first training rows: a reference line without
 * random features or training. Paths are joined with time, times {@value #SCALE}; the ridge is
 * chosen on a fifth of the rows that are fitted.
 */
final class KernelRidge {
  private static final ObjectMapper JSON = new ObjectMapper();

  /**
   * Paths that are divided by their largest value are short; longer ones tell more levels apart.
   */
  private static final double SCALE = 4;

  private static final int DYADIC_ORDER = 1;
  private static final double[] RIDGES = {1e-12, 1e-10, 1e-8, 1e-6, 1e-4, 1e-2};

  private static final StructType SCHEMA =
      new StructType()
          .add("id", DataTypes.LongType, false)
          .add("values", DataTypes.createArrayType(DataTypes.DoubleType, false), false);

  private final SparkSession spark;
  private final int channels;

  KernelRidge(SparkSession spark, int channels) {
    this.spark = spark;
    this.channels = channels;
  }

  /**
   * Fits and validates.
   *
   * @param training rows to fit
   * @param held rows to validate on
   * @return {@code rmse}, {@code trainingRmse}, {@code labelDeviation} of the held rows, {@code
   *     features} (rows fitted) and {@code ridge}
   */
  ObjectNode fit(Dataset<Row> rows, Splits splits, int training, int held) {
    Sample fitted = sample(splits.rows(rows, "train"), training);
    Sample other = sample(splits.rows(rows, "validation"), held);
    SignatureKernelGram gram = SignatureKernelGram.linear(channels + 1, DYADIC_ORDER);
    double[][] kernel = collect(gram.rows(fitted.paths()));
    double[][] cross = collect(gram.rows(other.paths(), fitted.paths()));
    double ridge = chosenRidge(kernel, fitted.labels());
    double mean = Arrays.stream(fitted.labels()).average().orElseThrow();
    double[] weights = weights(kernel, fitted.labels(), mean, kernel.length, ridge);
    ObjectNode values = JSON.createObjectNode();
    values.put("rmse", rmse(cross, weights, mean, other.labels(), 0));
    values.put("trainingRmse", rmse(kernel, weights, mean, fitted.labels(), 0));
    values.put("labelDeviation", deviation(other.labels()));
    values.put("features", fitted.labels().length);
    values.put("ridge", ridge);
    return values;
  }

  @SuppressWarnings("ArrayRecordComponent") // a carrier, never compared
  private record Sample(Dataset<Row> paths, double[] labels) {}

  /** The rows of the smallest ids. */
  private Sample sample(Dataset<Row> rows, int count) {
    List<Row> chosen =
        rows.select("id", "values", "label").orderBy("id").limit(count).collectAsList();
    List<Row> paths = new ArrayList<>();
    for (Row row : chosen) {
      List<Float> values = row.getList(1);
      int points = values.size() / channels;
      Double[] timed = new Double[points * (channels + 1)];
      for (int l = 0; l < points; l++) {
        timed[l * (channels + 1)] = SCALE * l / (points - 1);
        for (int c = 0; c < channels; c++) {
          timed[l * (channels + 1) + 1 + c] = SCALE * values.get(l * channels + c);
        }
      }
      paths.add(RowFactory.create(row.getLong(0), timed));
    }
    return new Sample(
        spark.createDataFrame(paths, SCHEMA),
        chosen.stream().mapToDouble(row -> row.getDouble(2)).toArray());
  }

  private static double[][] collect(Dataset<Row> rows) {
    return rows.orderBy("id").collectAsList().stream()
        .map(row -> row.<Vector>getAs("kernel").toArray())
        .toArray(double[][]::new);
  }

  private static double chosenRidge(double[][] kernel, double[] labels) {
    int fitted = kernel.length * 4 / 5;
    double mean = Arrays.stream(labels, 0, fitted).average().orElseThrow();
    double best = RIDGES[RIDGES.length - 1];
    double least = Double.POSITIVE_INFINITY;
    for (double ridge : RIDGES) {
      double[] weights = weights(kernel, labels, mean, fitted, ridge);
      double error = rmse(kernel, weights, mean, labels, fitted);
      if (error < least) {
        least = error;
        best = ridge;
      }
    }
    return best;
  }

  /**
   * {@code (K + ridge trace(K) / n I)^-1 (y - mean)} over the first rows, by Cholesky; NaN where
   * rounding has made the matrix indefinite.
   */
  private static double[] weights(
      double[][] kernel, double[] labels, double mean, int rows, double ridge) {
    double trace = 0;
    for (int i = 0; i < rows; i++) {
      trace += kernel[i][i];
    }
    double[][] factor = new double[rows][];
    double[] weights = new double[rows];
    for (int i = 0; i < rows; i++) {
      factor[i] = Arrays.copyOf(kernel[i], i + 1);
      factor[i][i] += ridge * trace / rows;
      for (int j = 0; j <= i; j++) {
        double sum = factor[i][j] - dot(factor[i], factor[j], j);
        factor[i][j] = i == j ? Math.sqrt(sum) : sum / factor[j][j];
      }
      weights[i] = (labels[i] - mean - dot(factor[i], weights, i)) / factor[i][i];
    }
    for (int i = rows - 1; i >= 0; i--) {
      weights[i] /= factor[i][i];
      for (int j = 0; j < i; j++) {
        weights[j] -= factor[i][j] * weights[i];
      }
    }
    return weights;
  }

  /** Error of {@code mean + K weights} over the rows from {@code first} on. */
  private static double rmse(
      double[][] kernel, double[] weights, double mean, double[] labels, int first) {
    double squares = 0;
    for (int i = first; i < labels.length; i++) {
      double error = mean + dot(kernel[i], weights, weights.length) - labels[i];
      squares += error * error;
    }
    return Math.sqrt(squares / (labels.length - first));
  }

  private static double dot(double[] a, double[] b, int count) {
    double sum = 0;
    for (int k = 0; k < count; k++) {
      sum += a[k] * b[k];
    }
    return sum;
  }

  private static double deviation(double[] values) {
    double mean = Arrays.stream(values).average().orElseThrow();
    return Math.sqrt(
        Arrays.stream(values)
            .map(value -> (value - mean) * (value - mean))
            .average()
            .orElseThrow());
  }
}
