package org.sparkssm.kernel;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;

/**
 * Every operation of {@link Kernels} on random shapes, strides and segments, so that kernels can be
 * compared: by tests, and by {@link SelfTest} on the machine that will run them.
 */
final class OperationCases {
  /** Around the kernels' vector, tile and chunk sizes. */
  private static final int[] WIDTHS = {1, 3, 7, 8, 15, 16, 17, 24, 31, 33, 48, 65};

  private static final int[] LENGTHS = {0, 1, 2, 5, 15, 16, 17, 31, 33, 61};

  private OperationCases() {}

  /** What an operation does with operands that the case makes. */
  interface Operation {
    void run(Case c);
  }

  /** By the name of the method of {@link Kernels}. */
  static final Map<String, Operation> OPERATIONS;

  static {
    Map<String, Operation> operations = new TreeMap<>();
    operations.put(
        "gemm",
        c -> {
          int m = c.width();
          int k = c.width();
          int n = c.width();
          for (boolean ta : new boolean[] {false, true}) {
            for (boolean tb : new boolean[] {false, true}) {
              Tensor a = ta ? c.tensor(k, m) : c.tensor(m, k);
              Tensor b = tb ? c.tensor(n, k) : c.tensor(k, n);
              c.kernels.gemm(ta, tb, 0.5, a, b, c.random.nextInt(3) - 1, c.tensor(m, n));
            }
          }
        });
    operations.put(
        "copy", c -> c.kernels.copy(c.tensor(c.rows, c.columns), c.tensor(c.rows, c.columns)));
    operations.put("fill", c -> c.kernels.fill(c.tensor(c.rows, c.columns), 2.5));
    operations.put(
        "addScaled",
        c -> c.kernels.addScaled(-0.25, c.tensor(c.rows, c.columns), c.tensor(c.rows, c.columns)));
    operations.put(
        "addRow", c -> c.kernels.addRow(c.tensor(1, c.columns), c.tensor(c.rows, c.columns)));
    operations.put(
        "sumRows", c -> c.kernels.sumRows(c.tensor(c.rows, c.columns), c.tensor(1, c.columns)));
    operations.put(
        "activationForward",
        c -> {
          for (Activation activation : Activation.values()) {
            Tensor x = c.scaled(c.rows, c.columns, 5);
            c.kernels.activationForward(activation, x, c.tensor(c.rows, c.columns));
            c.kernels.activationForward(activation, x, x);
          }
        });
    operations.put(
        "activationBackward",
        c -> {
          for (Activation activation : Activation.values()) {
            Tensor x = c.scaled(c.rows, c.columns, 5);
            Tensor dy = c.tensor(c.rows, c.columns);
            c.kernels.activationBackward(activation, x, dy, c.tensor(c.rows, c.columns));
            c.kernels.activationBackward(activation, x, dy, dy);
          }
        });
    operations.put(
        "gluForward",
        c -> c.kernels.gluForward(c.scaled(c.rows, 2 * c.columns, 3), c.tensor(c.rows, c.columns)));
    operations.put(
        "gluBackward",
        c ->
            c.kernels.gluBackward(
                c.scaled(c.rows, 2 * c.columns, 3),
                c.tensor(c.rows, c.columns),
                c.tensor(c.rows, 2 * c.columns)));
    operations.put(
        "negativeExpForward",
        c ->
            c.kernels.negativeExpForward(c.tensor(c.rows, c.columns), c.tensor(c.rows, c.columns)));
    operations.put(
        "negativeExpBackward",
        c ->
            c.kernels.negativeExpBackward(
                c.tensor(c.rows, c.columns),
                c.tensor(c.rows, c.columns),
                c.tensor(c.rows, c.columns)));
    operations.put(
        "dropout",
        c -> c.kernels.dropout(0.3, c.random.longs(c.rows).toArray(), c.tensor(c.rows, c.columns)));
    operations.put(
        "rmsNormForward",
        c ->
            c.kernels.rmsNormForward(
                c.tensor(c.rows, c.columns),
                c.tensor(1, c.columns),
                1e-5,
                c.tensor(c.rows, c.columns),
                c.tensor(c.rows, 1)));
    operations.put(
        "rmsNormBackward",
        c ->
            c.kernels.rmsNormBackward(
                c.tensor(c.rows, c.columns),
                c.tensor(1, c.columns),
                c.tensor(c.rows, 1),
                c.tensor(c.rows, c.columns),
                c.tensor(c.rows, c.columns),
                c.tensor(1, c.columns)));
    operations.put(
        "layerNormForward",
        c ->
            c.kernels.layerNormForward(
                c.tensor(c.rows, c.columns),
                c.tensor(1, c.columns),
                c.tensor(1, c.columns),
                1e-2,
                c.tensor(c.rows, c.columns),
                c.tensor(c.rows, 2)));
    operations.put(
        "layerNormBackward",
        c ->
            c.kernels.layerNormBackward(
                c.tensor(c.rows, c.columns),
                c.tensor(1, c.columns),
                c.tensor(c.rows, 2),
                c.tensor(c.rows, c.columns),
                c.tensor(c.rows, c.columns),
                c.tensor(1, c.columns),
                c.tensor(1, c.columns)));
    operations.put(
        "differenceForward",
        c ->
            c.kernels.differenceForward(
                c.segments,
                c.tensor(c.rows, c.columns),
                c.perhaps() ? c.tensor(c.segments.batch(), c.columns) : null,
                c.tensor(c.rows, c.columns)));
    operations.put(
        "differenceBackward",
        c ->
            c.kernels.differenceBackward(
                c.segments, c.tensor(c.rows, c.columns), c.tensor(c.rows, c.columns)));
    operations.put(
        "causalConvolutionForward",
        c ->
            c.kernels.causalConvolutionForward(
                c.segments,
                c.tensor(c.rows, c.columns),
                c.tensor(c.columns, 1 + c.random.nextInt(5)),
                c.perhaps() ? c.tensor(1, c.columns) : null,
                c.perhaps(),
                c.tensor(c.rows, c.columns)));
    operations.put(
        "causalConvolutionBackward",
        c -> {
          int taps = 1 + c.random.nextInt(5);
          boolean biased = c.perhaps();
          c.kernels.causalConvolutionBackward(
              c.segments,
              c.tensor(c.rows, c.columns),
              c.tensor(c.columns, taps),
              biased ? c.tensor(1, c.columns) : null,
              c.perhaps(),
              c.tensor(c.rows, c.columns),
              c.tensor(c.rows, c.columns),
              c.tensor(c.columns, taps),
              biased ? c.tensor(1, c.columns) : null);
        });
    operations.put(
        "lastRowForward",
        c ->
            c.kernels.lastRowForward(
                c.segments, c.tensor(c.rows, c.columns), c.tensor(c.segments.batch(), c.columns)));
    operations.put(
        "lastRowBackward",
        c ->
            c.kernels.lastRowBackward(
                c.segments, c.tensor(c.segments.batch(), c.columns), c.tensor(c.rows, c.columns)));
    operations.put(
        "meanRowForward",
        c ->
            c.kernels.meanRowForward(
                c.segments, c.tensor(c.rows, c.columns), c.tensor(c.segments.batch(), c.columns)));
    operations.put(
        "meanRowBackward",
        c ->
            c.kernels.meanRowBackward(
                c.segments, c.tensor(c.segments.batch(), c.columns), c.tensor(c.rows, c.columns)));
    operations.put(
        "embeddingForward",
        c ->
            c.kernels.embeddingForward(
                c.random.ints(c.rows, 0, 9).toArray(),
                c.tensor(9, c.columns),
                c.tensor(c.rows, c.columns)));
    operations.put(
        "embeddingBackward",
        c ->
            c.kernels.embeddingBackward(
                c.random.ints(c.rows, 0, 9).toArray(),
                c.tensor(c.rows, c.columns),
                c.tensor(9, c.columns)));
    operations.put("selectiveScanForward", c -> c.kernels.selectiveScanForward(c.scan()));
    operations.put(
        "selectiveScanBackward",
        c -> {
          SelectiveScan scan = c.scan();
          int n = scan.a().columns();
          int batch = c.segments.batch();
          c.kernels.selectiveScanForward(scan); // for what it keeps
          c.kernels.selectiveScanBackward(
              scan,
              new SelectiveScan.Gradients(
                  c.tensor(c.rows, c.columns),
                  c.perhaps() ? c.tensor(batch, c.columns * n) : null,
                  c.tensor(c.rows, c.columns),
                  c.tensor(c.rows, c.columns),
                  c.perhaps() ? c.tensor(1, c.columns) : null,
                  c.tensor(c.columns, n),
                  c.tensor(c.rows, n),
                  c.tensor(c.rows, n),
                  c.perhaps() ? c.tensor(1, c.columns) : null,
                  scan.gate() != null && c.perhaps() ? c.tensor(c.rows, c.columns) : null,
                  c.perhaps() ? c.tensor(batch, c.columns * n) : null));
        });
    operations.put(
        "linearCdeForward",
        c -> {
          for (CdeSolver solver : CdeSolver.values()) {
            c.kernels.linearCdeForward(c.cde(solver));
          }
        });
    operations.put(
        "linearCdeBackward",
        c -> {
          for (CdeSolver solver : CdeSolver.values()) {
            LinearCdeSolve solve = c.cde(solver);
            int w = solve.dOmega().columns();
            int n = solve.a().columns();
            boolean driven = solve.drive() != null;
            int x = driven ? solve.drive().columns() : 0;
            int batch = c.segments.batch();
            c.kernels.linearCdeBackward(
                solve,
                new LinearCdeSolve.Gradients(
                    c.perhaps() ? c.tensor(c.rows, n) : null,
                    c.perhaps() ? c.tensor(batch, n) : null,
                    c.perhaps() ? c.tensor(c.rows, w) : null,
                    c.perhaps() ? c.dense(w * n, n) : null,
                    driven && c.perhaps() ? c.tensor(c.rows, x) : null,
                    driven && c.perhaps() ? c.tensor(n, x) : null,
                    c.perhaps() ? c.tensor(batch, n) : null));
          }
        });
    operations.put(
        "squaredError",
        c ->
            c.results.add(
                c.kernels
                    .squaredError(
                        c.tensor(c.rows, c.columns),
                        c.tensor(c.rows, c.columns),
                        c.weights(),
                        c.perhaps() ? c.tensor(c.rows, c.columns) : null)
                    .value()));
    operations.put(
        "softmaxCrossEntropy",
        c ->
            c.results.add(
                c.kernels
                    .softmaxCrossEntropy(
                        c.scaled(c.rows, c.columns, 10),
                        c.random.ints(c.rows, 0, c.columns).toArray(),
                        c.weights(),
                        c.perhaps() ? c.tensor(c.rows, c.columns) : null)
                    .value()));
    operations.put(
        "adamStep",
        c -> {
          Tensor v = c.tensor(1, c.columns);
          c.kernels.activationForward(Activation.RELU, v, v);
          c.kernels.adamStep(
              new Kernels.AdamStep(0.01, 0.9, 0.99, 1e-3, 0.1, c.perhaps()),
              1 + c.random.nextInt(1000),
              c.tensor(1, c.columns),
              c.tensor(1, c.columns),
              c.tensor(1, c.columns),
              v);
        });
    operations.put(
        "sumOfSquares",
        c -> c.results.add(c.kernels.sumOfSquares(c.tensor(c.rows, c.columns)).value()));
    operations.put(
        "multiply",
        c -> {
          Tensor x = c.tensor(c.rows, c.columns);
          c.kernels.multiply(x, c.tensor(c.rows, c.columns), c.tensor(c.rows, c.columns));
          c.kernels.multiply(x, c.tensor(c.rows, c.columns), x);
        });
    operations.put(
        "addScaledColumns",
        c ->
            c.kernels.addScaledColumns(
                c.tensor(1, c.columns), c.tensor(c.rows, c.columns), c.tensor(c.rows, c.columns)));
    operations.put(
        "sumProducts",
        c ->
            c.kernels.sumProducts(
                c.tensor(c.rows, c.columns), c.tensor(c.rows, c.columns), c.tensor(1, c.columns)));
    operations.put(
        "discretizeForward",
        c -> {
          for (Discretization rule : Discretization.values()) {
            int n = c.width();
            c.kernels.discretizeForward(
                rule,
                c.scaled(c.columns, c.perhaps() ? 1 : n, 3),
                c.transition(n),
                c.tensor(c.columns, 2 * n),
                c.tensor(c.columns, 2 * n));
          }
        });
    operations.put(
        "discretizeBackward",
        c -> {
          for (Discretization rule : Discretization.values()) {
            int n = c.width();
            int steps = c.perhaps() ? 1 : n;
            c.kernels.discretizeBackward(
                rule,
                c.tensor(c.columns, steps),
                c.transition(n),
                c.tensor(c.columns, 2 * n),
                c.tensor(c.columns, 2 * n),
                c.tensor(c.columns, steps),
                c.tensor(c.columns, 2 * n));
          }
        });
    operations.put("diagonalScanForward", c -> c.kernels.diagonalScanForward(c.diagonalScan()));
    operations.put(
        "diagonalScanBackward",
        c -> {
          DiagonalScan scan = c.diagonalScan();
          c.kernels.diagonalScanForward(scan);
          int columns = scan.b().columns();
          c.kernels.diagonalScanBackward(
              scan,
              new DiagonalScan.Gradients(
                  c.tensor(c.rows, columns),
                  c.perhaps() ? c.tensor(c.segments.batch(), columns) : null,
                  c.perhaps() ? c.tensor(scan.a().rows(), columns) : null,
                  c.tensor(c.rows, columns),
                  scan.gain() != null && c.perhaps() ? c.tensor(1, columns) : null,
                  c.perhaps() ? c.tensor(c.segments.batch(), columns) : null));
        });
    operations.put("s4dScanForward", c -> c.kernels.s4dScanForward(c.s4dScan()));
    operations.put(
        "s4dScanBackward",
        c -> {
          S4dScan scan = c.s4dScan();
          int states = scan.aBar().columns();
          c.kernels.s4dScanBackward(
              scan,
              new S4dScan.Gradients(
                  c.tensor(c.rows, c.columns),
                  c.perhaps() ? c.tensor(c.segments.batch(), c.columns * states) : null,
                  c.tensor(c.rows, c.columns),
                  c.tensor(c.columns, states),
                  c.tensor(c.columns, states),
                  c.tensor(c.columns, states),
                  c.perhaps() ? c.tensor(1, c.columns) : null,
                  c.perhaps() ? c.tensor(c.segments.batch(), c.columns * states) : null));
        });
    operations.put(
        "gatedLinearAttentionForward",
        c -> c.kernels.gatedLinearAttentionForward(c.gatedLinearAttention()));
    operations.put(
        "gatedLinearAttentionBackward",
        c -> {
          GatedLinearAttention scan = c.gatedLinearAttention();
          int keys = scan.q().columns();
          int values = scan.v().columns();
          int states = keys * values / scan.heads() * (scan.phase() == null ? 1 : 2);
          c.kernels.gatedLinearAttentionBackward(
              scan,
              new GatedLinearAttention.Gradients(
                  c.tensor(c.rows, values),
                  c.perhaps() ? c.tensor(c.segments.batch(), states) : null,
                  c.tensor(c.rows, keys),
                  c.tensor(c.rows, keys),
                  c.tensor(c.rows, values),
                  c.tensor(c.rows, keys),
                  scan.phase() == null ? null : c.tensor(c.rows, keys),
                  c.perhaps() ? c.tensor(c.segments.batch(), states) : null));
        });
    operations.put("deltaRuleForward", c -> c.kernels.deltaRuleForward(c.deltaRule()));
    operations.put(
        "deltaRuleBackward",
        c -> {
          DeltaRule rule = c.deltaRule();
          int states = rule.q().columns() * rule.o().columns() / rule.heads();
          c.kernels.deltaRuleBackward(
              rule,
              new DeltaRule.Gradients(
                  c.tensor(c.rows, rule.o().columns()),
                  c.perhaps() ? c.tensor(c.segments.batch(), states) : null,
                  c.tensor(c.rows, rule.q().columns()),
                  c.tensor(c.rows, rule.k().columns()),
                  c.tensor(c.rows, rule.v().columns()),
                  c.tensor(c.rows, rule.beta().columns()),
                  rule.logAlpha() == null ? null : c.tensor(c.rows, rule.heads()),
                  c.perhaps() ? c.tensor(c.segments.batch(), states) : null));
        });
    operations.put(
        "structuredCdeForward",
        c -> {
          for (CdeSolver solver : CdeSolver.values()) {
            c.kernels.structuredCdeForward(c.structuredCde(solver));
          }
        });
    operations.put(
        "structuredCdeBackward",
        c -> {
          for (CdeSolver solver : CdeSolver.values()) {
            StructuredCdeSolve solve = c.structuredCde(solver);
            c.kernels.structuredCdeForward(solve);
            int n = solve.structure().states();
            int batch = c.segments.batch();
            c.kernels.structuredCdeBackward(
                solve,
                new StructuredCdeSolve.Gradients(
                    c.perhaps() ? c.tensor(c.rows, n) : null,
                    c.perhaps() ? c.tensor(batch, n) : null,
                    c.perhaps() ? c.tensor(c.rows, solve.dOmega().columns()) : null,
                    c.dense(solve.coefficients().rows(), solve.coefficients().columns()),
                    c.perhaps() ? c.tensor(c.rows, n) : null,
                    c.perhaps() ? c.tensor(batch, n) : null));
          }
        });
    operations.put(
        "recurrentScanForward",
        c -> {
          for (RecurrentCell cell : RecurrentCell.values()) {
            c.kernels.recurrentScanForward(c.recurrentScan(cell));
          }
        });
    operations.put(
        "recurrentScanBackward",
        c -> {
          for (RecurrentCell cell : RecurrentCell.values()) {
            RecurrentScan scan = c.recurrentScan(cell);
            c.kernels.recurrentScanForward(scan);
            int states = cell.stateParts() * c.columns;
            c.kernels.recurrentScanBackward(
                scan,
                new RecurrentScan.Gradients(
                    c.tensor(c.rows, c.columns),
                    c.perhaps() ? c.tensor(c.segments.batch(), states) : null,
                    c.tensor(c.rows, scan.p().columns()),
                    c.tensor(scan.weight().rows(), c.columns),
                    c.perhaps() ? c.tensor(c.segments.batch(), states) : null));
          }
        });
    operations.put("causalAttentionForward", c -> c.kernels.causalAttentionForward(c.attention()));
    operations.put(
        "causalAttentionBackward",
        c -> {
          CausalAttention attention = c.attention();
          c.kernels.causalAttentionForward(attention);
          c.kernels.causalAttentionBackward(
              attention,
              new CausalAttention.Gradients(
                  c.tensor(c.rows, attention.o().columns()),
                  c.tensor(c.rows, attention.q().columns()),
                  c.tensor(attention.k().rows(), attention.k().columns()),
                  c.tensor(attention.v().rows(), attention.v().columns())));
        });
    operations.put(
        "rotate",
        c -> {
          int[] positions = new int[c.rows];
          Arrays.setAll(positions, r -> c.random.nextInt(9));
          int pairs = 1 + c.random.nextInt(20);
          Tensor x = c.tensor(c.rows, 2 * pairs * (1 + c.random.nextInt(3)));
          c.kernels.rotate(positions, c.tensor(9, 2 * pairs), c.perhaps(), x, x);
        });
    operations.put(
        "reverseRows",
        c ->
            c.kernels.reverseRows(
                c.segments, c.tensor(c.rows, c.columns), c.tensor(c.rows, c.columns)));
    operations.put(
        "stretchedStepForward",
        c ->
            c.kernels.stretchedStepForward(
                c.scaled(c.rows, c.columns, 5),
                c.tensor(1, c.columns),
                c.durations(),
                c.tensor(c.rows, c.columns)));
    operations.put(
        "stretchedStepBackward",
        c -> {
          Tensor dy = c.tensor(c.rows, c.columns);
          c.kernels.stretchedStepBackward(
              c.scaled(c.rows, c.columns, 5), c.tensor(1, c.columns), c.durations(), dy, dy);
        });
    OPERATIONS = Collections.unmodifiableMap(operations);
  }

