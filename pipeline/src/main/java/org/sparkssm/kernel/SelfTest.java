package org.sparkssm.kernel;

import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * Every operation of the kernels that a machine has, against the reference kernels, with timings:
 * what a new GPU host or an unknown processor is tried with. It needs the library's jar, JavaCPP's
 * and that of Commons Math 3 on the class path; without ND4J's the processor's kernels are left
 * out, and say so.
 *
 * <pre>
 * java -cp spark-ssm-pipeline.jar:spark-ssm-pipeline-linux-x86_64-cuda.jar:javacpp.jar:commons-math3.jar
 *     org.sparkssm.kernel.SelfTest</pre>
 */
public final class SelfTest {
  private static final int CASES = 24;

  private SelfTest() {}

  /**
   * How an operation did.
   *
   * @param operation method of {@link Kernels}
   * @param distance greatest difference from the reference in units of what rounding explains;
   *     above 1 is a defect
   * @param failure nullable: what was thrown
   * @param seconds all cases took
   * @param referenceSeconds they took on the reference kernels
   */
  public record Outcome(
      String operation, double distance, String failure, double seconds, double referenceSeconds) {
    /** Whether the operation is right. */
    public boolean passed() {
      return failure == null && distance <= 1;
    }
  }

  /** Kernels under test, or why the machine lacks them. */
  private record Candidate(String name, Optional<String> missing, Opener opener) {}

  private interface Opener {
    Kernels open();
  }

  /**
   * Tests whatever the machine has.
   *
   * @param arguments none
   */
  public static void main(String[] arguments) {
    System.exit(run(System.out) ? 0 : 1);
  }

  /**
   * Tests the kernels of plain Java, of the processor and of the first GPU, and prints a table for
   * each.
   *
   * @return whether every operation of every device that is there passed
   */
  public static boolean run(PrintStream out) {
    boolean passed = true;
    for (Candidate candidate : candidates()) {
      if (candidate.missing().isPresent()) {
        out.println(candidate.name() + " was not tested: " + candidate.missing().get());
        continue;
      }
      try (Kernels kernels = candidate.opener().open()) {
        out.println(kernels.description());
        for (Outcome outcome : test(kernels)) {
          passed &= outcome.passed();
          out.println(line(outcome));
        }
      }
    }
    out.println(passed ? "every operation agrees with the reference" : "FAILED");
    return passed;
  }

  private static List<Candidate> candidates() {
    return List.of(
        new Candidate("plain Java", Optional.empty(), () -> new ReferenceKernels(Precision.FLOAT)),
        new Candidate("the processor", HostKernels.unavailableReason(), () -> new HostKernels()),
        new Candidate(
            "the GPU",
            CudaKernels.unavailableReason(GpuSettings.FIRST),
            () -> new CudaKernels(GpuSettings.FIRST)));
  }

  /** Every operation on random shapes, the same ones on the reference kernels. */
  static List<Outcome> test(Kernels kernels) {
    List<Outcome> outcomes = new ArrayList<>();
    for (Map.Entry<String, OperationCases.Operation> entry : OperationCases.OPERATIONS.entrySet()) {
      outcomes.add(test(kernels, entry.getKey(), entry.getValue()));
    }
    return outcomes;
  }

  private static Outcome test(Kernels kernels, String name, OperationCases.Operation operation) {
    double worst = 0;
    long nanos = 0;
    long referenceNanos = 0;
    try (ReferenceKernels reference = new ReferenceKernels(Precision.DOUBLE)) {
      for (long seed = 0; seed < CASES; seed++) {
        OperationCases.Case expected = new OperationCases.Case(reference, seed);
        long start = System.nanoTime();
        operation.run(expected);
        referenceNanos += System.nanoTime() - start;
        long number = seed;
        long[] spent = new long[1];
        worst =
            Math.max(
                worst,
                kernels.scope(
                    () -> {
                      OperationCases.Case actual = new OperationCases.Case(kernels, number);
                      long begin = System.nanoTime();
                      operation.run(actual);
                      // Reading waits for a GPU.
                      kernels.toDoubles(kernels.zeros(1, 1));
                      spent[0] = System.nanoTime() - begin;
                      return actual.distance(expected);
                    }));
        nanos += spent[0];
      }
    } catch (RuntimeException e) {
      return new Outcome(name, worst, e.toString(), nanos * 1e-9, referenceNanos * 1e-9);
    }
    return new Outcome(name, worst, null, nanos * 1e-9, referenceNanos * 1e-9);
  }

  private static String line(Outcome outcome) {
    return String.format(
        Locale.ROOT,
        "  %-4s %-30s difference %8.2g of the allowed  %9.3f ms, reference %9.3f ms%s",
        outcome.passed() ? "ok" : "FAIL",
        outcome.operation(),
        outcome.distance(),
        1e3 * outcome.seconds(),
        1e3 * outcome.referenceSeconds(),
        outcome.failure() == null ? "" : "  " + outcome.failure());
  }
}
