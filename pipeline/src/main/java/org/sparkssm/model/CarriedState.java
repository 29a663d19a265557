package org.sparkssm.model;

import java.io.Serializable;

/**
 * What a model has seen of one sequence, in numbers that travel: see {@link SequenceState#carried}
 * and {@link SequenceModel#resume}. A class and not a record, so that Kryo can carry it.
 */
public final class CarriedState implements Serializable {
  private static final long serialVersionUID = 1L;

  private final long position;
  private final double startTime;
  private final double[][] parts;

  /**
   * @param position steps seen
   * @param startTime of the first step; not read where there are no times
   * @param parts one for each of {@link SequenceModel#carriedParts}; null where it is not known
   */
  public CarriedState(long position, double startTime, double[]... parts) {
    this.position = position;
    this.startTime = startTime;
    this.parts = parts;
  }

  long position() {
    return position;
  }

  double startTime() {
    return startTime;
  }

  /** Not copied; null: not known. */
  public double[] part(int index) {
    return parts[index];
  }

  /** The same with one part known. */
  public CarriedState with(int index, double[] values) {
    double[][] changed = parts.clone();
    changed[index] = values;
    return new CarriedState(position, startTime, changed);
  }
}
