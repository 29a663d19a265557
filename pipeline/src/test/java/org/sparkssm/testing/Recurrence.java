package org.sparkssm.testing;

import java.util.Arrays;
import org.apache.commons.rng.UniformRandomProvider;
import org.sparkssm.data.SeededRandom;
import org.sparkssm.kernel.CdeSolver;
import org.sparkssm.kernel.DeltaRule;
import org.sparkssm.kernel.DiagonalScan;
import org.sparkssm.kernel.GatedLinearAttention;
import org.sparkssm.kernel.Kernels;
import org.sparkssm.kernel.RecurrentCell;
import org.sparkssm.kernel.RecurrentScan;
import org.sparkssm.kernel.S4dScan;
import org.sparkssm.kernel.Segments;
import org.sparkssm.kernel.StructuredCdeSolve;
import org.sparkssm.kernel.Tensor;
import org.sparkssm.kernel.TransitionStructure;

/**
 * One shape of a recurrence of {@link Kernels} as named arrays in and out, so that one test serves
 * all of them.
 */
public abstract class Recurrence {
  private final String name;
  private final int[] rowColumns;
  private final int[][] parameterShapes;
  private final int stateColumns;
  private final int outputColumns;

  /**
   * @param rowColumns columns of each input that has a row per step
   * @param parameterShapes rows and columns of each input that is the same for all steps
   */
  private Recurrence(
      String name, int[] rowColumns, int[][] parameterShapes, int stateColumns, int outputColumns) {
    this.name = name;
    this.rowColumns = rowColumns;
    this.parameterShapes = parameterShapes;
    this.stateColumns = stateColumns;
    this.outputColumns = outputColumns;
  }

  /**
   * Operands, or in the same places their gradients.
   *
   * @param initial nullable
   * @param last nullable
   */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  public record Operands(
      Segments segments,
      double[][] rows,
      double[][] parameters,
      double[] initial,
      double[] output,
      double[] last) {}

  /** Tensors of {@link Operands}. */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  record Tensors(
      Segments segments,
      Tensor[] rows,
      Tensor[] parameters,
      Tensor initial,
      Tensor output,
      Tensor last) {}

  abstract void forward(Kernels kernels, Tensors operands);

  abstract void backward(Kernels kernels, Tensors operands, Tensors gradients);

  /** A number to draw for input {@code index} (rows, then parameters) from one in (-1, 1). */
  double sample(int index, double uniform) {
    return uniform;
  }

  @Override
  public String toString() {
    return name;
  }

  public int stateColumns() {
    return stateColumns;
  }

  public int outputColumns() {
    return outputColumns;
  }

  /** Columns of each input that has a row per step. */
  public int[] rowColumns() {
    return rowColumns.clone();
  }

  /** Random inputs, with an initial state if asked for; outputs are absent. */
  public Operands randomInputs(long seed, Segments segments, boolean withInitial) {
    UniformRandomProvider random = SeededRandom.create(seed);
    double[][] rows = new double[rowColumns.length][];
    for (int i = 0; i < rows.length; i++) {
      rows[i] = draw(random, i, segments.rows() * rowColumns[i]);
    }
    double[][] parameters = new double[parameterShapes.length][];
    for (int i = 0; i < parameters.length; i++) {
      int size = parameterShapes[i][0] * parameterShapes[i][1];
      parameters[i] = draw(random, rows.length + i, size);
    }
    double[] initial = withInitial ? uniform(random, segments.batch() * stateColumns) : null;
    return new Operands(segments, rows, parameters, initial, null, null);
  }

  private double[] draw(UniformRandomProvider random, int index, int count) {
    double[] values = uniform(random, count);
    for (int i = 0; i < count; i++) {
      // Representable in single precision, so that every precision sees the same numbers.
      values[i] = (float) sample(index, values[i]);
    }
    return values;
  }

  private static double[] uniform(UniformRandomProvider random, int count) {
    double[] values = new double[count];
    Arrays.setAll(values, i -> (float) (2 * random.nextDouble() - 1));
    return values;
  }

  /** Runs the forward; returns the inputs with outputs filled in. */
  public Operands run(Kernels kernels, Operands inputs) {
    return kernels.scope(
        () -> {
          Tensors tensors = tensors(kernels, inputs);
          forward(kernels, tensors);
          return new Operands(
              inputs.segments,
              inputs.rows,
              inputs.parameters,
              inputs.initial,
              kernels.toDoubles(tensors.output),
              kernels.toDoubles(tensors.last));
        });
  }