  /** One random choice of shapes and numbers, the same for every kernels it is made for. */
  static final class Case {
    final Kernels kernels;
    final Random random;
    final Segments segments;
    final int rows;
    final int columns;
    final List<Tensor> bases = new ArrayList<>();
    final List<Double> results = new ArrayList<>();

    /**
     * @param kernels run the operation
     * @param seed decides all shapes and numbers
     */
    Case(Kernels kernels, long seed) {
      this.kernels = kernels;
      random = new Random(seed);
      int[] lengths = new int[seed % 8 == 0 ? 97 : random.nextInt(5)];
      for (int b = 0; b < lengths.length; b++) {
        lengths[b] = lengths.length > 10 ? random.nextInt(4) : pick(LENGTHS);
      }
      if (seed % 8 == 1) {
        lengths = new int[] {257};
      }
      segments = Segments.ofLengths(lengths);
      rows = segments.rows();
      columns = width();
    }

    int pick(int[] values) {
      return values[random.nextInt(values.length)];
    }

    int width() {
      return pick(WIDTHS);
    }

    boolean perhaps() {
      return random.nextBoolean();
    }

    float[] weights() {
      float[] weights = new float[rows];
      for (int r = 0; r < rows; r++) {
        weights[r] = random.nextInt(4) == 0 ? 0 : random.nextFloat();
      }
      return weights;
    }

