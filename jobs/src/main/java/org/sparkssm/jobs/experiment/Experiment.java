package org.sparkssm.jobs.experiment;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;

/** A grid of independent cells, and what their results say about a hypothesis. */
interface Experiment {
  /** As in {@code spark-ssm experiment NAME}. */
  String name();

  /** What it is about, in a few words. */
  String title();

  /** What the theory predicts; stated before anything runs. */
  String hypothesis();

  /** What is done at a scale: sizes, steps, seeds; in a sentence or two. */
  String setting(Scale scale);

  /**
   * What of the setting a cell depends on; a finished cell is taken only if this has not changed.
   */
  default String setting(Scale scale, Cell cell) {
    return setting(scale);
  }

  /** The cells in the order in which they run. */
  List<Cell> cells(Scale scale);

  /** Runs one cell; a function of the cell and the scale alone. */
  ObjectNode run(Cell cell, Scale scale, Workbench workbench);

  /** Reads the results, which may be those of a part of the grid. */
  Findings conclude(Results results, Scale scale);
}
