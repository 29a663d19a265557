package org.sparkssm.kernel;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.sparkssm.testing.RecurrenceOracle.check;

import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.sparkssm.testing.BaselineOracle;
import org.sparkssm.testing.Recurrence;
import org.sparkssm.testing.Recurrence.Operands;
import org.sparkssm.testing.RecurrenceOracle;
import org.sparkssm.testing.StructuredCdeOracle;

class ReferenceRecurrencesTest {
  private final ReferenceKernels kernels = new ReferenceKernels(Precision.DOUBLE);
  private final RecurrenceOracle oracle = new RecurrenceOracle(kernels, 1e-12, 1e-11);

  static Stream<Recurrence> recurrences() {
    return Stream.of(
        Recurrence.diagonalScan(false, false, false, 3),
        Recurrence.diagonalScan(false, true, true, 3),
        Recurrence.diagonalScan(true, false, true, 6),
        Recurrence.diagonalScan(true, true, true, 4),
        Recurrence.s4dScan(3, 2, true),
        Recurrence.gatedLinearAttention(2, 3, 2, false),
        Recurrence.gatedLinearAttention(2, 2, 3, true),
        Recurrence.deltaRule(2, 1, 3, 2, false),
        Recurrence.deltaRule(2, 1, 2, 3, true),
        Recurrence.deltaRule(1, 3, 3, 2, true),
        cde(TransitionStructure.blockDiagonal(4, 1), CdeSolver.EULER),
        cde(TransitionStructure.blockDiagonal(4, 2), CdeSolver.RK4),
        cde(TransitionStructure.dense(3), CdeSolver.EXPONENTIAL),
        cde(TransitionStructure.diagonalPlusLowRank(3, 2), CdeSolver.EULER),
        cde(TransitionStructure.diagonalPlusLowRank(3, 1), CdeSolver.EXPONENTIAL),
        cde(TransitionStructure.walshHadamard(4), CdeSolver.RK4),
        cde(
            TransitionStructure.sparse(new int[] {0, 2, 2, 3}, new int[] {0, 2, 1}),
            CdeSolver.EXPONENTIAL),
        Recurrence.recurrentScan(RecurrentCell.TANH, 3),
        Recurrence.recurrentScan(RecurrentCell.LSTM, 2));
  }

  private static Recurrence cde(TransitionStructure structure, CdeSolver solver) {
    return Recurrence.structuredCde(structure, solver, 2, true);
  }

  @Test
  void structuredLinearCdesAgreeWithOracle() {
    new StructuredCdeOracle(kernels, 1e-12, 1e-11).checkAll();
  }

  @Test
  void recurrentCellsAndAttentionAgreeWithOracle() {
    BaselineOracle baselines = new BaselineOracle(kernels, 1e-12, 1e-11);
    baselines.checkRecurrentScans();
    baselines.checkAttention();
  }

  @Test
  void diagonalScanAgreesWithOracle() {
    oracle.checkDiagonalScan();
  }

  @Test
  void s4dAgreesWithOracleAndWithItsConvolutionKernel() {
    oracle.checkS4d();
  }

  @Test
  void s5AgreesWithOracle() {
    oracle.checkS5();
  }

  @Test
  void gatedLinearAttentionAgreesWithOracle() {
    oracle.checkGatedLinearAttention();
  }

  @Test
  void deltaRuleAgreesWithOracle() {
    oracle.checkDeltaRule();
  }

  /** A = -2 + 2i, step 1: (1 + A/2) / (1 - A/2) = i / (2 - i) and 1 / (1 - A/2) = 1 / (2 - i). */
  @Test
  void bilinearDiscretizationFollowsTheTrapezoidalRule() {
    Tensor logStep = kernels.zeros(1, 1);
    Tensor a = kernels.allocate(1, 2);
    kernels.write(a, new double[] {-2, 2});
    Tensor aBar = kernels.allocate(1, 2);
    Tensor bBar = kernels.allocate(1, 2);
    kernels.discretizeForward(Discretization.BILINEAR, logStep, a, aBar, bBar);
    assertArrayEquals(new double[] {-0.2, 0.4}, kernels.toDoubles(aBar), 1e-15);
    assertArrayEquals(new double[] {0.4, 0.2}, kernels.toDoubles(bBar), 1e-15);
  }

  /** The gain of a diagonal scan and ragged batches are in no file of oracle values. */
  @ParameterizedTest
  @MethodSource("recurrences")
  void gradientsAgreeWithFiniteDifferences(Recurrence recurrence) {
    Segments segments = Segments.ofLengths(3, 0, 1, 5);
    Operands inputs = recurrence.randomInputs(1, segments, true);
    Operands cotangents = cotangents(recurrence, segments);
    Operands analytic =
        recurrence.gradients(kernels, inputs, cotangents.output(), cotangents.last());
    for (int i = 0; i < inputs.rows().length; i++) {
      compare(recurrence, inputs, cotangents, inputs.rows()[i], analytic.rows()[i]);
    }
    for (int i = 0; i < inputs.parameters().length; i++) {
      compare(recurrence, inputs, cotangents, inputs.parameters()[i], analytic.parameters()[i]);
    }
    compare(recurrence, inputs, cotangents, inputs.initial(), analytic.initial());
  }

