package org.sparkssm.jobs.experiment;

import java.util.List;
import java.util.stream.Collectors;
import org.sparkssm.data.InvalidInputException;

/** The experiments by name. */
final class Experiments {
  private Experiments() {}

  /**
   * All of them.
   *
   * @param data folders of data sets, for those that need some
   */
  static List<Experiment> all(List<String> data) {
    return List.of(
        new ToyExperiment(),
        new WordProblemExperiment(),
        new ProjectionExperiment(),
        new RatesExperiment(),
        new SelectivityExperiment(),
        new StackingExperiment(),
        new EfficiencyExperiment(),
        new BenchmarkExperiment(data));
  }

  /**
   * An experiment.
   *
   * @param data folders of data sets, for those that need some
   * @throws InvalidInputException if there is none of that name
   */
  static Experiment of(String name, List<String> data) {
    List<Experiment> all = all(data);
    return all.stream()
        .filter(experiment -> experiment.name().equals(name))
        .findFirst()
        .orElseThrow(
            () ->
                new InvalidInputException(
                    "there is no experiment '%s', expected one of %s"
                        .formatted(
                            name,
                            all.stream().map(Experiment::name).collect(Collectors.joining(", ")))));
  }
}
