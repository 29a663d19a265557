package org.sparkssm.spark;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import org.sparkssm.train.FixedTree;
import org.sparkssm.train.GradientSum;

/**
 * The workers of one attempt that run in this JVM. They meet in memory; the last one to arrive
 * speaks to the other JVMs for all of them.
 */
final class WorkerGroup {
  private static final long POLL_NANOS = TimeUnit.MILLISECONDS.toNanos(100);
  private static final Map<Key, WorkerGroup> GROUPS = new ConcurrentHashMap<>();

  private record Key(long run, long attempt) {}

  /** Opens the network of a group; there is none where Spark runs in one process. */
  interface NetworkOpener {
    /** Null: there is none. */
    PeerNetwork open(Mailbox mailbox);
  }

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private final Key key;
  private final Duration timeout;
  private final Mailbox mailbox;
  private PeerNetwork network;
  private WorkerLayout layout;
  private ProcessExchange exchange;
  private int members;
  private int present;
  private Meeting meeting = new Meeting();
  private Throwable failure;

  /** One coming together of all members. */
  private static final class Meeting {
    private final List<Object> parts = new ArrayList<>();
    private Object outcome;
    private boolean over;
  }

  private WorkerGroup(Key key, Duration timeout) {
    this.key = key;
    this.timeout = timeout;
    this.mailbox = new Mailbox(timeout);
  }

  /**
   * Adds a worker of this JVM; each must {@link #leave}.
   *
   * @param attempt greater for later attempts
   * @param timeout of every wait
   */
  static WorkerGroup join(long run, long attempt, Duration timeout, NetworkOpener opener) {
    Key key = new Key(run, attempt);
    while (true) {
      WorkerGroup group = GROUPS.computeIfAbsent(key, k -> new WorkerGroup(k, timeout));
      if (group.enter(opener)) {
        return group;
      }
    }
  }

  private boolean enter(NetworkOpener opener) {
    lock.lock();
    try {
      if (GROUPS.get(key) != this) {
        return false; // the last member has just left
      }
      if (present == 0) {
        network = opener.open(mailbox);
      }
      present++;
      return true;
    } catch (RuntimeException e) {
      if (present == 0) {
        GROUPS.remove(key, this);
      }
      throw e;
    } finally {
      lock.unlock();
    }
  }

  /** Where other JVMs find this one. */
  String address() {
    return network == null ? "this process" : network.address();
  }

  /**
   * Connects to the other JVMs; the first of the members does so for all.
   *
   * @param worker one of this JVM
   * @param size number of parameters P
   */
  void start(WorkerLayout whole, int worker, int size) {
    lock.lock();
    try {
      if (exchange != null) {
        return;
      }
      layout = whole;
      int self = layout.process(worker);
      members = layout.processes().get(self).size();
      if (layout.processes().size() > 1) {
        network.connect(layout.addresses(), self);
      }
      exchange =
          new ProcessExchange(layout, self, size, key.run(), key.attempt(), network, mailbox);
    } finally {
      lock.unlock();
    }
  }

  WorkerLayout layout() {
    return layout;
  }

  /**
   * The sum over all micro-shards of all workers.
   *
   * @param own of the calling worker; their arrays are overwritten
   * @return shared by all workers of this JVM, who only read it, and before the next meeting but
   *     one
   */
  GradientSum sum(List<FixedTree.Node<GradientSum>> own, BooleanSupplier cancelled) {
    return (GradientSum)
        meet(
            own,
            parts -> {
              List<FixedTree.Node<GradientSum>> nodes = new ArrayList<>();
              parts.forEach(part -> nodes.addAll(nodes(part)));
              return exchange.sum(FixedTree.join(nodes, GradientSum::plus), cancelled);
            },
            cancelled);
  }

  @SuppressWarnings("unchecked") // what sum passes
  private static List<FixedTree.Node<GradientSum>> nodes(Object part) {
    return (List<FixedTree.Node<GradientSum>>) part;
  }

  /**
   * A note from each JVM, made of its workers' notes.
   *
   * @param own of the calling worker
   * @param join makes one note of those of a JVM, in any order
   */
  List<byte[]> gather(byte[] own, Function<List<byte[]>, byte[]> join, BooleanSupplier cancelled) {
    List<byte[]> notes = new ArrayList<>();
    List<?> outcome =
        (List<?>)
            meet(own, parts -> exchange.gather(join.apply(bytes(parts)), cancelled), cancelled);
    outcome.forEach(note -> notes.add((byte[]) note));
    return notes;
  }

  private static List<byte[]> bytes(List<Object> parts) {
    return parts.stream().map(part -> (byte[]) part).toList();
  }

  /** What the last member to arrive makes of the parts of all. */
  private Object meet(Object part, Function<List<Object>, Object> last, BooleanSupplier cancelled) {
    Meeting mine;
    lock.lock();
    try {
      mine = meeting;
      mine.parts.add(part);
      if (mine.parts.size() < members) {
        await(mine, cancelled);
        return mine.outcome;
      }
      meeting = new Meeting();
    } finally {
      lock.unlock();
    }
    try {
      mine.outcome = last.apply(mine.parts);
    } catch (RuntimeException | Error e) {
      fail(e);
      throw e;
    }
    lock.lock();
    try {
      mine.over = true;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
    return mine.outcome;
  }

  /** Holds the lock. */
  private void await(Meeting mine, BooleanSupplier cancelled) {
    // The last member may itself wait for another JVM as long as this.
    long deadline = System.nanoTime() + 2 * timeout.toNanos();
    try {
      while (!mine.over) {
        if (failure != null) {
          throw new IllegalStateException(failure.getMessage(), failure);
        }
        if (cancelled.getAsBoolean()) {
          throw new CancellationException("the training was cancelled");
        }
        if (System.nanoTime() - deadline > 0) {
          throw new IllegalStateException(
              "a worker of this executor has not come for %d s; if its steps may take that much longer than others', raise %s"
                  .formatted(2 * timeout.toSeconds(), TrainingKeys.EXCHANGE_TIMEOUT));
        }
        changed.awaitNanos(POLL_NANOS);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new CancellationException("the training was interrupted");
    }
  }

  private void fail(Throwable cause) {
    lock.lock();
    try {
      if (failure == null) {
        failure = cause;
      }
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /**
   * Takes a worker out; with the last one the connections end.
   *
   * @param finished whether it has done all its work
   */
  void leave(boolean finished) {
    PeerNetwork unused = null;
    lock.lock();
    try {
      if (!finished) {
        fail(new IllegalStateException("another worker of this executor failed"));
      }
      present--;
      if (present == 0) {
        GROUPS.remove(key, this);
        unused = network;
      }
    } finally {
      lock.unlock();
    }
    if (unused != null) {
      unused.close();
    }
  }
}
