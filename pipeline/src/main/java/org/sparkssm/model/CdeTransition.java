package org.sparkssm.model;

import java.util.Arrays;
import org.apache.commons.rng.UniformRandomProvider;
import org.sparkssm.data.SeededRandom;
import org.sparkssm.kernel.CdeSolver;
import org.sparkssm.kernel.LinearCdeSolve;
import org.sparkssm.kernel.StructuredCdeSolve;
import org.sparkssm.kernel.Tensor;
import org.sparkssm.kernel.TransitionStructure;

/**
 * The transitions A_i of a {@link LinearCde} and how the equation is solved with them. The dense
 * ones are A [W N, N]; the others are the coefficients [W, P] of a {@link TransitionStructure}.
 */
final class CdeTransition {
  /** The places of a sparse transition are a function of the number of states and the density. */
  private static final long PLACES_SEED = 20_240_219;

  private final CdeSolver solver;
  private final TransitionStructure structure;
  private final boolean trained;
  private final Parameter parameter;

  /**
   * @param structure null: dense
   */
  private CdeTransition(
      CdeSolver solver, TransitionStructure structure, boolean trained, Parameter parameter) {
    this.solver = solver;
    this.structure = structure;
    this.trained = trained;
    this.parameter = parameter;
  }

  /** Reads option {@code structure} and those that belong to it. */
  static CdeTransition of(
      Options options,
      CdeSolver solver,
      int state,
      int controls,
      boolean trained,
      ParameterLayout layout) {
    String kind =
        options.word(
            "structure",
            "dense",
            "dense",
            "diagonal",
            "block-diagonal",
            "low-rank",
            "walsh-hadamard",
            "sparse");
    if (kind.equals("dense")) {
      Initializer initializer = Initializer.normal(1 / Math.sqrt((double) state * controls));
      Parameter a = layout.addFree("A", controls * state, state, initializer);
      return new CdeTransition(solver, null, trained, a);
    }
    TransitionStructure structure = structure(kind, options, state);
    // Entries of a row of M, of which each has variance 1 / (entries W).
    double perRow = Math.max(1, (double) structure.coefficients() / state);
    Initializer initializer = Initializer.normal(1 / Math.sqrt(perRow * controls));
    if (kind.equals("low-rank")) {
      initializer = lowRank(state, controls, structure.coefficients());
    }
    Parameter a = layout.addFree("A", controls, structure.coefficients(), initializer);
    return new CdeTransition(solver, structure, trained, a);
  }

  private static TransitionStructure structure(String kind, Options options, int state) {
    return switch (kind) {
      case "diagonal" -> TransitionStructure.blockDiagonal(state, 1);
      case "block-diagonal" -> {
        int block = options.integer("block", 4, 1);
        if (state % block != 0) {
          throw options.unfit("state", "a multiple of block " + block);
        }
        yield TransitionStructure.blockDiagonal(state, block);
      }
      case "low-rank" ->
          TransitionStructure.diagonalPlusLowRank(state, options.integer("rank", 1, 1));
      case "walsh-hadamard" -> {
        if (Integer.bitCount(state) != 1) {
          throw options.unfit("state", "a power of two for structure walsh-hadamard");
        }
        yield TransitionStructure.walshHadamard(state);
      }
      default -> sparse(state, options.number("density", 0.1, 0, 1));
    };
  }

  /** Each place with the given probability. */
  private static TransitionStructure sparse(int state, double density) {
    UniformRandomProvider random = SeededRandom.create(PLACES_SEED, state);
    int[] rowBegin = new int[state + 1];
    int[] columns = new int[16];
    int count = 0;
    for (int i = 0; i < state; i++) {
      for (int j = 0; j < state; j++) {
        if (random.nextDouble() < density) {
          columns = count == columns.length ? Arrays.copyOf(columns, 2 * count) : columns;
          columns[count++] = j;
        }
      }
      rowBegin[i + 1] = count;
    }
    return TransitionStructure.sparse(rowBegin, Arrays.copyOf(columns, count));
  }

