package org.sparkssm.spark;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.sparkssm.train.FixedTree;

/**
 * Which worker runs in which JVM, and which micro-shards it has: worker w of W those from {@code w
 * S / W} to {@code (w + 1) S / W - 1}.
 *
 * @param processes the workers of each JVM; JVMs in the order of their first worker
 * @param addresses of each JVM
 * @param microShards S
 */
record WorkerLayout(List<List<Integer>> processes, List<String> addresses, int microShards) {

  /**
   * @param address of each worker's JVM
   */
  static WorkerLayout of(List<String> address, int microShards) {
    Map<String, List<Integer>> byAddress = new LinkedHashMap<>();
    for (int worker = 0; worker < address.size(); worker++) {
      byAddress.computeIfAbsent(address.get(worker), a -> new ArrayList<>()).add(worker);
    }
    return new WorkerLayout(
        List.copyOf(byAddress.values()), List.copyOf(byAddress.keySet()), microShards);
  }

  int workers() {
    return processes.stream().mapToInt(List::size).sum();
  }

  /** Number of the JVM of a worker. */
  int process(int worker) {
    for (int p = 0; p < processes.size(); p++) {
      if (processes.get(p).contains(worker)) {
        return p;
      }
    }
    throw new IllegalArgumentException("there is no worker " + worker);
  }

  /** How messages call a JVM. */
  String name(int process) {
    List<Integer> workers = processes.get(process);
    return "%s %s at %s"
        .formatted(
            workers.size() == 1 ? "worker" : "workers",
            String.join(", ", workers.stream().map(String::valueOf).toList()),
            addresses.get(process));
  }

  /** The first micro-shard of worker {@code worker} of {@code workers}. */
  static int firstMicroShard(int worker, int workers, int microShards) {
    return (int) ((long) worker * microShards / workers);
  }

  /** The worker of {@code workers} that has a micro-shard. */
  static int workerOf(int microShard, int workers, int microShards) {
    return (int) (((microShard + 1L) * workers - 1) / microShards);
  }

  /** The greatest subtrees that the micro-shards of a JVM make up, without their sums. */
  List<FixedTree.Node<Void>> subtrees(int process) {
    List<FixedTree.Node<Void>> leaves = new ArrayList<>();
    for (int worker : processes.get(process)) {
      int end = firstMicroShard(worker + 1, workers(), microShards);
      for (int m = firstMicroShard(worker, workers(), microShards); m < end; m++) {
        leaves.add(FixedTree.leaf(m, null));
      }
    }
    return FixedTree.join(leaves, (left, right) -> null);
  }
}
