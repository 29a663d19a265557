package org.sparkssm.ml;

import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import org.apache.spark.ml.linalg.SQLDataTypes;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.LongType;
import org.apache.spark.sql.types.StructType;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.data.SequenceSchema;
import org.sparkssm.signature.SignatureKernel;
import org.sparkssm.signature.SignatureSize;
import org.sparkssm.spark.PartitionMap;

/**
 * Gram matrices of the signature kernel ({@link SignatureKernel}) over data sets, and the maximum
 * mean discrepancy of two.
 *
 * <p>Data sets have the columns {@code id} (bigint, unique) and {@code values} (array of floats or
 * doubles, {@code [length x channels]} row-major). Paths are ranked by id and divided into blocks
 * of {@link #withBlockSize} paths; a task holds two blocks of paths and one block of the matrix,
 * never more. Of a Gram matrix of one data set only the blocks on and above the diagonal are
 * computed.
 *
 * <p>An entry depends on its two paths alone, and sums are taken in the order of ranks: results are
 * the same bits for any partitioning of the data. A result row over the limit {@code
 * spark.ssm.signature.maxBytes} is refused before any kernel is computed.
 */
public final class SignatureKernelGram {
  private static final int DEFAULT_BLOCK_SIZE = 256;

  /** Tasks a core, so that uneven blocks even out. */
  private static final int TASKS_PER_CORE = 3;

  private static final StructType BLOCK_SCHEMA =
      new StructType()
          .add("row_block", DataTypes.IntegerType, false)
          .add("column_block", DataTypes.IntegerType, false)
          .add("row_ids", DataTypes.createArrayType(DataTypes.LongType, false), false)
          .add("column_ids", DataTypes.createArrayType(DataTypes.LongType, false), false)
          .add("values", DataTypes.createArrayType(DataTypes.DoubleType, false), false);

  private static final StructType SUM_SCHEMA =
      new StructType()
          .add("row_block", DataTypes.IntegerType, false)
          .add("column_block", DataTypes.IntegerType, false)
          .add("rows", DataTypes.IntegerType, false)
          .add("columns", DataTypes.IntegerType, false)
          .add("sum", DataTypes.DoubleType, false);

  private final GramKernel kernel;
  private final int blockSize;

  private SignatureKernelGram(GramKernel kernel, int blockSize) {
    kernel.create();
    this.kernel = kernel;
    this.blockSize = blockSize;
  }

  /** With the linear static kernel. */
  public static SignatureKernelGram linear(int channels, int dyadicOrder) {
    return new SignatureKernelGram(
        new GramKernel(channels, dyadicOrder, null, false), DEFAULT_BLOCK_SIZE);
  }

  /** With the static kernel {@code exp(-|a - b|^2 / sigma)}. */
  public static SignatureKernelGram rbf(int channels, int dyadicOrder, double sigma) {
    return new SignatureKernelGram(
        new GramKernel(channels, dyadicOrder, sigma, false), DEFAULT_BLOCK_SIZE);
  }

  /**
   * The same with blocks of {@code blockSize} paths; {@value #DEFAULT_BLOCK_SIZE} by default.
   *
   * @throws InvalidInputException if it is less than 1
   */
  public SignatureKernelGram withBlockSize(int blockSize) {
    if (blockSize < 1) {
      throw new InvalidInputException("the block size is " + blockSize + ", expected at least 1");
    }
    return new SignatureKernelGram(kernel, blockSize);
  }

  /** The same with kernels computed in single precision: about twice as fast, less exact. */
  public SignatureKernelGram inSinglePrecision() {
    return new SignatureKernelGram(
        new GramKernel(kernel.channels(), kernel.dyadicOrder(), kernel.sigma(), true), blockSize);
  }

  /**
   * The blocks of the Gram matrix of one data set on and above the diagonal; those below are their
   * transposes.
   *
   * @return {@code row_block}, {@code column_block} (numbers, {@code row_block <= column_block}),
   *     {@code row_ids}, {@code column_ids} (ascending), {@code values} ({@code [rows x columns]}
   *     row-major)
   * @throws InvalidInputException if the columns are not as the class says, an id repeats, or a
   *     block is over the limit on bytes
   */
  public Dataset<Row> blocks(Dataset<?> x) {
    Dataset<Row> ranked = ranked(x);
    return gram(ranked, ranked, true, BLOCK_SCHEMA, new GramBlocks(kernel, true));
  }

  /**
   * All blocks of the matrix {@code k(x_i, y_j)}, as {@link #blocks(Dataset)} gives them.
   *
   * @throws InvalidInputException as for one data set
   */
  public Dataset<Row> blocks(Dataset<?> x, Dataset<?> y) {
    return gram(ranked(x), ranked(y), false, BLOCK_SCHEMA, new GramBlocks(kernel, false));
  }

  /**
   * The Gram matrix of one data set by rows.
   *
   * @return {@code id} and {@code kernel}, an MLlib vector with an entry for each path in the order
   *     of ids
   * @throws InvalidInputException as for {@link #blocks(Dataset)}, or if a row is over the limit
   */
  public Dataset<Row> rows(Dataset<?> x) {
    requireRow(x.count());
    return rows(blocks(x), true);
  }

  /**
   * The matrix {@code k(x_i, y_j)} by rows: the features of the paths x with respect to the paths
   * y.
   *
   * @throws InvalidInputException as for {@link #rows(Dataset)}
   */
  public Dataset<Row> rows(Dataset<?> x, Dataset<?> y) {
    requireRow(y.count());
    return rows(blocks(x, y), false);
  }

