package org.sparkssm.ml;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.List;
import org.apache.spark.ml.evaluation.MulticlassClassificationEvaluator;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.sparkssm.spark.ImportOptions;
import org.sparkssm.spark.SequenceImport;
import org.sparkssm.spark.SequenceStore;
import org.sparkssm.testing.SharedSpark;

/**
 * Trained Mamba models on real data, from raw {@code .ts} files to test accuracy. The settings were
 * chosen on the training split alone: for JapaneseVowels by five-fold cross-validation; for
 * BasicMotions epochs and batch size likewise, and the dropout is the one chosen for
 * JapaneseVowels.
 */
class SequenceAccuracyIT {
  private static final String DATA = "src/test/resources/data/";

  @TempDir Path folder;

  @Test
  void japaneseVowelsReach96PercentOnAverageOverSeeds() {
    SequenceClassifier classifier = new SequenceClassifier().setEpochs(40).setDropout(0.1);
    double mean = meanAccuracy("JapaneseVowels", classifier, 1, 2, 3, 4, 5);
    assertTrue(mean >= 0.96, "mean accuracy " + mean);
  }

  @Test
  void basicMotionsReach95PercentOnAverageOverSeeds() {
    SequenceClassifier classifier =
        new SequenceClassifier().setEpochs(40).setDropout(0.1).setBatchSize(8);
    double mean = meanAccuracy("BasicMotions", classifier, 1, 2, 3, 4, 5);
    assertTrue(mean >= 0.95, "mean accuracy " + mean);
  }

  private double meanAccuracy(String name, SequenceClassifier classifier, long... seeds) {
    String output = folder.resolve(name).toString();
    ImportOptions options = new ImportOptions(ImportOptions.Format.TS, List.of(DATA + name));
    SequenceImport.run(SharedSpark.session(), options, output, false);
    Dataset<Row> rows = SequenceStore.read(SharedSpark.session(), output).rows();
    Dataset<Row> test = rows.filter("split = 'test'");
    MulticlassClassificationEvaluator evaluator =
        new MulticlassClassificationEvaluator().setMetricName("accuracy");
    double sum = 0;
    for (long seed : seeds) {
      SequenceClassificationModel model =
          classifier.setSeed(seed).fit(rows.filter("split = 'train'"));
      sum += evaluator.evaluate(model.transform(test));
    }
    return sum / seeds.length;
  }
}
