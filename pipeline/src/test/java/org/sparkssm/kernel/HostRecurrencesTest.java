package org.sparkssm.kernel;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.sparkssm.testing.RecurrenceOracle.check;

import java.util.Arrays;
import java.util.stream.Stream;
import org.bytedeco.javacpp.BytePointer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.sparkssm.testing.BaselineOracle;
import org.sparkssm.testing.Recurrence;
import org.sparkssm.testing.Recurrence.Operands;
import org.sparkssm.testing.RecurrenceOracle;
import org.sparkssm.testing.StructuredCdeOracle;

/** The native recurrences on every instruction set this machine has. */
class HostRecurrencesTest {
  /**
   * Lengths 1, primes, and around the chunks of 16 and 32 steps in which backwards recompute
   * states; past 1024 steps the chunk of S4D grows, and those of others are cut into blocks.
   */
  private static final Segments RAGGED = Segments.ofLengths(3, 0, 31, 1, 15, 16, 17, 32, 33, 97);

  private static final Segments LONG = Segments.ofLengths(1100);

  static Stream<String> targets() {
    return HostKernelsTest.targets().stream();
  }

  /** Widths below, at and above the 4, 8 and 16 lanes of a vector, and above four of them. */
  static Stream<Arguments> targetsAndRecurrences() {
    return targets()
        .flatMap(
            target ->
                Stream.of(
                        Recurrence.diagonalScan(false, false, true, 5),
                        Recurrence.diagonalScan(false, true, false, 37),
                        Recurrence.diagonalScan(true, false, false, 34),
                        Recurrence.diagonalScan(true, true, true, 14),
                        Recurrence.s4dScan(1, 1, false),
                        Recurrence.s4dScan(17, 3, true),
                        Recurrence.s4dScan(32, 8, true),
                        Recurrence.gatedLinearAttention(1, 1, 1, false),
                        Recurrence.gatedLinearAttention(2, 17, 5, false),
                        Recurrence.gatedLinearAttention(1, 16, 100, false),
                        Recurrence.gatedLinearAttention(3, 5, 33, true),
                        Recurrence.gatedLinearAttention(8, 1, 1, true),
                        Recurrence.deltaRule(1, 1, 1, 1, false),
                        Recurrence.deltaRule(2, 1, 17, 5, true),
                        Recurrence.deltaRule(1, 2, 7, 100, false),
                        Recurrence.deltaRule(2, 3, 16, 33, true),
                        cde(TransitionStructure.blockDiagonal(37, 1), CdeSolver.EULER),
                        cde(TransitionStructure.blockDiagonal(6, 2), CdeSolver.RK4),
                        cde(TransitionStructure.blockDiagonal(20, 4), CdeSolver.EXPONENTIAL),
                        cde(TransitionStructure.blockDiagonal(24, 8), CdeSolver.EULER),
                        cde(TransitionStructure.blockDiagonal(10, 5), CdeSolver.RK4),
                        cde(TransitionStructure.dense(37), CdeSolver.EXPONENTIAL),
                        cde(TransitionStructure.diagonalPlusLowRank(37, 3), CdeSolver.EULER),
                        cde(TransitionStructure.diagonalPlusLowRank(5, 0), CdeSolver.EXPONENTIAL),
                        cde(TransitionStructure.walshHadamard(1), CdeSolver.EULER),
                        cde(TransitionStructure.walshHadamard(8), CdeSolver.RK4),
                        cde(TransitionStructure.walshHadamard(64), CdeSolver.EXPONENTIAL),
                        cde(scattered(29), CdeSolver.EXPONENTIAL),
                        Recurrence.recurrentScan(RecurrentCell.TANH, 1),
                        Recurrence.recurrentScan(RecurrentCell.TANH, 37),
                        Recurrence.recurrentScan(RecurrentCell.LSTM, 5),
                        Recurrence.recurrentScan(RecurrentCell.LSTM, 48))
                    .map(recurrence -> Arguments.of(target, recurrence)));
  }

  private static Recurrence cde(TransitionStructure structure, CdeSolver solver) {
    return Recurrence.structuredCde(structure, solver, 3, structure.states() % 2 == 1);
  }

  /** Rows of 0, 1, 2, 0, 1, ... entries. */
  private static TransitionStructure scattered(int states) {
    int[] rowBegin = new int[states + 1];
    for (int i = 0; i < states; i++) {
      rowBegin[i + 1] = rowBegin[i] + i % 3;
    }
    int[] columns = new int[rowBegin[states]];
    Arrays.setAll(columns, e -> 7 * e % states);
    return TransitionStructure.sparse(rowBegin, columns);
  }

  private static void select(String target) {
    NativeLibrary.requireLoaded();
    try (BytePointer name = new BytePointer(target)) {
      NativeLibrary.check(Native.ssm_target_select(name), "ssm_target_select");
    }
  }

  @AfterEach
  void selectBestTarget() {
    select("auto");
  }

