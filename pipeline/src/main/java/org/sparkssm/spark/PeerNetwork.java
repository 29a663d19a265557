package org.sparkssm.spark;

import io.netty.channel.Channel;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.spark.SecurityManager;
import org.apache.spark.SparkConf;
import org.apache.spark.network.TransportContext;
import org.apache.spark.network.client.RpcResponseCallback;
import org.apache.spark.network.client.TransportClient;
import org.apache.spark.network.client.TransportClientBootstrap;
import org.apache.spark.network.client.TransportClientFactory;
import org.apache.spark.network.crypto.AuthClientBootstrap;
import org.apache.spark.network.crypto.AuthServerBootstrap;
import org.apache.spark.network.netty.SparkTransportConf;
import org.apache.spark.network.server.OneForOneStreamManager;
import org.apache.spark.network.server.RpcHandler;
import org.apache.spark.network.server.StreamManager;
import org.apache.spark.network.server.TransportServer;
import org.apache.spark.network.server.TransportServerBootstrap;
import org.apache.spark.network.util.TransportConf;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import scala.Option;

/**
 * Messages between the JVMs of one attempt of a training, over Spark's own network library: they
 * are authenticated and encrypted whenever Spark's are. A message of another run or of another
 * attempt is refused, and its connection closed.
 */
final class PeerNetwork implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(PeerNetwork.class);
  private static final String MODULE = "ssm";
  private static final int THREADS = 2;

  private final long run;
  private final long attempt;
  private final Mailbox mailbox;
  private final String host;
  private final TransportContext context;
  private final TransportServer server;
  private final TransportClientFactory factory;
  private final Map<Channel, Integer> peers = new ConcurrentHashMap<>();
  private final List<TransportClient> clients = new ArrayList<>();
  private volatile boolean closed;

  /**
   * Listens on a free port.
   *
   * @param host under which other machines reach this one
   * @param timeout of connecting
   */
  PeerNetwork(
      SparkConf conf,
      SecurityManager security,
      String host,
      long run,
      long attempt,
      Duration timeout,
      Mailbox mailbox) {
    this.run = run;
    this.attempt = attempt;
    this.host = host;
    this.mailbox = mailbox;
    SparkConf own = conf.clone();
    own.setIfMissing(
        "spark." + MODULE + ".io.connectionCreationTimeout", timeout.toMillis() + "ms");
    own.setIfMissing("spark." + MODULE + ".io.maxRetries", "0");
    TransportConf transport =
        SparkTransportConf.fromSparkConf(
            own,
            MODULE,
            THREADS,
            Option.empty(),
            security.isSslRpcEnabled()
                ? Option.apply(security.getRpcSSLOptions())
                : Option.empty());
    List<TransportServerBootstrap> serverSide = new ArrayList<>();
    List<TransportClientBootstrap> clientSide = new ArrayList<>();
    if (security.isAuthenticationEnabled()) {
      serverSide.add(new AuthServerBootstrap(transport, security));
      clientSide.add(new AuthClientBootstrap(transport, conf.getAppId(), security));
    }
    context = new TransportContext(transport, new Handler());
    server = listen(serverSide);
    factory = context.createClientFactory(clientSide);
  }

  /** On the advertised address, or, where that is not one of this machine's own, on all. */
  private TransportServer listen(List<TransportServerBootstrap> bootstraps) {
    try {
      return context.createServer(host, 0, bootstraps);
    } catch (RuntimeException e) {
      LOG.debug("{} cannot be listened on, all addresses are used", host, e);
      return context.createServer(0, bootstraps);
    }
  }

  /** Where others find this JVM. */
  String address() {
    return host + ":" + server.getPort();
  }

  /**
   * Connects to all other JVMs.
   *
   * @param addresses of all, by number
   * @param self number of this one
   */
  void connect(List<String> addresses, int self) {
    for (int peer = 0; peer < addresses.size(); peer++) {
      clients.add(peer == self ? null : connected(addresses.get(peer), peer));
    }
  }

  private TransportClient connected(String address, int peer) {
    int colon = address.lastIndexOf(':');
    try {
      TransportClient client =
          factory.createClient(
              address.substring(0, colon), Integer.parseInt(address.substring(colon + 1)));
      peers.put(client.getChannel(), peer);
      return client;
    } catch (IOException e) {
      throw new UncheckedIOException(
          "the executor at " + address + " cannot be connected to: " + rootMessage(e), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new CancellationException("the training was interrupted");
    } catch (RuntimeException e) {
      throw new IllegalStateException(
          "the executor at " + address + " refused the connection: " + rootMessage(e), e);
    }
  }

  private static String rootMessage(Throwable failure) {
    Throwable root = failure;
    while (root.getCause() != null) {
      root = root.getCause();
    }
    return root.getClass().getSimpleName() + ": " + root.getMessage();
  }

  /**
   * Queues a message.
   *
   * @param message unchanged until it is known to have arrived
   */
  void send(int peer, ByteBuffer message) {
    clients.get(peer).send(message);
  }

  @Override
  public void close() {
    closed = true;
    factory.close();
    server.close();
    context.close();
  }

  private final class Handler extends RpcHandler {
    private final StreamManager streams = new OneForOneStreamManager();

    @Override
    public void receive(TransportClient client, ByteBuffer bytes) {
      PeerMessage message;
      try {
        message = PeerMessage.from(bytes);
      } catch (IllegalArgumentException e) {
        refuse(client, e.getMessage());
        return;
      }
      if (message.run() != run || message.attempt() != attempt) {
        refuse(
            client,
            "it is of run %x, attempt %d, expected run %x, attempt %d"
                .formatted(message.run(), message.attempt(), run, attempt));
        return;
      }
      peers.put(client.getChannel(), message.sender());
      mailbox.put(message);
    }

    private void refuse(TransportClient client, String reason) {
      LOG.info("A message from {} is refused: {}", client.getSocketAddress(), reason);
      var unused = client.getChannel().close();
    }

    @Override
    public void receive(TransportClient client, ByteBuffer message, RpcResponseCallback callback) {
      callback.onFailure(new UnsupportedOperationException("no requests are answered here"));
    }

    @Override
    public StreamManager getStreamManager() {
      return streams;
    }

    @Override
    public void channelInactive(TransportClient client) {
      Integer peer = peers.get(client.getChannel());
      if (peer != null && !closed) {
        mailbox.lose(peer, "its connection ended");
      }
    }

    @Override
    public void exceptionCaught(Throwable cause, TransportClient client) {
      Integer peer = peers.get(client.getChannel());
      if (peer != null && !closed) {
        mailbox.lose(peer, rootMessage(cause));
      }
    }
  }
}
