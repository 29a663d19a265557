package org.sparkssm.train;

import java.io.Serializable;

/**
 * A fixed part of the data: training rows whose rank by id, modulo the number of micro-shards, is
 * {@link #number}, in the order of ranks, and validation rows chosen in the same way. A class and
 * not a record, so that Kryo can carry it.
 */
public final class MicroShard implements Serializable {
  private static final long serialVersionUID = 1L;

  private final int number;
  private final Sequences training;
  private final Sequences validation;

  public MicroShard(int number, Sequences training, Sequences validation) {
    this.number = number;
    this.training = training;
    this.validation = validation;
  }

  /** From 0 to S - 1. */
  public int number() {
    return number;
  }

  public Sequences training() {
    return training;
  }

  public Sequences validation() {
    return validation;
  }
}