  @ParameterizedTest
  @MethodSource("targets")
  void recurrencesAgreeWithOracle(String target) {
    select(target);
    try (HostKernels kernels = new HostKernels()) {
      RecurrenceOracle oracle = new RecurrenceOracle(kernels, 2e-5, 2e-4);
      oracle.checkDiagonalScan();
      oracle.checkS4d();
      oracle.checkS5();
      oracle.checkGatedLinearAttention();
      oracle.checkDeltaRule();
      new StructuredCdeOracle(kernels, 2e-5, 2e-4).checkAll();
      BaselineOracle baselines = new BaselineOracle(kernels, 2e-5, 2e-4);
      baselines.checkRecurrentScans();
      baselines.checkAttention();
    }
  }

  @ParameterizedTest
  @MethodSource("targetsAndRecurrences")
  void recurrencesAgreeWithReference(String target, Recurrence recurrence) {
    compareWithReference(target, recurrence, RAGGED);
  }

  @ParameterizedTest
  @MethodSource("targetsAndRecurrences")
  void longSequencesAgreeWithReference(String target, Recurrence recurrence) {
    compareWithReference(target, recurrence, LONG);
  }

  private static void compareWithReference(
      String target, Recurrence recurrence, Segments segments) {
    select(target);
    Operands inputs = recurrence.randomInputs(5, segments, true);
    double[] cotangent = new double[segments.rows() * recurrence.outputColumns()];
    Arrays.setAll(cotangent, i -> (float) Math.cos(1.7 * i));
    double[] cotangentOfLast = new double[segments.batch() * recurrence.stateColumns()];
    Arrays.setAll(cotangentOfLast, i -> (float) Math.sin(2.3 * i + 1));
    try (HostKernels host = new HostKernels();
        ReferenceKernels reference = new ReferenceKernels(Precision.DOUBLE)) {
      Operands expected = recurrence.run(reference, inputs);
      Operands actual = recurrence.run(host, inputs);
      check(recurrence + " output", expected.output(), actual.output(), 2e-5);
      check(recurrence + " last", expected.last(), actual.last(), 2e-5);
      Operands expectedGradients =
          recurrence.gradients(reference, inputs, cotangent, cotangentOfLast);
      Operands actualGradients = recurrence.gradients(host, inputs, cotangent, cotangentOfLast);
      for (int i = 0; i < inputs.rows().length; i++) {
        check(
            recurrence + " gradient of row input " + i,
            expectedGradients.rows()[i],
            actualGradients.rows()[i],
            2e-4);
      }
      for (int i = 0; i < inputs.parameters().length; i++) {
        check(
            recurrence + " gradient of parameter " + i,
            expectedGradients.parameters()[i],
            actualGradients.parameters()[i],
            2e-4);
      }
      check(
          recurrence + " gradient of the initial state",
          expectedGradients.initial(),
          actualGradients.initial(),
          2e-4);
    }
  }

  /** Nothing happens to a state in no steps. */
  @ParameterizedTest
  @MethodSource("targetsAndRecurrences")
  void sequencesWithoutStepsPassOnTheGradientOfTheirState(String target, Recurrence recurrence) {
    compareWithReference(target, recurrence, Segments.ofLengths(0, 0));
  }

  @ParameterizedTest
  @MethodSource("targetsAndRecurrences")
  void emptyBatchIsAllowed(String target, Recurrence recurrence) {
    select(target);
    try (HostKernels kernels = new HostKernels()) {
      Operands inputs = recurrence.randomInputs(4, Segments.ofLengths(), true);
      Operands gradients = recurrence.gradients(kernels, inputs, new double[0], new double[0]);
      for (double[] gradient : gradients.parameters()) {
        assertArrayEquals(new double[gradient.length], gradient);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("targetsAndRecurrences")
  void sameCallGivesTheSameBitsAlsoWithoutOtherSequences(String target, Recurrence recurrence) {
    select(target);
    int state = recurrence.stateColumns();
    try (HostKernels kernels = new HostKernels()) {
      Operands inputs = recurrence.randomInputs(6, RAGGED, true);
      double[] together = recurrence.run(kernels, inputs).output();
      assertArrayEquals(together, recurrence.run(kernels, inputs).output());
      int b = RAGGED.batch() - 1;
      int[] columns = recurrence.rowColumns();
      double[][] rows = new double[columns.length][];
      for (int i = 0; i < rows.length; i++) {
        int begin = RAGGED.offset(b) * columns[i];
        rows[i] = Arrays.copyOfRange(inputs.rows()[i], begin, inputs.rows()[i].length);
      }
      double[] initial = Arrays.copyOfRange(inputs.initial(), b * state, (b + 1) * state);
      Segments alone = Segments.ofLengths(RAGGED.length(b));
      Operands one = new Operands(alone, rows, inputs.parameters(), initial, null, null);
      int first = RAGGED.offset(b) * recurrence.outputColumns();
      assertArrayEquals(
          Arrays.copyOfRange(together, first, together.length),
          recurrence.run(kernels, one).output());
    }
  }
}