  /**
   * Runs forward and backward.
   *
   * @param cotangentOfLast nullable
   * @return the gradients of the inputs
   */
  public Operands gradients(
      Kernels kernels, Operands inputs, double[] cotangent, double[] cotangentOfLast) {
    return kernels.scope(
        () -> {
          Tensors tensors = tensors(kernels, inputs);
          forward(kernels, tensors);
          Tensor[] rows = new Tensor[rowColumns.length];
          for (int i = 0; i < rows.length; i++) {
            rows[i] = dirty(kernels, inputs.segments.rows(), rowColumns[i]);
          }
          Tensor[] parameters = new Tensor[parameterShapes.length];
          for (int i = 0; i < parameters.length; i++) {
            parameters[i] = kernels.zeros(parameterShapes[i][0], parameterShapes[i][1]);
          }
          int batch = inputs.segments.batch();
          Tensor initial = inputs.initial == null ? null : dirty(kernels, batch, stateColumns);
          Tensor dOutput = tensor(kernels, inputs.segments.rows(), outputColumns, cotangent);
          Tensor dLast =
              cotangentOfLast == null
                  ? null
                  : tensor(kernels, batch, stateColumns, cotangentOfLast);
          backward(
              kernels,
              tensors,
              new Tensors(inputs.segments, rows, parameters, initial, dOutput, dLast));
          return new Operands(
              inputs.segments,
              Arrays.stream(rows).map(kernels::toDoubles).toArray(double[][]::new),
              Arrays.stream(parameters).map(kernels::toDoubles).toArray(double[][]::new),
              initial == null ? null : kernels.toDoubles(initial),
              cotangent,
              cotangentOfLast);
        });
  }

  private Tensors tensors(Kernels kernels, Operands inputs) {
    Segments segments = inputs.segments;
    Tensor[] rows = new Tensor[rowColumns.length];
    for (int i = 0; i < rows.length; i++) {
      // As a view into a wider tensor, so that strides matter.
      Tensor wide = kernels.allocate(segments.rows(), rowColumns[i] + 3);
      rows[i] = wide.columnRange(2, 2 + rowColumns[i]);
      kernels.write(rows[i], inputs.rows[i]);
    }
    Tensor[] parameters = new Tensor[parameterShapes.length];
    for (int i = 0; i < parameters.length; i++) {
      int[] shape = parameterShapes[i];
      parameters[i] = tensor(kernels, shape[0], shape[1], inputs.parameters[i]);
    }
    int batch = segments.batch();
    return new Tensors(
        segments,
        rows,
        parameters,
        inputs.initial == null ? null : tensor(kernels, batch, stateColumns, inputs.initial),
        dirty(kernels, segments.rows(), outputColumns),
        dirty(kernels, batch, stateColumns));
  }

  private static Tensor tensor(Kernels kernels, int rows, int columns, double[] values) {
    Tensor tensor = kernels.allocate(rows, columns);
    kernels.write(tensor, values);
    return tensor;
  }

  private static Tensor dirty(Kernels kernels, int rows, int columns) {
    Tensor tensor = kernels.allocate(rows, columns);
    kernels.fill(tensor, Double.NaN);
    return tensor;
  }

  // ---------------------------------------------------------------- the recurrences

