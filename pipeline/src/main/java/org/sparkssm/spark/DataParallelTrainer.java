package org.sparkssm.spark;

import java.util.Arrays;
import java.util.List;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.Dataset;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.kernel.Device;
import org.sparkssm.model.ModelSpec;
import org.sparkssm.train.TrainedModel;
import org.sparkssm.train.TrainingListener;
import org.sparkssm.train.TrainingSettings;

/**
 * Trains a model on the rows of a data set, synchronously and data-parallel over micro-shards. The
 * weights are the same bits for any partitions, cores, executors, either mode, restarts, and for a
 * training that was interrupted and resumed.
 *
 * @param spec with the sizes of input and output filled in
 * @param initial nullable: a trained model of the same spec, whose weights and scaling the training
 *     starts from; null: they are drawn from the spec's seed and measured on the training rows
 * @param validationFraction share of rows kept for validation
 * @param device where the arithmetic runs
 * @param mode how the workers run
 * @param checkpoints nullable: none are kept
 */
public record DataParallelTrainer(
    ModelSpec spec,
    TrainedModel initial,
    TrainingSettings settings,
    double validationFraction,
    Device device,
    Mode mode,
    Checkpoints checkpoints,
    TrainingListener listener) {
  private static final String DYNAMIC_ALLOCATION = "spark.dynamicAllocation.enabled";
  private static final String INTERRUPT = "spark.job.interruptOnCancel";

  /**
   * Where and how a training is kept.
   *
   * @param folder on any Hadoop file system
   * @param resume whether a training that is kept there goes on; if there is none, it begins
   */
  public record Checkpoints(String folder, boolean resume) {}

  /** How the workers run. */
  public enum Mode {
    /** {@link #BARRIER}, unless executors come and go by dynamic allocation. */
    AUTO("auto"),
    /** As tasks of one barrier job that lasts for the whole training and exchange gradients. */
    BARRIER("barrier"),
    /** As tasks of a Spark job per step, on executors that may come and go. */
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

    /**
     * The mode to train in.
     *
     * @throws InvalidInputException if this one is not possible
     */
    Mode chosen(JavaSparkContext context) {
      boolean dynamic = isDynamic(context);
      if (this == BARRIER && dynamic) {
        throw new InvalidInputException(
            "mode barrier needs executors that stay, and "
                + DYNAMIC_ALLOCATION
                + " is true; use mode elastic, or switch dynamic allocation off");
      }
      return this != AUTO ? this : dynamic ? ELASTIC : BARRIER;
    }

    /** Why {@link #chosen} is what it is. */
    String reason(JavaSparkContext context) {
      if (this != AUTO) {
        return "as asked for";
      }
      return isDynamic(context)
          ? "auto: executors come and go by dynamic allocation"
          : "auto: executors stay";
    }

    private static boolean isDynamic(JavaSparkContext context) {
      return !context.isLocal() && context.getConf().getBoolean(DYNAMIC_ALLOCATION, false);
    }
  }

  /**
   * Trains from the initial weights, or from where a checkpoint left off.
   *
   * @param classes names of the classes; empty if they have none
   * @throws InvalidInputException if a row does not fit, the mode is not possible, or the
   *     checkpoint folder cannot be used
   * @throws java.util.concurrent.CancellationException if the thread is interrupted or the jobs are
   *     cancelled
   */
  public TrainedModel train(Dataset<?> dataset, SequenceReader reader, List<String> classes) {
    JavaSparkContext context =
        JavaSparkContext.fromSparkContext(dataset.sparkSession().sparkContext());
    String interrupt = context.getLocalProperty(INTERRUPT);
    context.setLocalProperty(INTERRUPT, "true");
    try (TrainingRun run = new TrainingRun(this, context, dataset, reader)) {
      return run.train(classes);
    } catch (Exception e) { // Spark throws checked ones unannounced
      throw SparkJobs.failure(e);
    } finally {
      context.setLocalProperty(INTERRUPT, interrupt);
    }
  }
}
