package org.sparkssm.train;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.sparkssm.kernel.Kernels;
import org.sparkssm.model.LossSums;
import org.sparkssm.model.SequenceModel;

/**
 * All micro-shards in this JVM, each step spread over a few threads. Thread t owns the micro-shards
 * from {@code t S / threads} on; the bits do not depend on the number of threads.
 */
public final class LocalExchange implements GradientExchange {
  private final List<MicroShard> shards;
  private final EpochOrder order;
  private final List<Kernels> opened = new ArrayList<>();
  private final List<ShardWorker> workers = new ArrayList<>();
  private final ExecutorService threads;
  private final int[][] shuffled;
  private int shuffledEpoch = -1;

  /**
   * @param shards all of them, by number
   * @param threads how many to use; more than micro-shards are of no use
   * @param kernels opened once per thread and closed with this exchange
   */
  public LocalExchange(
      SequenceModel model,
      List<MicroShard> shards,
      EpochOrder order,
      int threads,
      Supplier<Kernels> kernels) {
    this.shards = List.copyOf(shards);
    this.order = order;
    this.shuffled = new int[shards.size()][];
    int count = Math.max(1, Math.min(threads, shards.size()));
    for (int t = 0; t < count; t++) {
      opened.add(kernels.get());
      workers.add(new ShardWorker(model, order, order.seed(), opened.get(t)));
    }
    this.threads =
        Executors.newFixedThreadPool(
            count,
            work -> {
              Thread thread = new Thread(work, "spark-ssm-training");
              thread.setDaemon(true);
              return thread;
            });
  }

  @Override
  public String description() {
    return workers.size() + " threads of this process, " + shards.size() + " micro-shards";
  }

  @Override
  public GradientSum gradient(Weights weights, ShardStep step) {
    if (step.epoch() != shuffledEpoch) {
      for (int m = 0; m < shuffled.length; m++) {
        shuffled[m] = order.shuffled(step.epoch(), m, shards.get(m).training().size());
      }
      shuffledEpoch = step.epoch();
    }
    return FixedTree.root(
        spread(
            weights,
            (worker, part) -> {
              part.forEach(shard -> worker.add(shard, shuffled[shard.number()], step));
              return worker.subtrees();
            }),
        shards.size(),
        GradientSum::plus);
  }

  @Override
  public LossSums evaluate(Weights weights) {
    return FixedTree.root(
        spread(
            weights,
            (worker, part) ->
                part.stream()
                    .map(shard -> FixedTree.leaf(shard.number(), worker.evaluate(shard)))
                    .toList()),
        shards.size(),
        LossSums::plus);
  }

  /** What a worker does for its micro-shards. */
  private interface Work<T> {
    List<FixedTree.Node<T>> of(ShardWorker worker, List<MicroShard> part);
  }

  private <T> List<FixedTree.Node<T>> spread(Weights weights, Work<T> work) {
    float[] parameters = weights.values();
    List<Callable<List<FixedTree.Node<T>>>> tasks = new ArrayList<>();
    for (int t = 0; t < workers.size(); t++) {
      ShardWorker worker = workers.get(t);
      int from = (int) ((long) t * shards.size() / workers.size());
      int to = (int) ((t + 1L) * shards.size() / workers.size());
      tasks.add(
          () -> {
            worker.setParameters(parameters);
            return work.of(worker, shards.subList(from, to));
          });
    }
    List<FixedTree.Node<T>> nodes = new ArrayList<>();
    try {
      for (Future<List<FixedTree.Node<T>>> done : threads.invokeAll(tasks)) {
        nodes.addAll(done.get());
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new CancellationException("training was interrupted");
    } catch (ExecutionException e) {
      throw unwrapped(e);
    }
    return nodes;
  }

  private static RuntimeException unwrapped(ExecutionException e) {
    if (e.getCause() instanceof Error error) {
      throw error;
    }
    return e.getCause() instanceof RuntimeException cause ? cause : new IllegalStateException(e);
  }

  @Override
  public void close() {
    threads.shutdownNow();
    boolean interrupted = false;
    boolean finished = false;
    // The workers' memory must not go while a thread still computes in it.
    while (!finished) {
      try {
        finished = threads.awaitTermination(1, TimeUnit.HOURS);
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
    opened.forEach(Kernels::close);
  }
}
