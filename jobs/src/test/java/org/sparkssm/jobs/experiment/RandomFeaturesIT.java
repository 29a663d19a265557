package org.sparkssm.jobs.experiment;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.file.Path;
import java.util.List;
import org.apache.spark.ml.linalg.Vector;
import org.apache.spark.sql.Row;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.sparkssm.jobs.Splits;
import org.sparkssm.spark.SequenceDataSet;
import org.sparkssm.testing.SharedSpark;

/** Features that the experiments alone use. */
class RandomFeaturesIT {
  @TempDir static Path folder;

  private static SequenceDataSet area(int count) {
    Workbench workbench =
        new Workbench(
            SharedSpark.session(), new org.apache.hadoop.fs.Path(folder.toString()), message -> {});
    return workbench.data("area", count, 50, List.of(), 1);
  }

  /** Area is a linear functional of the signature, so a few hundred kernels span it nearly. */
  @Test
  void signatureKernelExplainsAreaFromFewPaths() {
    SequenceDataSet data = area(600);
    ObjectNode values =
        new KernelRidge(SharedSpark.session(), 2)
            .fit(data.rows(), new Splits(0.2, 0, null), 300, 100);
    double relative = values.path("rmse").asDouble() / values.path("labelDeviation").asDouble();
    double explained = 1 - relative * relative;
    assertTrue(explained > 0.99, values.toString());
  }

  @Test
  void statesAreThoseOfRungeKuttaStepsInDoublePrecision() {
    int n = 6;
    SequenceDataSet data = area(20);
    for (int block : new int[] {1, 3, 6}) {
      StructuredStates states = new StructuredStates(2, n, block, 5);
      List<Row> solved = states.of(data.rows().repartition(3)).orderBy("id").collectAsList();
      List<Row> paths = data.rows().orderBy("id").collectAsList();
      for (int b = 0; b < solved.size(); b++) {
        double[] expected =
            rungeKutta(states, paths.get(b).getList(paths.get(b).fieldIndex("values")));
        double[] found = solved.get(b).<Vector>getAs("features").toArray();
        for (int k = 0; k < n; k++) {
          assertEquals(expected[k], found[k], 1e-4, "block " + block + ", path " + b);
        }
      }
    }
  }

  private static double[] rungeKutta(StructuredStates states, List<Float> path) {
    int channels = states.channels();
    int steps = path.size() / channels - 1;
    double[] z = new double[states.states()];
    for (int k = 0; k < z.length; k++) {
      z[k] = states.startBias()[k];
      for (int c = 0; c < channels; c++) {
        z[k] += states.start()[k * (channels + 1) + 1 + c] * path.get(c);
      }
    }
    for (int l = 0; l < steps; l++) {
      double[] increment = new double[channels + 1];
      increment[0] = 1.0 / steps;
      for (int c = 0; c < channels; c++) {
        increment[1 + c] = path.get((l + 1) * channels + c) - path.get(l * channels + c);
      }
      double[] k1 = slope(states, increment, z);
      double[] k2 = slope(states, increment, moved(z, k1, 0.5));
      double[] k3 = slope(states, increment, moved(z, k2, 0.5));
      double[] k4 = slope(states, increment, moved(z, k3, 1));
      for (int k = 0; k < z.length; k++) {
        z[k] += (k1[k] + 2 * k2[k] + 2 * k3[k] + k4[k]) / 6;
      }
    }
    return z;
  }

  private static double[] moved(double[] z, double[] slope, double step) {
    double[] moved = z.clone();
    for (int k = 0; k < z.length; k++) {
      moved[k] += step * slope[k];
    }
    return moved;
  }

  private static double[] slope(StructuredStates states, double[] increment, double[] z) {
    int block = states.block();
    float[] transitions = states.transitions();
    double[] slope = new double[z.length];
    for (int i = 0; i < increment.length; i++) {
      for (int k = 0; k < z.length; k++) {
        slope[k] += states.drive()[k * increment.length + i] * increment[i];
        for (int m = 0; m < block; m++) {
          double entry = transitions[(i * z.length + k) * block + m];
          slope[k] += entry * increment[i] * z[k / block * block + m];
        }
      }
    }
    return slope;
  }
}
