package org.sparkssm.model;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.commons.rng.sampling.distribution.ZigguratSampler;
import org.sparkssm.data.SeededRandom;
import org.sparkssm.kernel.CdeSolver;
import org.sparkssm.kernel.Kernels;
import org.sparkssm.kernel.LinearCdeSolve;
import org.sparkssm.kernel.Segments;
import org.sparkssm.kernel.Tensor;

/**
 * Final states of a dense linear controlled differential equation with random weights that are not
 * trained (Cirone et al. 2024, arXiv 2402.19047, section 4: such a state is a random projection of
 * the signature of its path).
 *
 * <pre>
 * dZ = sum_i A_i Z d omega^i + B d omega,   omega = (t, X),   Z_0 = M (t_0, x_0) + b
 * A_i ~ scaling N(0, 1) / sqrt(N),   B, M, b ~ N(0, 1)
 * </pre>
 *
 * The weights are a function of the seed and the sizes; A_i does not depend on how many channels
 * follow. Time runs from 0 to 1: uniformly, or as given and scaled per sequence. A path of one
 * point has state Z_0.
 *
 * <p>Paths are solved side by side and in pieces of time, so that the memory needed beside the
 * paths themselves is bounded, whatever the lengths.
 */
public final class RandomLinearCdeStates {
  /** Most numbers of one piece of the control. */
  private static final int PIECE_NUMBERS = 1 << 21;

  private static final int LEAST_STEPS = 64;

  private final Kernels kernels;
  private final int channels;
  private final int width;
  private final int stateSize;
  private final CdeSolver solver;
  private final Tensor transitions;
  private final Tensor drive;
  private final float[] initialWeights;
  private final float[] initialBias;

  /**
   * Draws the weights.
   *
   * @param kernels they live in; must stay open
   * @param channels C
   * @param stateSize N
   * @param scaling of the A_i
   */
  public RandomLinearCdeStates(
      Kernels kernels, int channels, int stateSize, CdeSolver solver, double scaling, long seed) {
    this.kernels = kernels;
    this.channels = channels;
    this.width = channels + 1;
    this.stateSize = stateSize;
    this.solver = solver;
    this.transitions = kernels.allocate(width * stateSize, stateSize);
    int square = Math.multiplyExact(stateSize, stateSize);
    double deviation = scaling / Math.sqrt(stateSize);
    for (int i = 0; i < width; i++) {
      Tensor transition = transitions.rowRange(i * stateSize, (i + 1) * stateSize);
      kernels.write(transition, normal(square, deviation, seed, 0, i), 0);
    }
    this.drive = kernels.allocate(stateSize, width);
    kernels.write(drive, normal(stateSize * width, 1, seed, 1), 0);
    this.initialWeights = normal(stateSize * width, 1, seed, 2);
    this.initialBias = normal(stateSize, 1, seed, 3);
  }

  private static float[] normal(int count, double deviation, long seed, long... place) {
    ZigguratSampler.NormalizedGaussian gaussian =
        ZigguratSampler.NormalizedGaussian.of(SeededRandom.create(seed, place));
    float[] values = new float[count];
    for (int k = 0; k < count; k++) {
      values[k] = (float) (deviation * gaussian.sample());
    }
    return values;
  }

  /**
   * A path to solve along.
   *
   * @param values [length x channels], row-major; at least one point
   * @param times nullable, [length], strictly increasing; absent: uniform
   */
  @SuppressWarnings("ArrayRecordComponent") // a carrier, never compared
  public record Path(float[] values, double[] times) {}

  /** A_i, row-major [N x N]; i = 0 belongs to time. */
  public float[] transition(int i) {
    float[] values = new float[stateSize * stateSize];
    kernels.read(transitions.rowRange(i * stateSize, (i + 1) * stateSize), values, 0);
    return values;
  }

  /** B, row-major [N x W]. */
  public float[] drive() {
    float[] values = new float[stateSize * width];
    kernels.read(drive, values, 0);
    return values;
  }

  /** The state of a path before its first increment, [N]. */
  public float[] initialState(Path path) {
    return initialState(path.values());
  }

  /**
   * The state at the first point of a path.
   *
   * @param values [at least channels]; those of the first point are read
   */
  private float[] initialState(float[] values) {
    float[] initial = new float[stateSize];
    for (int n = 0; n < stateSize; n++) {
      double sum = initialBias[n]; // t_0 = 0 takes no part
      for (int c = 0; c < channels; c++) {
        sum += (double) initialWeights[n * width + 1 + c] * values[c];
      }
      initial[n] = (float) sum;
    }
    return initial;
  }