    /** Random numbers, often as a window of a wider matrix. */
    Tensor tensor(int tensorRows, int tensorColumns) {
      return scaled(tensorRows, tensorColumns, 1);
    }

    Tensor scaled(int tensorRows, int tensorColumns, double scale) {
      int before = random.nextInt(3);
      int after = random.nextInt(3);
      Tensor base = base(tensorRows + 1, before + tensorColumns + after, scale);
      return base.rowRange(0, tensorRows).columnRange(before, before + tensorColumns);
    }

    Tensor dense(int tensorRows, int tensorColumns) {
      return base(tensorRows + 1, tensorColumns, 1).rowRange(0, tensorRows);
    }

    private Tensor base(int baseRows, int baseColumns, double scale) {
      double[] values = new double[baseRows * baseColumns];
      for (int i = 0; i < values.length; i++) {
        values[i] = (float) (scale * random.nextGaussian());
      }
      Tensor base = kernels.allocate(baseRows, baseColumns);
      kernels.write(base, values);
      bases.add(base);
      return base;
    }

    SelectiveScan scan() {
      int n = pick(new int[] {1, 2, 15, 16, 17, 33});
      Tensor a = tensor(columns, n);
      kernels.negativeExpForward(a, a);
      return new SelectiveScan(
          segments,
          tensor(rows, columns),
          scaled(rows, columns, 2),
          perhaps() ? tensor(1, columns) : null,
          a,
          tensor(rows, n),
          tensor(rows, n),
          perhaps() ? tensor(1, columns) : null,
          perhaps() ? tensor(rows, columns) : null,
          perhaps() ? tensor(segments.batch(), columns * n) : null,
          tensor(rows, columns),
          perhaps() ? tensor(segments.batch(), columns * n) : null,
          perhaps() ? kernels.allocate(SelectiveScan.keptRows(segments), columns * n) : null);
    }

