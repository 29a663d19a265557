package org.sparkssm.spark;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.spark.SparkEnv;
import org.apache.spark.rpc.IsolatedThreadSafeRpcEndpoint;
import org.apache.spark.rpc.RpcCallContext;
import org.apache.spark.rpc.RpcEndpointRef;
import org.apache.spark.rpc.RpcEnv;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.train.EpochRecord;
import org.sparkssm.train.TrainingListener;
import scala.PartialFunction;
import scala.runtime.AbstractPartialFunction;
import scala.runtime.BoxedUnit;

/**
 * The driver's end of a barrier training, reached through Spark's own connection to the driver:
 * workers learn one another's addresses, worker 0 tells how it goes and has checkpoints committed.
 * What comes from an earlier attempt is refused.
 *
 * <p>Messages are JSON texts, since executors may lack our classes where Spark reads messages.
 */
final class TrainingCoordinator implements IsolatedThreadSafeRpcEndpoint, AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(TrainingCoordinator.class);
  private static final ObjectMapper JSON = new ObjectMapper();

  private final RpcEnv rpcEnv = SparkEnv.get().rpcEnv();
  private final RpcEndpointRef reference;
  private final TrainingListener listener;
  private final CheckpointKeeper.Committer committer;
  private final Map<Integer, Arrival> arrivals = new TreeMap<>();
  private long attempt = -1;
  private int workers;
  private int toldEpochs;
  private boolean came;

  /** A worker that waits for the others. */
  private record Arrival(String address, String kernels, RpcCallContext call) {}

  /**
   * @param name of the run, unique in the application
   * @param listener called by one thread at a time
   * @param committer of checkpoints; null: there are none
   */
  TrainingCoordinator(
      String name, TrainingListener listener, CheckpointKeeper.Committer committer) {
    this.listener = listener;
    this.committer = committer;
    this.reference = rpcEnv.setupEndpoint(name, this);
  }

  /**
   * From now on only messages of this attempt, or of later ones, count.
   *
   * @param newWorkers that will come
   */
  synchronized void begin(long newAttempt, int newWorkers) {
    attempt = newAttempt;
    workers = newWorkers;
    came = false;
    arrivals.clear();
  }

  /** Spark starts the tasks of a barrier job together, once there is room for all. */
  synchronized void tellIfNobodyCame() {
    if (!came) {
      LOG.warn(
          "The training waits for {} free slots at once; other jobs of this application hold some",
          workers);
    }
  }

  @Override
  public RpcEnv rpcEnv() {
    return rpcEnv;
  }

  @Override
  public PartialFunction<Object, BoxedUnit> receive() {
    return function(message -> hear(parsed(message)));
  }

  @Override
  public PartialFunction<Object, BoxedUnit> receiveAndReply(RpcCallContext call) {
    return function(message -> answer(parsed(message), call));
  }

  private interface Action {
    void on(String message);
  }

  private static PartialFunction<Object, BoxedUnit> function(Action action) {
    return new AbstractPartialFunction<>() {
      @Override
      public boolean isDefinedAt(Object message) {
        return message instanceof String;
      }

      @Override
      public BoxedUnit apply(Object message) {
        action.on((String) message);
        return BoxedUnit.UNIT;
      }
    };
  }

  private static JsonNode parsed(String message) {
    try {
      return JSON.readTree(message);
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException("a message is not JSON", e);
    }
  }

  private synchronized void hear(JsonNode message) {
    if (isStale(message)) {
      return;
    }
    try {
      if (message.has("progress")) {
        listener.progresses(
            JSON.treeToValue(message.path("progress"), TrainingListener.Progress.class));
      } else {
        tellEpoch(JSON.treeToValue(message.path("epoch"), EpochRecord.class));
      }
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException("a message has other parts than expected", e);
    }
  }

  /** A restarted training comes by some epochs again. */
  private void tellEpoch(EpochRecord epoch) {
    if (epoch.epoch() > toldEpochs) {
      toldEpochs = epoch.epoch();
      listener.epochEnds(epoch);
    }
  }

  /** Tells the epochs that have not been told. */
  synchronized void tellRest(List<EpochRecord> history) {
    history.forEach(this::tellEpoch);
  }

  /** An attempt of Spark's own within ours is later than the one before. */
  private boolean isStale(JsonNode message) {
    long theirs = message.path("attempt").asLong();
    if (theirs > attempt && theirs >> 16 == attempt >> 16) {
      begin(theirs, workers);
    }
    return theirs != attempt;
  }

  private synchronized void answer(JsonNode message, RpcCallContext call) {
    if (isStale(message)) {
      call.reply(JSON.createObjectNode().put("stale", true).toString());
    } else if (message.has("join")) {
      join(message, call);
    } else {
      call.reply(commit(message));
    }
  }

  private void join(JsonNode message, RpcCallContext call) {
    came = true;
    arrivals.put(
        message.path("join").asInt(),
        new Arrival(message.path("address").asText(), message.path("kernels").asText(), call));
    if (arrivals.size() < workers) {
      return;
    }
    Map<String, List<Integer>> kernels = new TreeMap<>();
    arrivals.forEach(
        (worker, arrival) ->
            kernels.computeIfAbsent(arrival.kernels(), k -> new ArrayList<>()).add(worker));
    String reply;
    if (kernels.size() > 1) {
      reply = error(KernelsAgreement.difference(kernels));
    } else {
      ObjectNode node = JSON.createObjectNode();
      arrivals.values().forEach(arrival -> node.withArray("addresses").add(arrival.address()));
      reply = node.toString();
    }
    arrivals.values().forEach(arrival -> arrival.call().reply(reply));
    arrivals.clear();
  }

  private String commit(JsonNode message) {
    CheckpointFolder.Written written =
        new CheckpointFolder.Written(
            message.path("step").asLong(),
            message.path("name").asText(),
            message.path("sha256").asText(),
            message.path("bytes").asLong());
    try {
      committer.commit(written);
      return "{}";
    } catch (InvalidInputException e) {
      return error(e.getMessage());
    } catch (IOException e) {
      LOG.debug("A checkpoint could not be committed", e);
      return JSON.createObjectNode().put("unwritten", HadoopFiles.reason(e)).toString();
    }
  }

  private static String error(String message) {
    return JSON.createObjectNode().put("error", message).toString();
  }

  @Override
  public void close() {
    rpcEnv.stop(reference);
  }
}