  /**
   * The final state of each path.
   *
   * @return [paths][N]
   * @throws IllegalArgumentException if values or times do not fit the channels
   */
  public float[][] of(List<Path> paths) {
    Walk[] walks = new Walk[paths.size()];
    for (int b = 0; b < walks.length; b++) {
      walks[b] = new Walk(paths.get(b));
    }
    List<Walk> active = unfinished(List.of(walks));
    while (!active.isEmpty()) {
      advance(active);
      active = unfinished(active);
    }
    float[][] states = new float[walks.length][];
    for (int b = 0; b < walks.length; b++) {
      states[b] = walks[b].state;
    }
    return states;
  }

  /**
   * Takes states along the same increments of a control, to follow a path part by part.
   *
   * @param increments [steps, W] row-major: of time, then of each channel
   * @param states [count, N]; replaced by those after the increments
   * @param driven whether B d omega takes part; without it, the map of the states is linear
   */
  public void advance(float[] increments, float[] states, boolean driven) {
    int count = states.length / stateSize;
    int steps = increments.length / width;
    int limit = Math.max(1, PIECE_NUMBERS / (count * width));
    for (int from = 0; from < steps; from += limit) {
      int taken = Math.min(limit, steps - from);
      int[] lengths = new int[count];
      Arrays.fill(lengths, taken);
      float[] repeated = new float[Math.multiplyExact(count, taken * width)];
      for (int b = 0; b < count; b++) {
        System.arraycopy(increments, from * width, repeated, b * taken * width, taken * width);
      }
      kernels.scope(
          () -> {
            solve(Segments.ofLengths(lengths), repeated, states, driven);
            return null;
          });
    }
  }

  private static List<Walk> unfinished(List<Walk> walks) {
    List<Walk> unfinished = new ArrayList<>();
    for (Walk walk : walks) {
      if (walk.remaining() > 0) {
        unfinished.add(walk);
      }
    }
    return unfinished;
  }

  /** Takes each walk some steps further. */
  private void advance(List<Walk> walks) {
    int limit = Math.max(LEAST_STEPS, PIECE_NUMBERS / (walks.size() * width));
    int[] steps = walks.stream().mapToInt(walk -> Math.min(limit, walk.remaining())).toArray();
    Segments segments = Segments.ofLengths(steps);
    float[] increments = new float[Math.multiplyExact(segments.rows(), width)];
    float[] states = new float[walks.size() * stateSize];
    for (int b = 0; b < steps.length; b++) {
      walks.get(b).increments(steps[b], increments, segments.offset(b) * width);
      System.arraycopy(walks.get(b).state, 0, states, b * stateSize, stateSize);
    }
    kernels.scope(
        () -> {
          solve(segments, increments, states, true);
          return null;
        });
    for (int b = 0; b < steps.length; b++) {
      System.arraycopy(states, b * stateSize, walks.get(b).state, 0, stateSize);
    }
  }

  /** Replaces {@code states} [B x N] by those after the steps. */
  private void solve(Segments segments, float[] increments, float[] states, boolean driven) {
    Tensor control = kernels.allocate(segments.rows(), width);
    Tensor initial = kernels.allocate(segments.batch(), stateSize);
    Tensor last = kernels.allocate(segments.batch(), stateSize);
    kernels.write(control, increments, 0);
    kernels.write(initial, states, 0);
    kernels.linearCdeForward(
        new LinearCdeSolve(
            solver,
            segments,
            control,
            transitions,
            driven ? control : null,
            driven ? drive : null,
            initial,
            null,
            last));
    kernels.read(last, states, 0);
  }

  /** A path, how far along it the state is, and the state. */
  private final class Walk {
    private final float[] values;
    private final double[] times;
    private final int points;
    private final float[] state;
    private int point;

    Walk(Path path) {
      values = path.values();
      times = path.times();
      points = values.length / channels;
      if (points == 0 || points * channels != values.length) {
        throw new IllegalArgumentException(
            "a path has "
                + values.length
                + " values, expected a positive multiple of "
                + channels
                + " channels");
      }
      if (times != null && times.length != points) {
        throw new IllegalArgumentException(
            "a path of " + points + " points has " + times.length + " times");
      }
      state = initialState(values);
    }

    int remaining() {
      return points - 1 - point;
    }

    void increments(int steps, float[] to, int offset) {
      int k = offset;
      for (int s = 0; s < steps; s++) {
        int here = point * channels;
        to[k++] = (float) timeStep(point);
        for (int c = 0; c < channels; c++) {
          to[k++] = values[here + channels + c] - values[here + c];
        }
        point++;
      }
    }

    private double timeStep(int from) {
      return times == null
          ? 1.0 / (points - 1)
          : (times[from + 1] - times[from]) / (times[points - 1] - times[0]);
    }
  }
}