    /** Complex numbers of negative real part, [columns, 2 n]. */
    Tensor transition(int n) {
      Tensor a = tensor(columns, 2 * n);
      kernels.negativeExpForward(a.columnRange(0, n), a.columnRange(0, n));
      return a;
    }

    /** Numbers that decay, all at most 0. */
    private Tensor decays(int tensorRows, int tensorColumns) {
      Tensor decays = tensor(tensorRows, tensorColumns);
      kernels.negativeExpForward(decays, decays);
      return decays;
    }

    DiagonalScan diagonalScan() {
      boolean complex = perhaps();
      boolean constant = perhaps();
      int width = complex ? 2 * columns : columns;
      return new DiagonalScan(
          segments,
          complex,
          constant,
          scaled(constant ? 1 : rows, width, 0.2),
          tensor(rows, width),
          perhaps() ? tensor(1, width) : null,
          perhaps() ? tensor(segments.batch(), width) : null,
          tensor(rows, width),
          perhaps() ? tensor(segments.batch(), width) : null);
    }

    S4dScan s4dScan() {
      int width = 2 * pick(new int[] {1, 2, 3, 4, 5, 8});
      return new S4dScan(
          segments,
          tensor(rows, columns),
          scaled(columns, width, 0.2),
          tensor(columns, width),
          tensor(columns, width),
          perhaps() ? tensor(1, columns) : null,
          perhaps() ? tensor(segments.batch(), columns * width) : null,
          tensor(rows, columns),
          perhaps() ? tensor(segments.batch(), columns * width) : null);
    }

