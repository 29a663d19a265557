package org.sparkssm.spark;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.BooleanSupplier;
import org.apache.spark.SparkEnv;
import org.apache.spark.rpc.RpcEndpointRef;
import org.apache.spark.rpc.RpcTimeout;
import org.apache.spark.util.RpcUtils;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.train.EpochRecord;
import org.sparkssm.train.TrainingListener;
import scala.concurrent.duration.FiniteDuration;
import scala.jdk.javaapi.FutureConverters;
import scala.reflect.ClassTag$;

/** A worker's end of the {@link TrainingCoordinator}. */
final class CoordinatorClient implements TrainingListener {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int POLL_MILLIS = 100;

  private final RpcEndpointRef driver;
  private final long attempt;
  private final Duration timeout;
  private final BooleanSupplier cancelled;

  /**
   * @param timeout of every wait
   * @param cancelled asked often
   */
  CoordinatorClient(String name, long attempt, Duration timeout, BooleanSupplier cancelled) {
    SparkEnv env = SparkEnv.get();
    this.driver = RpcUtils.makeDriverRef(name, env.conf(), env.rpcEnv());
    this.attempt = attempt;
    this.timeout = timeout;
    this.cancelled = cancelled;
  }

  /** The addresses of all workers, once all have come. */
  List<String> join(int worker, String address, String kernels) {
    JsonNode answer =
        ask(
            JSON.createObjectNode()
                .put("join", worker)
                .put("address", address)
                .put("kernels", kernels),
            "the other workers have not come");
    List<String> addresses = new ArrayList<>();
    answer.path("addresses").forEach(node -> addresses.add(node.asText()));
    return addresses;
  }

  /**
   * Has a written state made a checkpoint.
   *
   * @throws IOException if that did not work out
   * @throws InvalidInputException if it must not be
   */
  void commit(CheckpointFolder.Written written) throws IOException {
    JsonNode answer =
        ask(
            JSON.createObjectNode()
                .put("step", written.step())
                .put("name", written.name())
                .put("sha256", written.sha256())
                .put("bytes", written.bytes()),
            "the driver has not committed a checkpoint");
    if (answer.has("unwritten")) {
      throw new IOException(answer.path("unwritten").asText());
    }
  }

  private JsonNode ask(ObjectNode message, String missing) {
    message.put("attempt", attempt);
    CompletableFuture<String> answer =
        FutureConverters.asJava(
                driver.<String>ask(
                    message.toString(),
                    new RpcTimeout(
                        FiniteDuration.apply(timeout.toMillis(), TimeUnit.MILLISECONDS),
                        TrainingKeys.EXCHANGE_TIMEOUT),
                    ClassTag$.MODULE$.apply(String.class)))
            .toCompletableFuture();
    long deadline = System.nanoTime() + timeout.toNanos();
    while (true) {
      try {
        return withoutError(answer.get(POLL_MILLIS, TimeUnit.MILLISECONDS));
      } catch (TimeoutException e) {
        if (cancelled.getAsBoolean()) {
          throw new CancellationException("the training was cancelled");
        }
        if (System.nanoTime() - deadline > 0) {
          throw late(missing, e);
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new CancellationException("the training was interrupted");
      } catch (ExecutionException e) {
        throw late(missing, e.getCause());
      }
    }
  }

  private IllegalStateException late(String missing, Throwable cause) {
    return new IllegalStateException(
        "%s within %d s (%s): %s"
            .formatted(
                missing, timeout.toSeconds(), TrainingKeys.EXCHANGE_TIMEOUT, cause.getMessage()),
        cause);
  }

  private static JsonNode withoutError(String answer) {
    JsonNode node;
    try {
      node = JSON.readTree(answer);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("the driver's answer is not JSON", e);
    }
    if (node.has("stale")) {
      throw new IllegalStateException("this attempt of the training has been given up");
    }
    if (node.has("error")) {
      throw new InvalidInputException(node.path("error").asText());
    }
    return node;
  }

  @Override
  public void progresses(Progress progress) {
    tell("progress", progress);
  }

  @Override
  public void epochEnds(EpochRecord record) {
    tell("epoch", record);
  }

  private void tell(String what, Object value) {
    ObjectNode message = JSON.createObjectNode().put("attempt", attempt);
    message.set(what, JSON.valueToTree(value));
    driver.send(message.toString());
  }
}
