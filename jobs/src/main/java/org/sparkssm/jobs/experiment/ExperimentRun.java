package org.sparkssm.jobs.experiment;

import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.SparkSession;

/** An experiment at a scale, from its grid to its files. */
public final class ExperimentRun {
  private final Experiment experiment;
  private final Scale scale;

  private ExperimentRun(Experiment experiment, Scale scale) {
    this.experiment = experiment;
    this.scale = scale;
  }

  /**
   * Chooses an experiment.
   *
   * @param data folders of data sets, for experiments on supplied ones
   * @throws org.sparkssm.data.InvalidInputException if there is no such experiment or scale
   */
  public static ExperimentRun of(String name, String scale, List<String> data) {
    return new ExperimentRun(Experiments.of(name, data), Scale.of(scale));
  }

  /** Names of all experiments. */
  public static List<String> names() {
    return Experiments.all(List.of()).stream().map(Experiment::name).toList();
  }

  /** What is going to be done. */
  public String plan() {
    return "%s: %s (%d cells)"
        .formatted(experiment.title(), experiment.setting(scale), experiment.cells(scale).size());
  }

  /**
   * Runs the cells that are not finished and writes the results; the report after every cell.
   *
   * @param output folder; finished cells in it are kept
   * @param machine facts for the report
   * @param tell where the course of things is told
   * @return cells, claims and their verdicts
   */
  public Map<String, Object> run(
      SparkSession spark, Path output, Map<String, String> machine, Consumer<String> tell)
      throws IOException {
    Workbench workbench = new Workbench(spark, new Path(output, "data"), tell);
    Grid grid =
        new Grid(experiment, scale, output, spark.sparkContext().hadoopConfiguration(), tell);
    ExperimentFiles files = new ExperimentFiles(spark, experiment, scale, output, machine);
    Results results =
        grid.run(
            workbench, finished -> files.writePage(finished, experiment.conclude(finished, scale)));
    Findings findings = experiment.conclude(results, scale);
    files.write(results, findings);
    Map<String, Object> summary = new LinkedHashMap<>();
    summary.put("experiment", experiment.name());
    summary.put("scale", scale.word());
    summary.put("cells", results.all().size());
    Map<String, String> claims = new LinkedHashMap<>();
    findings.claims().forEach(claim -> claims.put(claim.claim(), claim.verdict().words()));
    summary.put("claims", claims);
    summary.put("report", new Path(output, "report.html").toString());
    return summary;
  }
}
