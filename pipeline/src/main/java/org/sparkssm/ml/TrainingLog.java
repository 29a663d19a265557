package org.sparkssm.ml;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.sparkssm.train.EpochRecord;
import org.sparkssm.train.TrainingListener;

/** Writes the course of a training to the log: a line every ten seconds and one an epoch. */
final class TrainingLog implements TrainingListener {
  private static final Logger LOG = LoggerFactory.getLogger(TrainingLog.class);
  private static final long INTERVAL_NANOS = 10_000_000_000L;

  private long last = System.nanoTime();

  @Override
  public void begins(String description, long trainingRows, long validationRows) {
    LOG.info(
        "Training on {} sequences, {} for validation; {}",
        trainingRows,
        validationRows,
        description);
  }

  @Override
  public void progresses(Progress progress) {
    long now = System.nanoTime();
    if (now - last >= INTERVAL_NANOS) {
      last = now;
      LOG.info("{}", progress);
    }
  }

  @Override
  public void epochEnds(EpochRecord record) {
    LOG.info(
        "epoch {}: training loss {}, validation {}",
        record.epoch(),
        record.trainingLoss(),
        record.validation());
  }
}