  /**
   * The squared maximum mean discrepancy of two data sets, unbiased (Gretton et al. 2012, "A Kernel
   * Two-Sample Test", eq. 3): with m paths x and n paths y
   *
   * <pre>
   * sum_(i!=j) k(x_i, x_j) / (m (m-1)) + sum_(i!=j) k(y_i, y_j) / (n (n-1)) - 2 sum_ij k(x_i, y_j) / (m n)
   * </pre>
   *
   * <p>It may be negative.
   *
   * @throws InvalidInputException if a data set has fewer than two paths, or as for {@link
   *     #blocks(Dataset)}
   */
  public double squaredMmd(Dataset<?> x, Dataset<?> y) {
    Dataset<Row> rankedX = ranked(x);
    Dataset<Row> rankedY = ranked(y);
    return meanOffDiagonal(rankedX)
        + meanOffDiagonal(rankedY)
        - 2 * mean(gram(rankedX, rankedY, false, SUM_SCHEMA, new GramSums(kernel, false)));
  }

  private double meanOffDiagonal(Dataset<Row> ranked) {
    double sum = 0;
    long count = 0;
    for (Row block : sums(gram(ranked, ranked, true, SUM_SCHEMA, new GramSums(kernel, true)))) {
      boolean isDiagonal = block.getInt(0) == block.getInt(1);
      sum += (isDiagonal ? 1 : 2) * block.getDouble(4);
      count += isDiagonal ? block.getInt(2) : 0;
    }
    if (count < 2) {
      throw new InvalidInputException(
          "a data set has " + count + " paths, expected at least 2 for a discrepancy");
    }
    return sum / ((double) count * (count - 1));
  }

  private static double mean(Dataset<Row> blocks) {
    double sum = 0;
    double count = 0;
    for (Row block : sums(blocks)) {
      sum += block.getDouble(4);
      count += (double) block.getInt(2) * block.getInt(3);
    }
    return sum / count;
  }

  /** The sums of blocks in the order of blocks. */
  private static List<Row> sums(Dataset<Row> blocks) {
    return blocks.collectAsList().stream()
        .sorted(
            Comparator.<Row>comparingInt(row -> row.getInt(0)).thenComparing(row -> row.getInt(1)))
        .toList();
  }

  private Dataset<Row> gram(
      Dataset<Row> x,
      Dataset<Row> y,
      boolean isSymmetric,
      StructType schema,
      PartitionMap.Function work) {
    SignatureSize.requireWithin(
        "a block of " + blockSize + " x " + blockSize + " kernels",
        (long) blockSize * blockSize,
        Double.BYTES,
        SessionLimits.maxBytes());
    Dataset<Row> left = blocksOf(x, "x_");
    Dataset<Row> right = blocksOf(y, "y_").hint("shuffle_replicate_nl");
    Column pairs =
        isSymmetric ? left.col("x_block").leq(right.col("y_block")) : functions.lit(true);
    return PartitionMap.apply(left.join(right, pairs), schema, work);
  }

  /** The paths in blocks by rank, a row each, with columns named after {@code prefix}. */
  private Dataset<Row> blocksOf(Dataset<Row> ranked, String prefix) {
    int cores = ranked.sparkSession().sparkContext().defaultParallelism();
    int partitions = (int) Math.ceil(Math.sqrt((double) TASKS_PER_CORE * cores));
    Dataset<Row> blocks =
        PartitionMap.apply(
            ranked
                .withColumn("block", functions.expr("CAST(rank DIV " + blockSize + " AS INT)"))
                .repartition(partitions, functions.col("block"))
                .sortWithinPartitions("block", "rank"),
            PathBlocks.SCHEMA,
            new PathBlocks(kernel.channels(), SessionLimits.maxBytes()));
    return blocks.toDF(
        Arrays.stream(PathBlocks.SCHEMA.fieldNames())
            .map(name -> prefix + name)
            .toArray(String[]::new));
  }

  /** The paths as {@code id}, {@code path} (bytes), {@code rank} in the order of ids. */
  private Dataset<Row> ranked(Dataset<?> data) {
    DataType id = Columns.type(data.schema(), SequenceSchema.ID, "bigint");
    if (!(id instanceof LongType)) {
      throw Columns.wrongType(SequenceSchema.ID, id, "bigint");
    }
    String expected = "array<float> or array<double>";
    DataType values = Columns.type(data.schema(), SequenceSchema.VALUES, expected);
    if (!(values instanceof ArrayType array
        && (array.elementType().equals(DataTypes.FloatType)
            || array.elementType().equals(DataTypes.DoubleType)))) {
      throw Columns.wrongType(SequenceSchema.VALUES, values, expected);
    }
    Dataset<Row> packed =
        PartitionMap.apply(
            data.toDF().select(SequenceSchema.ID, SequenceSchema.VALUES),
            PackedPaths.SCHEMA,
            new PackedPaths(kernel.channels(), array));
    return RankedRows.of(
        PartitionMap.apply(packed.sort(SequenceSchema.ID), PackedPaths.SCHEMA, new DistinctIds()));
  }

  private static void requireRow(long columns) {
    SignatureSize.requireWithin(
        "a Gram matrix of " + columns + " columns",
        columns,
        Double.BYTES,
        SessionLimits.maxBytes());
  }

  private Dataset<Row> rows(Dataset<Row> blocks, boolean isSymmetric) {
    Dataset<Row> parts =
        PartitionMap.apply(blocks, GramRowParts.SCHEMA, new GramRowParts(isSymmetric))
            .repartition(functions.col("id"))
            .sortWithinPartitions("id", "block");
    StructType schema =
        new StructType()
            .add(SequenceSchema.ID, DataTypes.LongType, false)
            .add("kernel", SQLDataTypes.VectorType(), false);
    return PartitionMap.apply(parts, schema, new GramRows());
  }
}
