package org.sparkssm.jobs;

import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.SparkSession;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.jobs.experiment.ExperimentRun;
import org.sparkssm.kernel.Device;
import org.sparkssm.kernel.Kernels;
import org.sparkssm.spark.HadoopFiles;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Runs an experiment of the paper and writes what it says about the theory. */
@Command(
    name = "experiment",
    description =
        "Runs an experiment on the theory: a grid of cells whose results are kept one by one, so"
            + " that a run that was stopped goes on where it was, then a report with verdicts,"
            + " tables and plots.")
final class ExperimentCommand extends SparkCommand {
  @Parameters(
      paramLabel = "NAME",
      description = "toy, a5, projection, rates, selectivity, stacking, efficiency or benchmarks.")
  private String experiment;

  @Option(
      names = "--scale",
      paramLabel = "SCALE",
      defaultValue = "quick",
      description = "quick (minutes), standard (a night on two cores) or full (the paper's sizes).")
  private String scale;

  @Option(
      names = "--output",
      required = true,
      paramLabel = "DIR",
      description = "Folder of cells, data sets and results; finished cells in it are kept.")
  private String output;

  @Option(
      names = "--data",
      split = ",",
      paramLabel = "DIR",
      description = "For benchmarks: folders of .ts files of the UEA archive, one a data set.")
  private List<String> data = List.of();

  private ExperimentRun run;

  @Override
  protected String plan() {
    run = ExperimentRun.of(experiment, scale, data);
    return run.plan();
  }

  @Override
  protected Map<String, Object> run(SparkSession spark) throws IOException {
    Path folder = HadoopFiles.path(output);
    clear(spark, folder);
    return run.run(spark, folder, machine(spark), this::tell);
  }

  /** With --overwrite everything is done anew; else the folder must be new or an experiment's. */
  private void clear(SparkSession spark, Path folder) throws IOException {
    FileSystem files = HadoopFiles.fileSystem(folder, spark.sparkContext().hadoopConfiguration());
    if (!files.exists(folder)) {
      return;
    }
    boolean ours =
        files.exists(new Path(folder, "cells")) || files.exists(new Path(folder, "data"));
    if (!ours && files.listStatus(folder).length > 0) {
      throw new InvalidInputException(
          "the output "
              + folder
              + " exists and is not an experiment's, so it is not touched; choose another place");
    }
    if (common().overwrite && !files.delete(folder, true)) {
      throw new InvalidInputException("the output " + folder + " cannot be removed");
    }
  }

  private static Map<String, String> machine(SparkSession spark) {
    Map<String, String> facts = new LinkedHashMap<>();
    facts.put("Spark", spark.version() + ", " + spark.sparkContext().master());
    facts.put("cores", Integer.toString(spark.sparkContext().defaultParallelism()));
    try (Kernels kernels = Device.AUTO.open()) {
      facts.put("kernels", kernels.description());
    }
    return facts;
  }
}
