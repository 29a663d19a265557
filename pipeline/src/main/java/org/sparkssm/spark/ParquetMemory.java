package org.sparkssm.spark;

import java.util.Map;
import org.apache.spark.sql.SparkSession;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps the memory of Spark's Parquet writer and reader small, whatever the rows hold: one sequence
 * may be a hundred megabytes among others of a kilobyte.
 */
final class ParquetMemory {
  private static final Logger LOG = LoggerFactory.getLogger(ParquetMemory.class);
  private static final String BATCH_ROWS_KEY = "spark.sql.parquet.columnarReaderBatchSize";
  private static final int ROW_GROUP_BYTES = 16 << 20;
  private static final int BATCH_BYTES = 32 << 20;
  private static final int LEVEL_BYTES = 2 * Integer.BYTES;

  /** Settings of the writer: small row groups, whose size is checked every few rows. */
  static final Map<String, String> WRITER =
      Map.of(
          "parquet.block.size", Integer.toString(ROW_GROUP_BYTES),
          "parquet.block.size.row.check.min", "1",
          "parquet.block.size.row.check.max", "10",
          "parquet.page.size.row.check.min", "1",
          "parquet.page.size.row.check.max", "10",
          "mapreduce.fileoutputcommitter.marksuccessfuljobs", "false");

  private ParquetMemory() {}

  /**
   * Lowers {@code spark.sql.parquet.columnarReaderBatchSize} of the session, the rows that the
   * vectorized reader takes at once, where a batch of the largest rows would exceed {@value
   * #BATCH_BYTES} bytes in a task.
   *
   * <p>For every value of an array the reader holds the value, a definition and a repetition level
   * of 4 bytes each, in buffers that grow by doubling: 4,096 rows of 2,000 values take 200 MB.
   *
   * @param values array values of the largest row
   * @param valueBytes bytes of one
   */
  static void limitReaderBatches(SparkSession spark, long values, int valueBytes) {
    long rowBytes = Math.max(1, 2 * values * (valueBytes + LEVEL_BYTES));
    long rows = Math.max(1, BATCH_BYTES / rowBytes);
    if (rows < Long.parseLong(spark.conf().get(BATCH_ROWS_KEY))) {
      LOG.info(
          "{} set to {}: the largest row takes {} bytes to read", BATCH_ROWS_KEY, rows, rowBytes);
      spark.conf().set(BATCH_ROWS_KEY, rows);
    }
  }
}
