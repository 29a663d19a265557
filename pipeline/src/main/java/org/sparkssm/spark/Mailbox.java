package org.sparkssm.spark;

import java.time.Duration;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;

/**
 * What other JVMs sent for the collective operation under way or the one after it: nobody is
 * further ahead, since every operation ends with something from everybody.
 */
final class Mailbox {
  private static final long POLL_NANOS = TimeUnit.MILLISECONDS.toNanos(100);

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private final Map<Integer, Parcel> parcels = new ConcurrentHashMap<>();
  private final Map<Integer, String> lost = new TreeMap<>();
  private final Duration timeout;

  /**
   * @param timeout of every wait
   */
  Mailbox(Duration timeout) {
    this.timeout = timeout;
  }

  /** What one JVM sends in one phase of an operation; its arrays are used again two rounds on. */
  static final class Parcel {
    private long round = -1;
    private byte[] note;
    private float[] values = new float[0];
    private int arrived;

    byte[] note() {
      return note;
    }

    float[] values() {
      return values;
    }

    private boolean isWhole(long expected) {
      return round == expected && note != null && arrived == values.length;
    }
  }

  private Parcel parcel(long round, int phase, int sender) {
    int key = (int) (4L * sender + 2L * phase + (round & 1));
    return parcels.computeIfAbsent(key, k -> new Parcel());
  }

  /** Takes a message in; called by one thread at a time for each sender. */
  void put(PeerMessage message) {
    Parcel parcel = parcel(message.round(), message.phase(), message.sender());
    lock.lock();
    try {
      if (parcel.round != message.round()) {
        parcel.round = message.round();
        parcel.note = null;
        parcel.arrived = 0;
        if (parcel.values.length != message.total()) {
          parcel.values = new float[message.total()];
        }
      }
    } finally {
      lock.unlock();
    }
    int count = message.values().remaining();
    message.values().get(parcel.values, message.offset(), count);
    lock.lock();
    try {
      parcel.arrived += count;
      if (message.note() != null) {
        parcel.note = message.note();
      }
      if (parcel.isWhole(message.round())) {
        changed.signalAll();
      }
    } finally {
      lock.unlock();
    }
  }

  /** A JVM will send nothing more. */
  void lose(int sender, String reason) {
    lock.lock();
    try {
      lost.putIfAbsent(sender, reason);
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /**
   * Waits for what a JVM sends.
   *
   * @param name of the JVM, for messages
   * @param cancelled asked often
   * @throws CancellationException if it is so
   * @throws IllegalStateException if the JVM is gone, or nothing arrives in time
   */
  Parcel take(long round, int phase, int sender, String name, BooleanSupplier cancelled) {
    Parcel parcel = parcel(round, phase, sender);
    long deadline = System.nanoTime() + timeout.toNanos();
    lock.lock();
    try {
      while (!parcel.isWhole(round)) {
        if (cancelled.getAsBoolean()) {
          throw new CancellationException("the training was cancelled");
        }
        if (lost.containsKey(sender)) {
          throw new IllegalStateException(name + " is gone: " + lost.get(sender));
        }
        if (System.nanoTime() - deadline > 0) {
          throw new IllegalStateException(
              "%s has not answered for %d s; if its steps may take that much longer than others', raise %s"
                  .formatted(name, timeout.toSeconds(), TrainingKeys.EXCHANGE_TIMEOUT));
        }
        changed.awaitNanos(POLL_NANOS);
      }
      return parcel;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new CancellationException("the training was interrupted");
    } finally {
      lock.unlock();
    }
  }
}
