package org.sparkssm.jobs;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.sparkssm.ml.LinearReadout;
import org.sparkssm.ml.LinearReadoutModel;

/** {@code train --model linear-readout}: least squares on features. */
final class ReadoutTraining {
  private ReadoutTraining() {}

  static Training fit(Dataset<Row> rows, Integer microShards, Double tolerance) {
    LinearReadout readout = new LinearReadout("readout");
    if (microShards != null) {
      readout.setMicroShards(microShards);
    }
    if (tolerance != null) {
      readout.setTol(tolerance);
    }
    LinearReadoutModel model = readout.fit(rows);
    Map<String, Object> options = new LinkedHashMap<>();
    options.put("microShards", readout.getOrDefault(readout.microShards()));
    options.put("tolerance", readout.getOrDefault(readout.tol()));
    Map<String, Object> results = new LinkedHashMap<>();
    results.put("rows", model.summary().rows());
    results.put("features", model.numFeatures());
    results.put("rank", model.summary().rank());
    results.put("trainingRmse", model.summary().rootMeanSquaredErrors()[0]);
    return new Training(
        List.of(model),
        options,
        results,
        List.of(),
        WeightsHash.sha256(model.weights(), model.intercepts()));
  }
}
