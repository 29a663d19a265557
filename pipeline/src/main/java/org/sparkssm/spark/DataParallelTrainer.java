package org.sparkssm.spark;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.Dataset;
import org.apache.spark.storage.StorageLevel;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.kernel.Device;
import org.sparkssm.kernel.Kernels;
import org.sparkssm.model.HeadKind;
import org.sparkssm.model.ModelSpec;
import org.sparkssm.model.Scaling;
import org.sparkssm.model.SequenceModel;
import org.sparkssm.train.EpochOrder;
import org.sparkssm.train.GradientExchange;
import org.sparkssm.train.LocalExchange;
import org.sparkssm.train.MicroShard;
import org.sparkssm.train.Moments;
import org.sparkssm.train.TrainedModel;
import org.sparkssm.train.Trainer;
import org.sparkssm.train.TrainingListener;
import org.sparkssm.train.TrainingResult;
import org.sparkssm.train.TrainingSettings;

/**
 * Trains a model on the rows of a data set, synchronously and data-parallel over micro-shards. The
 * weights are the same bits for any partitions, cores, executors and either mode.
 *
 * @param spec with the sizes of input and output filled in
 * @param validationFraction share of rows kept for validation
 * @param device where the arithmetic runs
 * @param mode where the micro-shards live
 */
public record DataParallelTrainer(
    ModelSpec spec,
    TrainingSettings settings,
    double validationFraction,
    Device device,
    Mode mode,
    TrainingListener listener) {

  /** Where the micro-shards live. */
  public enum Mode {
    /** {@link #LOCAL} if Spark runs in this process, else {@link #ELASTIC}. */
    AUTO("auto"),
    /** In this process, without Spark jobs during the training. */
    LOCAL("local"),
    /** In Spark's cache, a job per step. */
    ELASTIC("elastic");

    private final String word;

    Mode(String word) {
      this.word = word;
    }

    /** The word for it in options. */
    public String word() {
      return word;
    }

    /** All words. */
    public static String[] words() {
      return Arrays.stream(values()).map(Mode::word).toArray(String[]::new);
    }

    /**
     * The mode of that word.
     *
     * @throws InvalidInputException for another word
     */
    public static Mode of(String word) {
      return Arrays.stream(values())
          .filter(mode -> mode.word.equals(word))
          .findFirst()
          .orElseThrow(
              () ->
                  new InvalidInputException(
                      "mode is '" + word + "', expected one of " + String.join(", ", words())));
    }
  }

  /**
   * Trains from the initial parameters.
   *
   * @param classes names of the classes; empty if they have none
   * @throws InvalidInputException if a row does not fit
   */
  public TrainedModel train(Dataset<?> dataset, SequenceReader reader, List<String> classes) {
    JavaSparkContext context =
        JavaSparkContext.fromSparkContext(dataset.sparkSession().sparkContext());
    boolean local = mode == Mode.LOCAL || (mode == Mode.AUTO && context.isLocal());
    int count = settings.microShards();
    int cores = Math.max(1, context.defaultParallelism());
    MicroShards micro =
        MicroShards.of(
            reader.read(dataset),
            reader.labelPerStep(),
            reader.idColumn().isEmpty(),
            count,
            Math.min(count, Integer.highestOneBit(cores)),
            validationFraction,
            settings.seed());
    JavaRDD<MicroShard> shards = micro.shards().persist(StorageLevel.MEMORY_AND_DISK());
    try {
      SequenceModel model = new SequenceModel(spec, scaling(micro, reader.channels()));
      EpochOrder order = EpochOrder.of(micro.trainingRows(), settings);
      try (Kernels kernels = device.open();
          GradientExchange exchange =
              local
                  ? new LocalExchange(model, collected(shards), order, cores, device::open)
                  : new ElasticExchange(context, shards, model, order, device)) {
        listener.begins(exchange.description(), micro.trainingRows(), micro.validationRows());
        TrainingResult result =
            new Trainer(model, settings, order, exchange, listener).train(kernels);
        return trained(micro, model, result, kernels.description(), classes);
      }
    } finally {
      shards.unpersist(false);
    }
  }

  private Scaling scaling(MicroShards micro, int channels) {
    boolean numbers = spec.head().kind() == HeadKind.REGRESSION;
    return micro.sum(shard -> Moments.of(shard, channels), Moments::plus).scaling(spec, numbers);
  }

  /** Partition by partition, so that one result is never larger than a partition. */
  private static List<MicroShard> collected(JavaRDD<MicroShard> shards) {
    List<MicroShard> collected = new ArrayList<>();
    shards.toLocalIterator().forEachRemaining(collected::add);
    shards.unpersist(false);
    return collected;
  }

  private TrainedModel trained(
      MicroShards micro,
      SequenceModel model,
      TrainingResult result,
      String description,
      List<String> classes) {
    return new TrainedModel(
        spec,
        model.scaling(),
        result.parameters(),
        classes,
        new TrainedModel.Training(
            micro.trainingRows(),
            micro.validationRows(),
            validationFraction,
            settings.seed(),
            result.epoch(),
            description,
            result.seconds(),
            result.sequencesPerSecond(),
            result.history()));
  }
}
