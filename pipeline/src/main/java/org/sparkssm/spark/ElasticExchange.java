package org.sparkssm.spark;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import org.apache.spark.api.java.JavaFutureAction;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.util.LongAccumulator;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.kernel.CudaKernels;
import org.sparkssm.kernel.Device;
import org.sparkssm.kernel.Kernels;
import org.sparkssm.model.LossSums;
import org.sparkssm.model.ModelSpec;
import org.sparkssm.model.Scaling;
import org.sparkssm.model.SequenceModel;
import org.sparkssm.train.EpochOrder;
import org.sparkssm.train.FixedTree;
import org.sparkssm.train.GradientExchange;
import org.sparkssm.train.GradientSum;
import org.sparkssm.train.MicroShard;
import org.sparkssm.train.ShardStep;
import org.sparkssm.train.ShardWorker;
import org.sparkssm.train.Weights;

/**
 * One Spark job per optimizer step: tasks hold consecutive micro-shards in Spark's cache, return
 * the sums of whole subtrees, and the driver finishes the tree. Works with dynamic allocation and
 * with executors that come and go; a lost micro-shard is rebuilt from the data.
 */
final class ElasticExchange implements GradientExchange {
  private final JavaSparkContext context;
  private final JavaRDD<MicroShard> shards;
  private final int microShards;
  private final Setup setup;
  private String kernels;
  private String ownerOfKernels = "the driver";
  private boolean answered;

  /** What a task needs to make a worker; travels with every task. */
  private record Setup(
      String spec, Scaling scaling, EpochOrder order, Device device, LongAccumulator trained)
      implements Serializable {
    ShardWorker worker(Kernels kernels, float[] parameters) {
      ShardWorker worker =
          new ShardWorker(
              new SequenceModel(ModelSpec.parse(spec), scaling), order, order.seed(), kernels);
      worker.setParameters(parameters);
      return worker;
    }
  }

  /**
   * Sums over the micro-shards of a subtree, on their way to the driver. A class and not a record,
   * so that Kryo can carry it.
   */
  private static final class Subtree implements Serializable {
    private static final long serialVersionUID = 1L;

    private final int first;
    private final int size;
    private final float[] gradient;
    private final double[] sums;
    private final String failure;
    private final String kernels;

    Subtree(FixedTree.Node<GradientSum> node, String kernels) {
      GradientSum sum = node.sum();
      first = node.first();
      size = node.size();
      gradient = sum.gradient();
      sums = sum.sums().toArray();
      failure = sum.failure();
      this.kernels = kernels;
    }

    FixedTree.Node<GradientSum> node() {
      return new FixedTree.Node<>(
          first, size, new GradientSum(gradient, LossSums.of(sums), failure));
    }
  }

  /**
   * @param shards cached
   * @param trained counts sequences, for Spark's pages
   * @param kernels description of the driver's, which makes the optimizer steps
   */
  ElasticExchange(
      JavaSparkContext context,
      JavaRDD<MicroShard> shards,
      SequenceModel model,
      EpochOrder order,
      Device device,
      LongAccumulator trained,
      String kernels) {
    this.kernels = kernels;
    this.context = context;
    this.shards = shards;
    this.microShards = order.microShards();
    this.setup = new Setup(model.spec().toJson(), model.scaling(), order, device, trained);
  }

  @Override
  public String description() {
    return shards.getNumPartitions()
        + " tasks, a Spark job per step, "
        + microShards
        + " micro-shards";
  }

  @Override
  public GradientSum gradient(Weights weights, ShardStep step) {
    return sum(weights.values(), step);
  }

  @Override
  public LossSums evaluate(Weights weights) {
    return sum(weights.values(), null).sums();
  }

  /**
   * @param step null: validation
   */
  private GradientSum sum(float[] parameters, ShardStep step) {
    Broadcast<float[]> broadcast = context.broadcast(parameters);
    Setup taskSetup = setup;
    try {
      JavaFutureAction<List<Subtree>> job =
          shards
              .mapPartitions(part -> compute(part, taskSetup, broadcast.value(), step))
              .collectAsync();
      List<FixedTree.Node<GradientSum>> nodes = new ArrayList<>();
      for (Subtree subtree : SparkJobs.result(job)) {
        requireSameKernels(subtree);
        nodes.add(subtree.node());
      }
      return FixedTree.root(nodes, microShards, GradientSum::plus);
    } finally {
      broadcast.destroy();
    }
  }

  /** Tasks have the kernels of the driver, or all of them GPUs, which the driver need not have. */
  private void requireSameKernels(Subtree subtree) {
    if (!answered && CudaKernels.areDescribedBy(subtree.kernels)) {
      kernels = subtree.kernels;
      ownerOfKernels = "the executor of micro-shard " + subtree.first;
    }
    answered = true;
    if (!subtree.kernels.equals(kernels)) {
      throw new InvalidInputException(
          KernelsAgreement.difference(
              Map.of(
                  kernels,
                  List.of(ownerOfKernels),
                  subtree.kernels,
                  List.of("the executor of micro-shard " + subtree.first))));
    }
  }

  private static Iterator<Subtree> compute(
      Iterator<MicroShard> part, Setup setup, float[] parameters, ShardStep step) {
    List<FixedTree.Node<GradientSum>> nodes = new ArrayList<>();
    try (Kernels kernels = TaskDevice.open(setup.device())) {
      ShardWorker worker = setup.worker(kernels, parameters);
      while (part.hasNext()) {
        MicroShard shard = part.next();
        if (step == null) {
          GradientSum sum = new GradientSum(new float[0], worker.evaluate(shard), null);
          nodes.add(FixedTree.leaf(shard.number(), sum));
        } else {
          int[] shuffled =
              setup.order().shuffled(step.epoch(), shard.number(), shard.training().size());
          worker.add(shard, shuffled, step);
        }
      }
      nodes.addAll(worker.subtrees());
      setup.trained().add(worker.sequences());
      String description = worker.kernels();
      return FixedTree.join(nodes, GradientSum::plus).stream()
          .map(node -> new Subtree(node, description))
          .iterator();
    }
  }

  @Override
  public void close() {}
}
