package org.sparkssm.spark;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.spark.SparkConf;
import org.sparkssm.model.LossSums;
import org.sparkssm.train.FixedTree;
import org.sparkssm.train.GradientSum;

/**
 * One process of {@code src/bench/training.py}: sums gradients with the others and prints the
 * quantiles of the time of one sum as JSON. Arguments: number of this process, number of
 * parameters, number of sums, {@code open} or {@code encrypted}. Prints its address, and reads
 * those of all, separated by blanks, from standard input.
 */
final class ExchangeBenchmark {
  private ExchangeBenchmark() {}

  public static void main(String[] arguments) throws IOException {
    int self = Integer.parseInt(arguments[0]);
    int parameters = Integer.parseInt(arguments[1]);
    int sums = Integer.parseInt(arguments[2]);
    SparkConf conf =
        arguments[3].equals("encrypted") ? PeerFixture.encrypted("secret") : PeerFixture.open();
    BufferedReader in =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    try (PeerFixture peer = new PeerFixture(conf, 0, Duration.ofSeconds(60))) {
      System.out.println(peer.address());
      List<String> addresses = Arrays.asList(in.readLine().strip().split(" "));
      peer.start(addresses, self, addresses.size(), parameters);
      double[] micros = new double[sums];
      float[] gradient = new float[parameters];
      for (int i = -sums; i < sums; i++) { // the first half warms up
        peer.gather(new byte[0]);
        long before = System.nanoTime();
        List<FixedTree.Node<GradientSum>> own = new ArrayList<>();
        own.add(FixedTree.leaf(self, new GradientSum(gradient, LossSums.ZERO, null)));
        float[] sum = peer.sum(own).gradient();
        if (i >= 0) {
          micros[i] = (System.nanoTime() - before) * 1e-3;
        }
        if (sum[0] != 0) {
          throw new IllegalStateException("zeros add up to " + sum[0]);
        }
      }
      peer.gather(new byte[0]);
      Arrays.sort(micros);
      System.out.printf(
          "{\"p10\": %.1f, \"median\": %.1f, \"p90\": %.1f}%n",
          micros[sums / 10], micros[sums / 2], micros[sums - 1 - sums / 10]);
    }
  }
}