  /** Rows: b, and a where it is not constant. Parameters: a where it is, the gain. */
  public static Recurrence diagonalScan(
      boolean complex, boolean constant, boolean gained, int columns) {
    int[][] gain = gained ? new int[][] {{1, columns}} : new int[0][];
    int[][] a = constant ? new int[][] {{1, columns}} : new int[0][];
    int[][] parameters = Arrays.copyOf(a, a.length + gain.length);
    System.arraycopy(gain, 0, parameters, a.length, gain.length);
    String name =
        "diagonalScan complex=%s constant=%s gain=%s columns=%d"
            .formatted(complex, constant, gained, columns);
    int[] rows = constant ? new int[] {columns} : new int[] {columns, columns};
    return new Recurrence(name, rows, parameters, columns, columns) {
      @Override
      double sample(int index, double uniform) {
        return index == 1 ? (complex ? 0.7 : 1.02) * uniform : uniform;
      }

      private DiagonalScan scan(Tensors o) {
        return new DiagonalScan(
            o.segments,
            complex,
            constant,
            constant ? o.parameters[0] : o.rows[1],
            o.rows[0],
            gained ? o.parameters[o.parameters.length - 1] : null,
            o.initial,
            o.output,
            o.last);
      }

      @Override
      void forward(Kernels kernels, Tensors operands) {
        kernels.diagonalScanForward(scan(operands));
      }

      @Override
      void backward(Kernels kernels, Tensors operands, Tensors g) {
        kernels.diagonalScanBackward(
            scan(operands),
            new DiagonalScan.Gradients(
                g.output,
                g.last,
                constant ? g.parameters[0] : g.rows[1],
                g.rows[0],
                gained ? g.parameters[g.parameters.length - 1] : null,
                g.initial));
      }
    };
  }

  /** Rows: u. Parameters: aBar, bBar, c, and skip if asked for. */
  public static Recurrence s4dScan(int channels, int states, boolean skipped) {
    int[] wide = {channels, 2 * states};
    int[] skip = {1, channels};
    int[][] parameters =
        skipped ? new int[][] {wide, wide, wide, skip} : new int[][] {wide, wide, wide};
    String name = "s4dScan D=%d N=%d skip=%s".formatted(channels, states, skipped);
    return new Recurrence(name, new int[] {channels}, parameters, channels * 2 * states, channels) {
      @Override
      double sample(int index, double uniform) {
        return index == 1 ? 0.7 * uniform : uniform;
      }

      private S4dScan scan(Tensors o) {
        return new S4dScan(
            o.segments,
            o.rows[0],
            o.parameters[0],
            o.parameters[1],
            o.parameters[2],
            skipped ? o.parameters[3] : null,
            o.initial,
            o.output,
            o.last);
      }

      @Override
      void forward(Kernels kernels, Tensors operands) {
        kernels.s4dScanForward(scan(operands));
      }

      @Override
      void backward(Kernels kernels, Tensors operands, Tensors g) {
        kernels.s4dScanBackward(
            scan(operands),
            new S4dScan.Gradients(
                g.output,
                g.last,
                g.rows[0],
                g.parameters[0],
                g.parameters[1],
                g.parameters[2],
                skipped ? g.parameters[3] : null,
                g.initial));
      }
    };
  }

  /** Rows: q, k, v, logAlpha, and phase if asked for. */
  public static Recurrence gatedLinearAttention(int heads, int keys, int values, boolean phased) {
    int key = heads * keys;
    int value = heads * values;
    String name =
        "gatedLinearAttention H=%d K=%d V=%d phase=%s".formatted(heads, keys, values, phased);
    int[] rows = phased ? new int[] {key, key, value, key, key} : new int[] {key, key, value, key};
    int state = heads * keys * values * (phased ? 2 : 1);
    return new Recurrence(name, rows, new int[0][], state, value) {
      @Override
      double sample(int index, double uniform) {
        return switch (index) {
          case 3 -> uniform - 1;
          case 4 -> 4 * uniform;
          default -> uniform;
        };
      }

      private GatedLinearAttention scan(Tensors o) {
        return new GatedLinearAttention(
            o.segments,
            heads,
            o.rows[0],
            o.rows[1],
            o.rows[2],
            o.rows[3],
            phased ? o.rows[4] : null,
            o.initial,
            o.output,
            o.last);
      }

      @Override
      void forward(Kernels kernels, Tensors operands) {
        kernels.gatedLinearAttentionForward(scan(operands));
      }

      @Override
      void backward(Kernels kernels, Tensors operands, Tensors g) {
        kernels.gatedLinearAttentionBackward(
            scan(operands),
            new GatedLinearAttention.Gradients(
                g.output,
                g.last,
                g.rows[0],
                g.rows[1],
                g.rows[2],
                g.rows[3],
                phased ? g.rows[4] : null,
                g.initial));
      }
    };
  }