  /** d ~ N(0, 1) / sqrt(W); U, V ~ N(0, 1) / sqrt(N W), so that U V^T has a norm of about 1 too. */
  private static Initializer lowRank(int state, int controls, int coefficients) {
    return (random, count) -> {
      double[] values = Initializer.normal(1 / Math.sqrt(controls)).draw(random, count);
      for (int i = 0; i < count; i++) {
        values[i] /= i % coefficients < state ? 1 : Math.sqrt(state);
      }
      return values;
    };
  }

  /** How the state passes a segment. */
  Carry carry() {
    return structure != null && structure.isDiagonal() ? Carry.ELEMENTWISE : Carry.AFFINE;
  }

  /** The states of a solved equation, and its backward. */
  interface Run {
    /** [T, N]. */
    Tensor y();

    /** [B, N]; null where nobody asked for it. */
    Tensor last();

    /**
     * Adds the gradient of the transitions.
     *
     * @param dy [T, N]
     * @param dDOmega [T, W], out
     * @param dDrive [N, W], added to
     * @param dStart [B, N], out
     */
    void backward(Tensor dy, Tensor dDOmega, Tensor dDrive, Tensor dStart);
  }

  /**
   * Solves dZ = sum_i A_i Z d omega^i + B d omega.
   *
   * @param dOmega [T, W]
   * @param drive B, [N, W]
   * @param start [B, N]
   * @param y [T, N], out
   * @param last nullable, [B, N], out
   */
  Run forward(Pass pass, Tensor dOmega, Tensor drive, Tensor start, Tensor y, Tensor last) {
    return structure == null
        ? new DenseRun(pass, dOmega, drive, start, y, last)
        : new StructuredRun(pass, dOmega, drive, start, y, last);
  }

  private final class DenseRun implements Run {
    private final Pass pass;
    private final LinearCdeSolve solve;

    DenseRun(Pass pass, Tensor dOmega, Tensor drive, Tensor start, Tensor y, Tensor last) {
      this.pass = pass;
      Tensor a = pass.value(parameter);
      solve = new LinearCdeSolve(solver, pass.segments(), dOmega, a, dOmega, drive, start, y, last);
      pass.kernels().linearCdeForward(solve);
    }

    @Override
    public Tensor y() {
      return solve.y();
    }

    @Override
    public Tensor last() {
      return solve.last();
    }

    @Override
    public void backward(Tensor dy, Tensor dDOmega, Tensor dDrive, Tensor dStart) {
      Tensor dDXi = pass.allocate(dDOmega.columns());
      Tensor dA = pass.gradient(parameter, trained);
      pass.kernels()
          .linearCdeBackward(
              solve, new LinearCdeSolve.Gradients(dy, null, dDOmega, dA, dDXi, dDrive, dStart));
      pass.kernels().addScaled(1, dDXi, dDOmega);
    }
  }

  private final class StructuredRun implements Run {
    private final Pass pass;
    private final Tensor drive;
    private final StructuredCdeSolve solve;

    StructuredRun(Pass pass, Tensor dOmega, Tensor drive, Tensor start, Tensor y, Tensor last) {
      this.pass = pass;
      this.drive = drive;
      Tensor force = pass.allocate(structure.states());
      pass.kernels().gemm(false, true, 1, dOmega, drive, 0, force);
      Tensor a = pass.value(parameter);
      solve =
          new StructuredCdeSolve(
              solver, structure, pass.segments(), dOmega, a, force, start, y, last);
      pass.kernels().structuredCdeForward(solve);
    }

    @Override
    public Tensor y() {
      return solve.y();
    }

    @Override
    public Tensor last() {
      return solve.last();
    }

    @Override
    public void backward(Tensor dy, Tensor dDOmega, Tensor dDrive, Tensor dStart) {
      Tensor dForce = pass.allocate(structure.states());
      Tensor dA = pass.gradient(parameter, trained);
      pass.kernels()
          .structuredCdeBackward(
              solve, new StructuredCdeSolve.Gradients(dy, null, dDOmega, dA, dForce, dStart));
      pass.kernels().gemm(true, false, 1, dForce, solve.dOmega(), 1, dDrive);
      pass.kernels().gemm(false, false, 1, dForce, drive, 1, dDOmega);
    }
  }
}
