package org.sparkssm.ml;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import org.apache.spark.Partitioner;
import org.apache.spark.api.java.JavaPairRDD;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.ml.linalg.Vector;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.train.TriangularFactor;
import scala.Tuple2;

/**
 * The triangular factor of {@code [1, features, labels]} over the rows of a data set, reduced in
 * micro-shards: micro-shard = rank by id mod their number, rows in the order of ranks, factors
 * joined in a binary tree over micro-shard numbers.
 *
 * @param rows columns (id bigint, features vector, labels vector)
 */
record MicroShardQr(Dataset<Row> rows, boolean intercept, int features, int outputs) {

  /** Takes the sizes from a first row. */
  static MicroShardQr of(Dataset<Row> rows, boolean intercept) {
    List<Row> first = rows.takeAsList(1);
    if (first.isEmpty()) {
      throw new InvalidInputException("there are no rows to fit a linear readout to");
    }
    Vector features = vector(first.get(0), 1, "features");
    Vector labels = vector(first.get(0), 2, "labels");
    return new MicroShardQr(rows, intercept, features.size(), labels.size());
  }

  /** The factor of all rows. */
  TriangularFactor factor(int microShards) {
    JavaPairRDD<Integer, TriangularFactor.Packed> level = microShardFactors(microShards);
    for (int count = microShards; count > 1; count /= 2) {
      level =
          level
              .mapToPair(part -> new Tuple2<>(part._1 / 2, part))
              .groupByKey(count / 2)
              .mapValues(MicroShardQr::join);
    }
    return level.first()._2.unpack();
  }

  private JavaPairRDD<Integer, TriangularFactor.Packed> microShardFactors(int microShards) {
    JavaRDD<Row> sorted = rows.sort("id").javaRDD();
    boolean withOnes = intercept;
    int p = features;
    int k = outputs;
    int columns = (withOnes ? 1 : 0) + p + k;
    return JavaPairRDD.fromJavaRDD(
        sorted
            .zipWithIndex()
            .mapPartitionsToPair(ranked -> new DenseRows(ranked, withOnes, p, k))
            .repartitionAndSortWithinPartitions(new ByRank(microShards))
            .mapPartitionsWithIndex(
                (microShard, ranked) -> {
                  TriangularFactor factor = new TriangularFactor(columns);
                  ranked.forEachRemaining(row -> factor.add(row._2));
                  return List.of(new Tuple2<>(microShard, factor.pack())).iterator();
                },
                true));
  }

  private static TriangularFactor.Packed join(
      Iterable<Tuple2<Integer, TriangularFactor.Packed>> pair) {
    List<Tuple2<Integer, TriangularFactor.Packed>> ordered = new ArrayList<>();
    pair.forEach(ordered::add);
    ordered.sort((left, right) -> Integer.compare(left._1, right._1));
    TriangularFactor joined = ordered.get(0)._2.unpack();
    joined.merge(ordered.get(1)._2.unpack());
    return joined.pack();
  }

  private static Vector vector(Row row, int field, String what) {
    if (row.isNullAt(0)) {
      throw new InvalidInputException("a row has no id, expected an integer in every row");
    }
    if (row.isNullAt(field)) {
      throw new InvalidInputException("row id " + row.getLong(0) + " has no " + what);
    }
    return row.getAs(field);
  }

  private static final class ByRank extends Partitioner {
    private static final long serialVersionUID = 1L;

    private final int microShards;

    ByRank(int microShards) {
      this.microShards = microShards;
    }

    @Override
    public int numPartitions() {
      return microShards;
    }

    @Override
    public int getPartition(Object rank) {
      return (int) ((long) rank % microShards);
    }
  }

  /** Turns rows sorted by id into (rank, numbers), and refuses what has no place in a factor. */
  private static final class DenseRows implements Iterator<Tuple2<Long, double[]>> {
    private final Iterator<Tuple2<Row, Long>> ranked;
    private final boolean withOnes;
    private final int features;
    private final int outputs;
    private Long previousId;

    DenseRows(Iterator<Tuple2<Row, Long>> ranked, boolean withOnes, int features, int outputs) {
      this.ranked = ranked;
      this.withOnes = withOnes;
      this.features = features;
      this.outputs = outputs;
    }

    @Override
    public boolean hasNext() {
      return ranked.hasNext();
    }

    @Override
    public Tuple2<Long, double[]> next() {
      Tuple2<Row, Long> next = ranked.next();
      Row row = next._1;
      int first = withOnes ? 1 : 0;
      double[] numbers = new double[first + features + outputs];
      if (withOnes) {
        numbers[0] = 1;
      }
      copy(row, 1, "features", features, numbers, first);
      copy(row, 2, "labels", outputs, numbers, first + features);
      refuseRepeatedId(row.getLong(0));
      return new Tuple2<>(next._2, numbers);
    }

    private static void copy(Row row, int field, String what, int size, double[] to, int offset) {
      double[] values = vector(row, field, what).toArray();
      if (values.length != size) {
        throw new InvalidInputException(
            "row id %d has %d %s, expected %d as in another row"
                .formatted(row.getLong(0), values.length, what, size));
      }
      for (int i = 0; i < size; i++) {
        if (!Double.isFinite(values[i])) {
          throw new InvalidInputException(
              "row id %d has the value %s at position %d of its %s, expected finite numbers"
                  .formatted(row.getLong(0), values[i], i, what));
        }
        to[offset + i] = values[i];
      }
    }

    private void refuseRepeatedId(long id) {
      if (previousId != null && previousId == id) {
        throw new InvalidInputException("row id " + id + " occurs twice, expected each id once");
      }
      previousId = id;
    }
  }
}
