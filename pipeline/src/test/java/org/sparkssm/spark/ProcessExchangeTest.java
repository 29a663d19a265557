package org.sparkssm.spark;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.apache.commons.rng.UniformRandomProvider;
import org.apache.spark.SparkConf;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.sparkssm.data.SeededRandom;
import org.sparkssm.model.LossSums;
import org.sparkssm.train.FixedTree;
import org.sparkssm.train.GradientSum;

@Timeout(60)
class ProcessExchangeTest {
  private static final int MICRO_SHARDS = 16;
  private static final Duration PATIENCE = Duration.ofSeconds(20);

  @Test
  void sumsHaveTheBitsOfOneTreeForAnyNumberOfProcesses() throws Exception {
    for (int processes : new int[] {2, 3, 7}) {
      for (int size : new int[] {1, 5, 1000, 200_003}) {
        for (GradientSum sum : exchanged(processes, size, PeerFixture.open())) {
          GradientSum expected = expected(size);
          assertArrayEquals(expected.gradient(), sum.gradient(), 0);
          assertEquals(expected.sums(), sum.sums());
          assertEquals("at micro-shard 5", sum.failure());
        }
      }
    }
  }

  @Test
  void encryptedSumsAreTheSame() throws Exception {
    for (GradientSum sum : exchanged(2, 200_003, PeerFixture.encrypted("secret"))) {
      assertArrayEquals(expected(200_003).gradient(), sum.gradient(), 0);
    }
  }

  @Test
  void aWrongSecretIsRefused() {
    try (PeerFixture right = new PeerFixture(PeerFixture.encrypted("right"), 0, PATIENCE);
        PeerFixture wrong = new PeerFixture(PeerFixture.encrypted("wrong"), 0, PATIENCE)) {
      IllegalStateException e =
          assertThrows(
              IllegalStateException.class,
              () -> wrong.start(List.of(right.address(), wrong.address()), 1, MICRO_SHARDS, 10));
      assertTrue(
          e.getMessage().startsWith("the executor at " + right.address() + " refused"),
          e::getMessage);
    }
  }

  @Test
  void aMessageOfAnEarlierAttemptIsRefused() {
    try (PeerFixture now = new PeerFixture(PeerFixture.open(), 2, PATIENCE);
        PeerFixture straggler = new PeerFixture(PeerFixture.open(), 1, PATIENCE)) {
      straggler.start(List.of(now.address(), straggler.address()), 1, MICRO_SHARDS, 10);
      IllegalStateException e =
          assertThrows(IllegalStateException.class, () -> straggler.gather(new byte[0]));
      assertTrue(e.getMessage().contains("is gone: its connection ended"), e::getMessage);
    }
  }

  @Test
  void aProcessThatEndsIsNoticedAtOnce() {
    PeerFixture gone = new PeerFixture(PeerFixture.open(), 0, PATIENCE);
    try (PeerFixture left = new PeerFixture(PeerFixture.open(), 0, PATIENCE)) {
      left.start(List.of(gone.address(), left.address()), 1, MICRO_SHARDS, 10);
      gone.close();
      long start = System.nanoTime();
      IllegalStateException e =
          assertThrows(IllegalStateException.class, () -> left.gather(new byte[0]));
      assertTrue(
          e.getMessage().startsWith("worker 0 at " + gone.address() + " is gone"), e::getMessage);
      assertTrue(System.nanoTime() - start < PATIENCE.toNanos() / 2);
    }
  }

  @Test
  void aProcessThatDoesNotAnswerIsGivenUp() {
    Duration patience = Duration.ofSeconds(1);
    try (PeerFixture silent = new PeerFixture(PeerFixture.open(), 0, patience);
        PeerFixture left = new PeerFixture(PeerFixture.open(), 0, patience)) {
      left.start(List.of(silent.address(), left.address()), 1, MICRO_SHARDS, 10);
      IllegalStateException e =
          assertThrows(IllegalStateException.class, () -> left.gather(new byte[0]));
      assertTrue(e.getMessage().contains("has not answered for 1 s"), e::getMessage);
    }
  }

  /** What every process gets in the last of a few sums. */
  private static List<GradientSum> exchanged(int processes, int size, SparkConf conf)
      throws InterruptedException, ExecutionException {
    List<PeerFixture> peers = new ArrayList<>();
    ExecutorService threads = Executors.newFixedThreadPool(processes);
    try {
      for (int p = 0; p < processes; p++) {
        peers.add(new PeerFixture(conf, 0, PATIENCE));
      }
      List<String> addresses = peers.stream().map(PeerFixture::address).toList();
      List<Future<GradientSum>> futures = new ArrayList<>();
      for (int p = 0; p < processes; p++) {
        int self = p;
        futures.add(threads.submit(() -> last(peers.get(self), addresses, self, size)));
      }
      List<GradientSum> sums = new ArrayList<>();
      for (Future<GradientSum> future : futures) {
        sums.add(future.get());
      }
      return sums;
    } finally {
      threads.shutdownNow();
      peers.forEach(PeerFixture::close);
    }
  }

  private static GradientSum last(PeerFixture peer, List<String> addresses, int self, int size) {
    peer.start(addresses, self, MICRO_SHARDS, size);
    GradientSum sum = null;
    for (int round = 0; round < 5; round++) {
      sum = peer.sum(own(self, addresses.size(), size));
      assertEquals(addresses.size(), peer.gather(new byte[] {(byte) self}).size());
      sum = new GradientSum(sum.gradient().clone(), sum.sums(), sum.failure());
    }
    return sum;
  }

  private static List<FixedTree.Node<GradientSum>> own(int worker, int workers, int size) {
    List<FixedTree.Node<GradientSum>> leaves = new ArrayList<>();
    int end = WorkerLayout.firstMicroShard(worker + 1, workers, MICRO_SHARDS);
    for (int m = WorkerLayout.firstMicroShard(worker, workers, MICRO_SHARDS); m < end; m++) {
      leaves.add(FixedTree.leaf(m, gradient(m, size)));
    }
    return FixedTree.join(leaves, GradientSum::plus);
  }

  /** Numbers of many magnitudes, so that every order of summation has other bits. */
  private static GradientSum gradient(int microShard, int size) {
    UniformRandomProvider random = SeededRandom.create(3, microShard);
    float[] gradient = new float[size];
    for (int i = 0; i < size; i++) {
      gradient[i] = (float) ((random.nextDouble() - 0.5) * Math.exp(20 * random.nextDouble()));
    }
    LossSums sums = LossSums.of(1, random.nextDouble(), random.nextDouble(), 0, 0, 0, 0);
    return new GradientSum(gradient, sums, microShard == 5 ? "at micro-shard 5" : null);
  }

  private static GradientSum expected(int size) {
    List<FixedTree.Node<GradientSum>> leaves = new ArrayList<>();
    for (int m = 0; m < MICRO_SHARDS; m++) {
      leaves.add(FixedTree.leaf(m, gradient(m, size)));
    }
    return FixedTree.root(leaves, MICRO_SHARDS, GradientSum::plus);
  }
}
