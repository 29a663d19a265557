package org.sparkssm.spark;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SaveMode;
import org.apache.spark.sql.execution.QueryExecution;
import org.apache.spark.sql.util.QueryExecutionListener;

/**
 * Writes rows as Parquet shards, one per partition, and aggregates them on the way.
 *
 * <p>Spark's {@code Observation} is not used: a session that had one can no longer be serialized
 * (Spark 4.1.0), and MLlib's binary classifiers, whose summaries hold their session, then fail when
 * they score.
 */
final class ObservedWrite implements QueryExecutionListener {
  private static final int PATIENCE_SECONDS = 60;

  private final String name = "spark-ssm " + UUID.randomUUID();
  private final CompletableFuture<Row> metrics = new CompletableFuture<>();

  private ObservedWrite() {}

  /**
   * Adds shards to a folder.
   *
   * @param aggregates at least one, each with a name
   * @return the aggregates by name, null values included
   */
  static Map<String, Object> write(
      Dataset<Row> rows, List<Column> aggregates, OutputFolder folder) {
    ObservedWrite observer = new ObservedWrite();
    rows.sparkSession().listenerManager().register(observer);
    try {
      rows.observe(
              observer.name,
              aggregates.get(0),
              aggregates.subList(1, aggregates.size()).toArray(Column[]::new))
          .write()
          .mode(SaveMode.Append)
          .options(ParquetMemory.WRITER)
          .parquet(folder.folder().toString());
      Row found = observer.metrics.get(PATIENCE_SECONDS, TimeUnit.SECONDS);
      Map<String, Object> values = new HashMap<>();
      for (String column : found.schema().fieldNames()) {
        values.put(column, found.get(found.fieldIndex(column)));
      }
      return values;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while rows were written", e);
    } catch (TimeoutException | ExecutionException e) {
      throw new IllegalStateException(
          "Spark did not report the aggregates of the rows written within "
              + PATIENCE_SECONDS
              + " s; its listener bus may have dropped events",
          e);
    } finally {
      rows.sparkSession().listenerManager().unregister(observer);
    }
  }

  @Override
  @SuppressWarnings("GuardedBy") // observedMetrics() takes that lock itself
  public void onSuccess(String function, QueryExecution execution, long nanoseconds) {
    scala.Option<Row> found = execution.observedMetrics().get(name);
    if (found.isDefined()) {
      metrics.complete(found.get());
    }
  }

  @Override
  public void onFailure(String function, QueryExecution execution, Exception failure) {}
}