    GatedLinearAttention gatedLinearAttention() {
      int heads = 1 + random.nextInt(3);
      int keys = heads * width();
      int values = heads * width();
      boolean phased = perhaps();
      int states = keys * values / heads * (phased ? 2 : 1);
      return new GatedLinearAttention(
          segments,
          heads,
          tensor(rows, keys),
          tensor(rows, keys),
          tensor(rows, values),
          decays(rows, keys),
          phased ? scaled(rows, keys, 3) : null,
          perhaps() ? tensor(segments.batch(), states) : null,
          tensor(rows, values),
          perhaps() ? tensor(segments.batch(), states) : null);
    }

    DeltaRule deltaRule() {
      int heads = 1 + random.nextInt(3);
      int updates = 1 + random.nextInt(3);
      int key = width();
      int values = heads * width();
      int states = key * values;
      return new DeltaRule(
          segments,
          heads,
          updates,
          tensor(rows, heads * key),
          scaled(rows, updates * heads * key, 0.7 / Math.sqrt(key)),
          tensor(rows, updates * values),
          scaled(rows, updates * heads, 0.3),
          perhaps() ? decays(rows, heads) : null,
          perhaps() ? tensor(segments.batch(), states) : null,
          tensor(rows, values),
          perhaps() ? tensor(segments.batch(), states) : null);
    }

