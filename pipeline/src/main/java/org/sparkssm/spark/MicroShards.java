package org.sparkssm.spark;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.function.BinaryOperator;
import org.apache.spark.Partitioner;
import org.apache.spark.SparkConf;
import org.apache.spark.SparkEnv;
import org.apache.spark.api.java.JavaPairRDD;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.function.Function;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.data.Split;
import org.sparkssm.train.FixedTree;
import org.sparkssm.train.LabelledSequence;
import org.sparkssm.train.MicroShard;
import scala.Tuple2;

/**
 * Puts the rows of a data set into micro-shards: training rows and validation rows are ranked by
 * id, each by itself; micro-shard = rank mod S. The content of a micro-shard is a function of the
 * rows alone, not of their partitions.
 *
 * @param shards a partition holds consecutive micro-shards
 * @param count S
 * @param trainingRows of all micro-shards
 * @param validationRows of all micro-shards
 */
public record MicroShards(
    JavaRDD<MicroShard> shards, int count, long trainingRows, long validationRows) {
  /**
   * Bytes of sequences that a training keeps in the memory of one process, default an eighth of the
   * heap; what is beyond lies in files under Spark's local directory until the training ends.
   */
  public static final String MEMORY = "spark.ssm.trainingMemory";

  /** A key is micro-shard, then training (0) or validation (1), then place in the micro-shard. */
  private static final int PLACE_BITS = 44;

  /**
   * Ranks and distributes the rows.
   *
   * @param idsRepeat whether rows of one id are equal rows, so that their order does not matter
   * @param partitions of the result, up to {@code count}; {@link WorkerLayout} says which has what
   * @throws InvalidInputException if an id occurs twice or no training row is left
   */
  public static MicroShards of(
      JavaRDD<LabelledSequence> sequences,
      boolean labelPerStep,
      boolean idsRepeat,
      int count,
      int partitions,
      double validationFraction,
      long seed) {
    JavaPairRDD<Long, LabelledSequence> sorted =
        sequences.mapToPair(sequence -> new Tuple2<>(sequence.id(), sequence)).sortByKey();
    List<long[]> counts =
        sorted
            .mapPartitions(
                rows -> List.of(countRows(rows, idsRepeat, validationFraction, seed)).iterator())
            .collect();
    long[] totals = new long[2];
    List<long[]> firsts = new ArrayList<>();
    for (long[] part : counts) {
      firsts.add(totals.clone());
      totals[0] += part[0];
      totals[1] += part[1];
    }
    if (totals[0] == 0) {
      throw new InvalidInputException(
          totals[1] == 0
              ? "the data set is empty, expected rows to train on"
              : "all "
                  + totals[1]
                  + " rows fell to the validation split, none is left to train on");
    }
    JavaRDD<MicroShard> shards =
        JavaPairRDD.fromJavaRDD(
                sorted.mapPartitionsWithIndex(
                    (partition, rows) ->
                        new Keyed(rows, firsts.get(partition), count, validationFraction, seed),
                    true))
            .repartitionAndSortWithinPartitions(new ByMicroShard(count, partitions))
            .mapPartitionsWithIndex(
                (partition, rows) -> pack(rows, partition, count, partitions, labelPerStep), true);
    return new MicroShards(shards, count, totals[0], totals[1]);
  }

  private static long memoryBytes(SparkConf conf) {
    return conf.getSizeAsBytes(MEMORY, Runtime.getRuntime().maxMemory() / 8 + "b");
  }

  private static long[] countRows(
      Iterator<Tuple2<Long, LabelledSequence>> rows,
      boolean idsRepeat,
      double validationFraction,
      long seed) {
    long[] counts = new long[2];
    Long previous = null;
    while (rows.hasNext()) {
      LabelledSequence row = rows.next()._2;
      Long id = row.id();
      if (!idsRepeat && id.equals(previous)) {
        throw new InvalidInputException(
            "the id " + id + " occurs more than once, expected each id once");
      }
      previous = id;
      counts[kind(row, validationFraction, seed)]++;
    }
    return counts;
  }

  /** 0: training; 1: validation. */
  private static int kind(LabelledSequence row, double validationFraction, long seed) {
    boolean validates =
        row.isMarkedForValidation() || Split.isValidation(row.id(), validationFraction, seed);
    return validates ? 1 : 0;
  }

  private static Iterator<MicroShard> pack(
      Iterator<Tuple2<Long, LabelledSequence>> rows,
      int partition,
      int count,
      int partitions,
      boolean labelPerStep) {
    int first = WorkerLayout.firstMicroShard(partition, partitions, count);
    int end = WorkerLayout.firstMicroShard(partition + 1, partitions, count);
    long memory = memoryBytes(SparkEnv.get().conf()) / (2L * count);
    List<SequenceCollector> collectors = new ArrayList<>();
    for (int i = 0; i < 2 * (end - first); i++) {
      collectors.add(new SequenceCollector(labelPerStep, memory));
    }
    while (rows.hasNext()) {
      Tuple2<Long, LabelledSequence> row = rows.next();
      int kind = (int) (row._1 >>> (PLACE_BITS - 1)) - 2 * first;
      collectors.get(kind).add(kind % 2 == 0 ? row._2 : row._2.inValidation());
    }
    List<MicroShard> shards = new ArrayList<>();
    for (int m = first; m < end; m++) {
      SequenceCollector training = collectors.get(2 * (m - first));
      SequenceCollector validation = collectors.get(2 * (m - first) + 1);
      shards.add(new MicroShard(m, training.finish(), validation.finish()));
    }
    return shards.iterator();
  }

  /**
   * The sum of a function of each micro-shard, along the fixed tree.
   *
   * @param function its results travel to the driver
   */
  public <T> T sum(Function<MicroShard, T> function, BinaryOperator<T> plus) {
    List<FixedTree.Node<T>> nodes = new ArrayList<>();
    shards
        .mapToPair(shard -> new Tuple2<>(shard.number(), function.call(shard)))
        .collect()
        .forEach(pair -> nodes.add(FixedTree.leaf(pair._1, pair._2)));
    return FixedTree.root(nodes, count, plus);
  }

  /** Gives each row its key. */
  private static final class Keyed implements Iterator<Tuple2<Long, LabelledSequence>> {
    private final Iterator<Tuple2<Long, LabelledSequence>> rows;
    private final long[] ranks;
    private final int count;
    private final double validationFraction;
    private final long seed;

    Keyed(
        Iterator<Tuple2<Long, LabelledSequence>> rows,
        long[] firstRanks,
        int count,
        double validationFraction,
        long seed) {
      this.rows = rows;
      this.ranks = firstRanks.clone();
      this.count = count;
      this.validationFraction = validationFraction;
      this.seed = seed;
    }

    @Override
    public boolean hasNext() {
      return rows.hasNext();
    }

    @Override
    public Tuple2<Long, LabelledSequence> next() {
      Tuple2<Long, LabelledSequence> row = rows.next();
      int kind = kind(row._2, validationFraction, seed);
      long rank = ranks[kind]++;
      long key =
          ((rank % count) << PLACE_BITS) | ((long) kind << (PLACE_BITS - 1)) | (rank / count);
      return new Tuple2<>(key, row._2);
    }
  }

  /** Consecutive micro-shards to each partition. */
  private static final class ByMicroShard extends Partitioner {
    private static final long serialVersionUID = 1L;

    private final int count;
    private final int partitions;

    ByMicroShard(int count, int partitions) {
      this.count = count;
      this.partitions = partitions;
    }

    @Override
    public int numPartitions() {
      return partitions;
    }

    @Override
    public int getPartition(Object key) {
      return WorkerLayout.workerOf((int) ((long) key >>> PLACE_BITS), partitions, count);
    }

    @Override
    public boolean equals(Object other) {
      return other instanceof ByMicroShard that
          && count == that.count
          && partitions == that.partitions;
    }

    @Override
    public int hashCode() {
      return 31 * count + partitions;
    }
  }
}
