package org.sparkssm.spark;

import java.time.Duration;
import java.util.List;
import org.apache.spark.SecurityManager;
import org.apache.spark.SparkConf;
import org.sparkssm.train.FixedTree;
import org.sparkssm.train.GradientSum;

/** One JVM's part in an exchange, without Spark around it. */
final class PeerFixture implements AutoCloseable {
  static final long RUN = 7;

  private final Mailbox mailbox;
  private final PeerNetwork network;
  private final long attempt;
  private ProcessExchange exchange;

  PeerFixture(SparkConf conf, long attempt, Duration timeout) {
    this.attempt = attempt;
    mailbox = new Mailbox(timeout);
    network =
        new PeerNetwork(
            conf,
            new SecurityManager(
                conf, scala.Option.empty(), SecurityManager.$lessinit$greater$default$3()),
            "127.0.0.1",
            RUN,
            attempt,
            timeout,
            mailbox);
  }

  static SparkConf open() {
    return new SparkConf(false).set("spark.app.id", "exchange");
  }

  static SparkConf encrypted(String secret) {
    return open()
        .set("spark.authenticate", "true")
        .set("spark.authenticate.secret", secret)
        .set("spark.network.crypto.enabled", "true");
  }

  String address() {
    return network.address();
  }

  /** Connects to all; the worker is also the number of the JVM. */
  void start(List<String> addresses, int self, int microShards, int parameters) {
    network.connect(addresses, self);
    exchange =
        new ProcessExchange(
            WorkerLayout.of(addresses, microShards),
            self,
            parameters,
            RUN,
            attempt,
            network,
            mailbox);
  }

  GradientSum sum(List<FixedTree.Node<GradientSum>> own) {
    return exchange.sum(own, () -> false);
  }

  List<byte[]> gather(byte[] own) {
    return exchange.gather(own, () -> false);
  }

  @Override
  public void close() {
    network.close();
  }
}