    StructuredCdeSolve structuredCde(CdeSolver solver) {
      int n = width();
      TransitionStructure structure =
          switch (random.nextInt(5)) {
            case 0 -> TransitionStructure.blockDiagonal(n, 1);
            case 1 -> TransitionStructure.dense(n);
            case 2 -> TransitionStructure.blockDiagonal(4 * n, pick(new int[] {2, 4, n}));
            case 3 -> TransitionStructure.diagonalPlusLowRank(n, random.nextInt(4));
            default -> TransitionStructure.walshHadamard(1 << random.nextInt(7));
          };
      int states = structure.states();
      int w = 1 + random.nextInt(4);
      Tensor dOmega = scaled(rows, w, 0.1);
      if (rows > 2) {
        kernels.fill(dOmega.rowRange(1, 3), 0);
      }
      double scale = Math.sqrt((double) states / structure.coefficients());
      return new StructuredCdeSolve(
          solver,
          structure,
          segments,
          dOmega,
          base(w + 1, structure.coefficients(), scale).rowRange(0, w),
          perhaps() ? scaled(rows, states, 0.1) : null,
          perhaps() ? tensor(segments.batch(), states) : null,
          tensor(rows, states),
          perhaps() ? tensor(segments.batch(), states) : null);
    }

    RecurrentScan recurrentScan(RecurrentCell cell) {
      int gates = cell.gates() * columns;
      int states = cell.stateParts() * columns;
      return new RecurrentScan(
          cell,
          segments,
          tensor(rows, gates),
          base(gates + 1, columns, 0.5 / Math.sqrt(columns)).rowRange(0, gates),
          perhaps() ? tensor(segments.batch(), states) : null,
          tensor(rows, columns),
          tensor(rows, RecurrentScan.savedColumns(cell, columns)),
          perhaps() ? tensor(segments.batch(), states) : null);
    }

