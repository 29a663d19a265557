package org.sparkssm.jobs.experiment;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import org.apache.commons.rng.sampling.distribution.ZigguratSampler;
import org.apache.spark.api.java.function.MapPartitionsFunction;
import org.apache.spark.ml.linalg.SQLDataTypes;
import org.apache.spark.ml.linalg.Vectors;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.sparkssm.data.SeededRandom;
import org.sparkssm.kernel.CdeSolver;
import org.sparkssm.kernel.Device;
import org.sparkssm.kernel.Kernels;
import org.sparkssm.kernel.Segments;
import org.sparkssm.kernel.StructuredCdeSolve;
import org.sparkssm.kernel.Tensor;
import org.sparkssm.kernel.TransitionStructure;

/**
 * Final states of a random Linear CDE whose transitions are block-diagonal, as in {@link
 * org.sparkssm.model.RandomLinearCdeStates} but for the blocks:
 *
 * <pre>
 * dZ = sum_i A_i Z d omega^i + B d omega,   omega = (t, X),   Z_0 = M (t_0, x_0) + b
 * blocks of A_i ~ N(0, 1) / sqrt(block),   B, M, b ~ N(0, 1)
 * </pre>
 *
 * One RK4 step an increment; time runs from 0 to 1.
 *
 * @param channels C of the paths
 * @param states N
 * @param block states of a block, divides N; 1: diagonal
 */
record StructuredStates(int channels, int states, int block, long seed)
    implements MapPartitionsFunction<Row, Row> {
  private static final int BATCH = 256;

  private static final StructType SCHEMA =
      new StructType()
          .add("id", DataTypes.LongType)
          .add("features", SQLDataTypes.VectorType())
          .add("label", DataTypes.DoubleType);

  /** The rows' {@code id} and {@code label} with the states as {@code features}. */
  Dataset<Row> of(Dataset<Row> rows) {
    return rows.select("id", "values", "label").mapPartitions(this, Encoders.row(SCHEMA));
  }

  /** Blocks of the A_i, [W, N / block, block, block]; i = 0 belongs to time. */
  float[] transitions() {
    return normal((channels + 1) * states * block, 1 / Math.sqrt(block), 0);
  }

  /** B, [N, W]. */
  float[] drive() {
    return normal(states * (channels + 1), 1, 1);
  }

  /** M, [N, W]. */
  float[] start() {
    return normal(states * (channels + 1), 1, 2);
  }

  /** b, [N]. */
  float[] startBias() {
    return normal(states, 1, 3);
  }

  private float[] normal(int count, double deviation, int place) {
    var gaussian =
        ZigguratSampler.NormalizedGaussian.of(SeededRandom.create(seed, states, block, place));
    float[] values = new float[count];
    for (int k = 0; k < count; k++) {
      values[k] = (float) (deviation * gaussian.sample());
    }
    return values;
  }

  @Override
  public Iterator<Row> call(Iterator<Row> rows) {
    List<Row> solved = new ArrayList<>();
    try (Kernels kernels = Device.AUTO.open()) {
      Weights weights = new Weights(kernels);
      List<Row> batch = new ArrayList<>();
      while (rows.hasNext()) {
        batch.add(rows.next());
        if (batch.size() == BATCH || !rows.hasNext()) {
          weights.solve(batch, solved);
          batch.clear();
        }
      }
    }
    return solved.iterator();
  }

  /** The random weights, in the kernels' memory. */
  private final class Weights {
    private final Kernels kernels;
    private final int width = channels + 1;
    private final TransitionStructure structure = TransitionStructure.blockDiagonal(states, block);
    private final Tensor coefficients;
    private final Tensor drive;
    private final float[] start = start();
    private final float[] startBias = startBias();

    Weights(Kernels kernels) {
      this.kernels = kernels;
      coefficients = kernels.allocate(width, structure.coefficients());
      kernels.write(coefficients, transitions(), 0);
      drive = kernels.allocate(states, width);
      kernels.write(drive, drive(), 0);
    }

    void solve(List<Row> batch, List<Row> solved) {
      List<List<Float>> paths = batch.stream().map(row -> row.<Float>getList(1)).toList();
      int[] steps = paths.stream().mapToInt(path -> path.size() / channels - 1).toArray();
      Segments segments = Segments.ofLengths(steps);
      float[] increments = new float[segments.rows() * width];
      float[] initial = new float[batch.size() * states];
      for (int b = 0; b < steps.length; b++) {
        increments(paths.get(b), increments, segments.offset(b) * width);
        initial(paths.get(b), initial, b * states);
      }
      float[] last = new float[initial.length];
      kernels.scope(
          () -> {
            Tensor control = kernels.allocate(segments.rows(), width);
            kernels.write(control, increments, 0);
            Tensor force = kernels.allocate(segments.rows(), states);
            kernels.gemm(false, true, 1, control, drive, 0, force);
            Tensor first = kernels.allocate(steps.length, states);
            kernels.write(first, initial, 0);
            Tensor end = kernels.allocate(steps.length, states);
            kernels.structuredCdeForward(
                new StructuredCdeSolve(
                    CdeSolver.RK4,
                    structure,
                    segments,
                    control,
                    coefficients,
                    force,
                    first,
                    null,
                    end));
            kernels.read(end, last, 0);
            return null;
          });
      for (int b = 0; b < steps.length; b++) {
        double[] state = new double[states];
        for (int n = 0; n < states; n++) {
          state[n] = last[b * states + n];
        }
        Row row = batch.get(b);
        solved.add(RowFactory.create(row.getLong(0), Vectors.dense(state), row.getDouble(2)));
      }
    }

    private void increments(List<Float> path, float[] to, int offset) {
      int steps = path.size() / channels - 1;
      int k = offset;
      for (int l = 0; l < steps; l++) {
        to[k++] = 1.0f / steps;
        for (int c = 0; c < channels; c++) {
          to[k++] = path.get((l + 1) * channels + c) - path.get(l * channels + c);
        }
      }
    }

    private void initial(List<Float> path, float[] to, int offset) {
      for (int n = 0; n < states; n++) {
        double sum = startBias[n]; // t_0 = 0 takes no part
        for (int c = 0; c < channels; c++) {
          sum += (double) start[n * width + 1 + c] * path.get(c);
        }
        to[offset + n] = (float) sum;
      }
    }
  }
}