  private void compare(
      Recurrence recurrence,
      Operands inputs,
      Operands cotangents,
      double[] variable,
      double[] analytic) {
    double step = 1e-4;
    double[] factors = {1.0 / 12, -8.0 / 12, 8.0 / 12, -1.0 / 12};
    double[] shifts = {-2, -1, 1, 2};
    double[] numeric = new double[variable.length];
    for (int i = 0; i < variable.length; i++) {
      double kept = variable[i];
      for (int j = 0; j < shifts.length; j++) {
        variable[i] = kept + shifts[j] * step;
        numeric[i] += factors[j] * loss(recurrence.run(kernels, inputs), cotangents) / step;
      }
      variable[i] = kept;
    }
    check(recurrence.toString(), numeric, analytic, 1e-9);
  }

  private static double loss(Operands outputs, Operands cotangents) {
    double sum = 0;
    for (int i = 0; i < outputs.output().length; i++) {
      sum += outputs.output()[i] * cotangents.output()[i];
    }
    for (int i = 0; i < outputs.last().length; i++) {
      sum += outputs.last()[i] * cotangents.last()[i];
    }
    return sum;
  }

  private static Operands cotangents(Recurrence recurrence, Segments segments) {
    double[] output = new double[segments.rows() * recurrence.outputColumns()];
    Arrays.setAll(output, i -> Math.cos(1.7 * i));
    double[] last = new double[segments.batch() * recurrence.stateColumns()];
    Arrays.setAll(last, i -> Math.sin(2.3 * i + 1));
    return new Operands(segments, null, null, null, output, last);
  }

  @ParameterizedTest
  @MethodSource("recurrences")
  void sequenceSplitAnywhereGivesTheSameNumbers(Recurrence recurrence) {
    int length = 7;
    Operands whole = recurrence.randomInputs(2, Segments.ofLengths(length), true);
    Operands expected = recurrence.run(kernels, whole);
    for (int split = 0; split <= length; split++) {
      Operands head = recurrence.run(kernels, part(recurrence, whole, 0, split, whole.initial()));
      Operands tail = recurrence.run(kernels, part(recurrence, whole, split, length, head.last()));
      double[] joined = Arrays.copyOf(head.output(), expected.output().length);
      System.arraycopy(tail.output(), 0, joined, head.output().length, tail.output().length);
      assertArrayEquals(expected.output(), joined, recurrence + " split at " + split);
      assertArrayEquals(expected.last(), tail.last(), recurrence + " split at " + split);
    }
  }

  @ParameterizedTest
  @MethodSource("recurrences")
  void raggedBatchGivesTheNumbersOfItsSequencesOneByOne(Recurrence recurrence) {
    Segments segments = Segments.ofLengths(3, 0, 1, 5, 2);
    Operands batch = recurrence.randomInputs(3, segments, true);
    Operands together = recurrence.run(kernels, batch);
    int state = recurrence.stateColumns();
    int columns = recurrence.outputColumns();
    for (int b = 0; b < segments.batch(); b++) {
      int begin = segments.offset(b);
      int end = begin + segments.length(b);
      double[] initial = Arrays.copyOfRange(batch.initial(), b * state, (b + 1) * state);
      Operands alone = recurrence.run(kernels, part(recurrence, batch, begin, end, initial));
      assertArrayEquals(
          Arrays.copyOfRange(together.output(), begin * columns, end * columns), alone.output());
      assertArrayEquals(
          Arrays.copyOfRange(together.last(), b * state, (b + 1) * state), alone.last());
    }
  }

  @ParameterizedTest
  @MethodSource("recurrences")
  void emptyBatchIsAllowed(Recurrence recurrence) {
    Operands inputs = recurrence.randomInputs(4, Segments.ofLengths(), true);
    Operands gradients = recurrence.gradients(kernels, inputs, new double[0], new double[0]);
    for (double[] gradient : gradients.parameters()) {
      assertArrayEquals(new double[gradient.length], gradient);
    }
  }

  private static Operands part(
      Recurrence recurrence, Operands whole, int begin, int end, double[] initial) {
    int[] columns = recurrence.rowColumns();
    double[][] rows = new double[columns.length][];
    for (int i = 0; i < rows.length; i++) {
      rows[i] = Arrays.copyOfRange(whole.rows()[i], begin * columns[i], end * columns[i]);
    }
    return new Operands(
        Segments.ofLengths(end - begin), rows, whole.parameters(), initial, null, null);
  }
}