    CausalAttention attention() {
      int heads = 1 + random.nextInt(3);
      int keys = heads * width();
      int values = heads * width();
      int[] lengths = new int[segments.batch()];
      Arrays.setAll(lengths, b -> segments.length(b) + random.nextInt(20));
      Segments keySegments = Segments.ofLengths(lengths);
      return new CausalAttention(
          segments,
          keySegments,
          heads,
          tensor(rows, keys),
          tensor(keySegments.rows(), keys),
          tensor(keySegments.rows(), values),
          tensor(rows, values),
          tensor(rows, heads));
    }

    /** From a thousandth to a thousand. */
    Tensor durations() {
      Tensor durations = kernels.allocate(rows, 1);
      double[] values = new double[rows];
      Arrays.setAll(values, r -> (float) Math.pow(10, 6 * random.nextDouble() - 3));
      kernels.write(durations, values);
      return durations;
    }

    LinearCdeSolve cde(CdeSolver solver) {
      int n = width();
      int w = 1 + random.nextInt(4);
      int x = 1 + random.nextInt(3);
      boolean driven = perhaps();
      Tensor dOmega = scaled(rows, w, 0.1);
      Tensor a = base(w * n + 1, n, 1 / Math.sqrt(n)).rowRange(0, w * n);
      if (rows > 2) {
        kernels.fill(dOmega.rowRange(1, 3), 0);
      }
      return new LinearCdeSolve(
          solver,
          segments,
          dOmega,
          a,
          driven ? tensor(rows, x) : null,
          driven ? scaled(n, x, 0.1) : null,
          perhaps() ? tensor(segments.batch(), n) : null,
          tensor(rows, n),
          perhaps() ? tensor(segments.batch(), n) : null);
    }

