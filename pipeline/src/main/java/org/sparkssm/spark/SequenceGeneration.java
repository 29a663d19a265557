package org.sparkssm.spark;

import java.util.Iterator;
import java.util.Optional;
import java.util.stream.LongStream;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.types.StructType;
import org.sparkssm.data.DataSetManifest;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.data.PathScale;
import org.sparkssm.data.SequenceGenerator;
import org.sparkssm.data.SequenceGenerator.RawMaxima;

/**
 * Generates a data set as a Spark job: one task and one shard per contiguous range of ids, rows
 * streamed.
 */
public final class SequenceGeneration {
  private SequenceGeneration() {}

  /**
   * Generates and writes sequences 0 to count - 1.
   *
   * @param generator whose scale, if it needs one, is found by a first pass over the same sequences
   * @param count number of sequences, at least 1
   * @param shards number of files, at most {@code count} are written
   * @param scaleFrom a data set of the same task whose scale is taken over
   * @param output folder
   * @param overwrite whether an existing data set may be replaced
   */
  public static DataSetManifest generate(
      SparkSession spark,
      SequenceGenerator generator,
      long count,
      int shards,
      Optional<String> scaleFrom,
      String output,
      boolean overwrite) {
    if (count < 1 || shards < 1) {
      throw new InvalidInputException(
          "a data set needs at least one sequence and one shard, found count "
              + count
              + " and shards "
              + shards);
    }
    SequenceStore.checkOutput(spark, output, overwrite);
    int tasks = (int) Math.min(shards, count);
    SequenceGenerator scaled = scaled(spark, generator, count, tasks, scaleFrom);
    DataSetManifest.Builder manifest = describe(scaled, SequenceStore.nameOf(output), count);
    StructType schema = SequenceRows.generatedSchema(manifest);
    JavaRDD<InternalRow> rows =
        tasks(spark, tasks)
            .mapPartitions(ranges -> generateRows(scaled, schema, ranges.next(), count, tasks));
    return SequenceStore.write(
        SequenceRows.dataset(spark, rows, schema), manifest, output, overwrite);
  }

  private static DataSetManifest.Builder describe(
      SequenceGenerator generator, String name, long count) {
    DataSetManifest.Builder described = DataSetManifest.builder(name);
    generator.describe(described);
    return described.parameter("count", count);
  }

  private static SequenceGenerator scaled(
      SparkSession spark,
      SequenceGenerator generator,
      long count,
      int tasks,
      Optional<String> scaleFrom) {
    if (!generator.needsScale()) {
      if (scaleFrom.isPresent()) {
        throw new InvalidInputException(
            "--scale-from has no meaning for a task whose sequences are not scaled");
      }
      return generator;
    }
    if (scaleFrom.isPresent()) {
      return generator.scaledBy(scaleOf(spark, generator, scaleFrom.get()));
    }
    RawMaxima maxima =
        tasks(spark, tasks)
            .map(task -> maximaOf(generator, task, count, tasks))
            .reduce(RawMaxima::max);
    return generator.scaledBy(generator.scaleOf(maxima));
  }

  private static PathScale scaleOf(SparkSession spark, SequenceGenerator generator, String path) {
    DataSetManifest other = SequenceStore.readManifest(spark, path);
    DataSetManifest.Builder own = DataSetManifest.builder("own");
    generator.describe(own);
    Object ownWord = own.build().parameters().get("word");
    if (other.generator() == null || !ownWord.equals(other.parameters().get("word"))) {
      throw new InvalidInputException(
          "--scale-from "
              + path
              + " is a data set of task "
              + other.generator()
              + " with word "
              + other.parameters().get("word")
              + ", expected one with word "
              + ownWord);
    }
    return new PathScale(other.valueScale(), other.label().scale());
  }

  /** One element per partition: the partition's number. */
  private static JavaRDD<Integer> tasks(SparkSession spark, int tasks) {
    return JavaSparkContext.fromSparkContext(spark.sparkContext())
        .parallelize(java.util.stream.IntStream.range(0, tasks).boxed().toList(), tasks);
  }

  private static LongStream range(int task, long count, int tasks) {
    return LongStream.range(firstId(task, count, tasks), firstId(task + 1, count, tasks));
  }

  private static long firstId(int task, long count, int tasks) {
    return count / tasks * task + Math.min(task, count % tasks);
  }

  private static RawMaxima maximaOf(SequenceGenerator generator, int task, long count, int tasks) {
    return range(task, count, tasks)
        .mapToObj(generator::rawMaxima)
        .reduce(RawMaxima.NONE, RawMaxima::max);
  }

  private static Iterator<InternalRow> generateRows(
      SequenceGenerator generator, StructType schema, int task, long count, int tasks) {
    return range(task, count, tasks)
        .mapToObj(id -> SequenceRows.generatedRow(generator.sequence(id), schema))
        .iterator();
  }
}
