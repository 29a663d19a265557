package org.sparkssm.jobs.experiment;

import java.util.List;
import java.util.stream.Collectors;
import org.sparkssm.data.InvalidInputException;

/** The experiments by name. */
final class Experiments {
  static final List<Experiment> ALL =
      List.of(new ToyExperiment(), new WordProblemExperiment(), new ProjectionExperiment());

  private Experiments() {}

  /**
   * An experiment.
   *
   * @throws InvalidInputException if there is none of that name
   */
  static Experiment of(String name) {
    return ALL.stream()
        .filter(experiment -> experiment.name().equals(name))
        .findFirst()
        .orElseThrow(
            () ->
                new InvalidInputException(
                    "there is no experiment '%s', expected one of %s"
                        .formatted(
                            name,
                            ALL.stream().map(Experiment::name).collect(Collectors.joining(", ")))));
  }
}