    /**
     * How far the operands, after the operation, and the results are from those of the same case on
     * other kernels, in units of what rounding explains: above 1 is a defect.
     */
    double distance(Case expected) {
      // Sums over the rows lose digits like the root of their number.
      double tolerance = 2e-5 * Math.sqrt(1 + rows / 16.0);
      double worst = 0;
      for (int i = 0; i < bases.size(); i++) {
        double[] wanted = expected.kernels.toDoubles(expected.bases.get(i));
        double[] got = kernels.toDoubles(bases.get(i));
        double scale = Math.max(1, Arrays.stream(wanted).map(Math::abs).max().orElse(0));
        for (int k = 0; k < wanted.length; k++) {
          worst = greater(worst, difference(wanted[k], got[k]) / (tolerance * scale));
        }
      }
      for (int i = 0; i < results.size(); i++) {
        double wanted = expected.results.get(i);
        double scale = Math.max(1, Math.abs(wanted));
        worst = greater(worst, difference(wanted, results.get(i)) / (1e-6 * scale));
      }
      return worst;
    }

    private static double difference(double wanted, double got) {
      return Double.compare(wanted, got) == 0 ? 0 : Math.abs(wanted - got);
    }

    /** NaN, where a number is missing, is the worst. */
    private static double greater(double worst, double next) {
      return Double.isNaN(next) ? Double.POSITIVE_INFINITY : Math.max(worst, next);
    }
  }
}