  /** Rows: q, k, v, beta, and logAlpha if asked for. */
  public static Recurrence deltaRule(
      int heads, int updates, int keys, int values, boolean decayed) {
    int key = heads * keys;
    int value = heads * values;
    int[] rows = {key, updates * key, updates * value, updates * heads, heads};
    String name =
        "deltaRule H=%d R=%d K=%d V=%d decay=%s".formatted(heads, updates, keys, values, decayed);
    return new Recurrence(
        name, decayed ? rows : Arrays.copyOf(rows, 4), new int[0][], key * values, value) {
      @Override
      double sample(int index, double uniform) {
        return switch (index) {
          case 1 -> uniform / Math.sqrt(keys);
          case 3 -> uniform + 1;
          case 4 -> 0.2 * (uniform - 1);
          default -> uniform;
        };
      }

      private DeltaRule rule(Tensors o) {
        return new DeltaRule(
            o.segments,
            heads,
            updates,
            o.rows[0],
            o.rows[1],
            o.rows[2],
            o.rows[3],
            decayed ? o.rows[4] : null,
            o.initial,
            o.output,
            o.last);
      }

      @Override
      void forward(Kernels kernels, Tensors operands) {
        kernels.deltaRuleForward(rule(operands));
      }

      @Override
      void backward(Kernels kernels, Tensors operands, Tensors g) {
        kernels.deltaRuleBackward(
            rule(operands),
            new DeltaRule.Gradients(
                g.output,
                g.last,
                g.rows[0],
                g.rows[1],
                g.rows[2],
                g.rows[3],
                decayed ? g.rows[4] : null,
                g.initial));
      }
    };
  }

  /** Rows: dOmega, and the force if asked for. Parameters: the coefficients. */
  public static Recurrence structuredCde(
      TransitionStructure structure, CdeSolver solver, int controls, boolean forced) {
    int n = structure.states();
    int[][] parameters = {{controls, structure.coefficients()}};
    String name =
        "structuredCde %s %s W=%d force=%s".formatted(structure, solver, controls, forced);
    int[] rows = forced ? new int[] {controls, n} : new int[] {controls};
    return new Recurrence(name, rows, parameters, n, n) {
      @Override
      double sample(int index, double uniform) {
        if (index == 0) {
          return Math.abs(uniform) < 0.3 ? 0 : 0.5 * Math.pow(uniform, 5);
        }
        boolean force = forced && index == 1;
        return force ? uniform : uniform / Math.sqrt(1.0 * structure.coefficients() / n);
      }

      private StructuredCdeSolve solve(Tensors o) {
        return new StructuredCdeSolve(
            solver,
            structure,
            o.segments,
            o.rows[0],
            o.parameters[0],
            forced ? o.rows[1] : null,
            o.initial,
            o.output,
            o.last);
      }

      @Override
      void forward(Kernels kernels, Tensors operands) {
        kernels.structuredCdeForward(solve(operands));
      }

      @Override
      void backward(Kernels kernels, Tensors operands, Tensors g) {
        kernels.structuredCdeBackward(
            solve(operands),
            new StructuredCdeSolve.Gradients(
                g.output,
                g.last,
                g.rows[0],
                g.parameters[0],
                forced ? g.rows[1] : null,
                g.initial));
      }
    };
  }

  /** Rows: p. Parameters: the weight. */
  public static Recurrence recurrentScan(RecurrentCell cell, int hidden) {
    int gates = cell.gates() * hidden;
    int saved = RecurrentScan.savedColumns(cell, hidden);
    return new Recurrence(
        "recurrentScan %s H=%d".formatted(cell, hidden),
        new int[] {gates},
        new int[][] {{gates, hidden}},
        cell.stateParts() * hidden,
        hidden) {
      private Tensor kept;

      @Override
      double sample(int index, double uniform) {
        return index == 1 ? uniform / Math.sqrt(hidden) : uniform;
      }

      private RecurrentScan scan(Tensors o) {
        return new RecurrentScan(
            cell, o.segments, o.rows[0], o.parameters[0], o.initial, o.output, kept, o.last);
      }

      @Override
      void forward(Kernels kernels, Tensors operands) {
        kept = kernels.allocate(operands.segments.rows(), saved);
        kernels.recurrentScanForward(scan(operands));
      }

      @Override
      void backward(Kernels kernels, Tensors operands, Tensors g) {
        kernels.recurrentScanBackward(
            scan(operands),
            new RecurrentScan.Gradients(g.output, g.last, g.rows[0], g.parameters[0], g.initial));
      }
    };
  }
}
