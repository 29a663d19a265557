package org.sparkssm.bench;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.sparkssm.kernel.CdeSolver;
import org.sparkssm.kernel.DeltaRule;
import org.sparkssm.kernel.DiagonalScan;
import org.sparkssm.kernel.GatedLinearAttention;
import org.sparkssm.kernel.Kernels;
import org.sparkssm.kernel.LinearCdeSolve;
import org.sparkssm.kernel.S4dScan;
import org.sparkssm.kernel.SelectiveScan;
import org.sparkssm.kernel.StructuredCdeSolve;
import org.sparkssm.kernel.Tensor;
import org.sparkssm.kernel.TransitionStructure;

/** The operations that are timed, by name. */
final class Operations {
  private Operations() {}

  /**
   * @param sizes of the operation, by the glossary's letters
   * @param trained whether a backward follows
   */
  static Operation of(String name, JsonNode sizes, boolean trained, Operands operands) {
    return switch (name) {
      case "selective-scan" -> new Selective(sizes, trained, operands);
      case "gla" -> new Gated(sizes, operands);
      case "delta-rule" -> new Delta(sizes, operands);
      case "s4d" -> new S4d(sizes, operands);
      case "s5" -> new S5(sizes, operands);
      case "linear-cde" -> new Dense(sizes, trained, operands);
      case "structured-cde" -> new Structured(sizes, trained, operands);
      default -> throw new IllegalArgumentException(name);
    };
  }

  /** Keeps the gradients of what all threads share, which backwards add to. */
  private abstract static class Base implements Operation {
    final Kernels kernels;
    private final List<Result> results = new ArrayList<>();

    Base(Operands operands) {
      kernels = operands.kernels();
    }

    Tensor ofRows(String name, Tensor tensor) {
      results.add(new Result(name, tensor, true));
      return tensor;
    }

    Tensor ofShared(String name, Tensor operand) {
      Tensor tensor = kernels.zeros(operand.rows(), operand.columns());
      results.add(new Result(name, tensor, false));
      return tensor;
    }

    @Override
    public void backward() {
      results.stream().filter(r -> !r.ofRows()).forEach(r -> kernels.fill(r.tensor(), 0));
      addGradients();
    }

    abstract void addGradients();

    @Override
    public List<Result> results() {
      return results;
    }
  }

  private static final class Selective extends Base {
    private final SelectiveScan scan;
    private final SelectiveScan.Gradients gradients;

    Selective(JsonNode sizes, boolean trained, Operands x) {
      super(x);
      int d = sizes.get("D").intValue();
      int n = sizes.get("N").intValue();
      scan =
          new SelectiveScan(
              x.segments(),
              x.ofSteps("u", d),
              x.ofSteps("deltaRaw", d),
              null,
              x.shared("a", d, n),
              x.ofSteps("b", n),
              x.ofSteps("c", n),
              null,
              null,
              null,
              ofRows("y", x.steps(d)),
              null,
              trained ? x.kernels().allocate(SelectiveScan.keptRows(x.segments()), d * n) : null);
      gradients =
          new SelectiveScan.Gradients(
              x.ofSteps("dy", d),
              null,
              ofRows("du", x.steps(d)),
              ofRows("dDeltaRaw", x.steps(d)),
              null,
              ofShared("da", scan.a()),
              ofRows("db", x.steps(n)),
              ofRows("dc", x.steps(n)),
              null,
              null,
              null);
    }

    @Override
    public void forward() {
      kernels.selectiveScanForward(scan);
    }

    @Override
    void addGradients() {
      kernels.selectiveScanBackward(scan, gradients);
    }
  }

  private static final class Gated extends Base {
    private final GatedLinearAttention scan;
    private final GatedLinearAttention.Gradients gradients;

    Gated(JsonNode sizes, Operands x) {
      super(x);
      int heads = sizes.get("H").intValue();
      int keys = heads * sizes.get("K").intValue();
      int values = heads * sizes.get("V").intValue();
      scan =
          new GatedLinearAttention(
              x.segments(),
              heads,
              x.ofSteps("q", keys),
              x.ofSteps("k", keys),
              x.ofSteps("v", values),
              x.ofSteps("logAlpha", keys),
              null,
              null,
              ofRows("y", x.steps(values)),
              null);
      gradients =
          new GatedLinearAttention.Gradients(
              x.ofSteps("dy", values),
              null,
              ofRows("dq", x.steps(keys)),
              ofRows("dk", x.steps(keys)),
              ofRows("dv", x.steps(values)),
              ofRows("dLogAlpha", x.steps(keys)),
              null,
              null);
    }

    @Override
    public void forward() {
      kernels.gatedLinearAttentionForward(scan);
    }

    @Override
    void addGradients() {
      kernels.gatedLinearAttentionBackward(scan, gradients);
    }
  }

  private static final class Delta extends Base {
    private final DeltaRule rule;
    private final DeltaRule.Gradients gradients;

    Delta(JsonNode sizes, Operands x) {
      super(x);
      int heads = sizes.get("H").intValue();
      int keys = heads * sizes.get("K").intValue();
      int values = heads * sizes.get("V").intValue();
      rule =
          new DeltaRule(
              x.segments(),
              heads,
              1,
              x.ofSteps("q", keys),
              x.ofSteps("k", keys),
              x.ofSteps("v", values),
              x.ofSteps("beta", heads),
              null,
              null,
              ofRows("y", x.steps(values)),
              null);
      gradients =
          new DeltaRule.Gradients(
              x.ofSteps("dy", values),
              null,
              ofRows("dq", x.steps(keys)),
              ofRows("dk", x.steps(keys)),
              ofRows("dv", x.steps(values)),
              ofRows("dBeta", x.steps(heads)),
              null,
              null);
    }

    @Override
    public void forward() {
      kernels.deltaRuleForward(rule);
    }

    @Override
    void addGradients() {
      kernels.deltaRuleBackward(rule, gradients);
    }
  }

  private static final class S4d extends Base {
    private final S4dScan scan;
    private final S4dScan.Gradients gradients;

    S4d(JsonNode sizes, Operands x) {
      super(x);
      int d = sizes.get("D").intValue();
      int n = sizes.get("N").intValue();
      scan =
          new S4dScan(
              x.segments(),
              x.ofSteps("u", d),
              x.shared("aBar", d, 2 * n),
              x.shared("bBar", d, 2 * n),
              x.shared("c", d, 2 * n),
              null,
              null,
              ofRows("y", x.steps(d)),
              null);
      gradients =
          new S4dScan.Gradients(
              x.ofSteps("dy", d),
              null,
              ofRows("du", x.steps(d)),
              ofShared("daBar", scan.aBar()),
              ofShared("dbBar", scan.bBar()),
              ofShared("dc", scan.c()),
              null,
              null);
    }

    @Override
    public void forward() {
      kernels.s4dScanForward(scan);
    }

    @Override
    void addGradients() {
      kernels.s4dScanBackward(scan, gradients);
    }
  }

  private static final class S5 extends Base {
    private final DiagonalScan scan;
    private final DiagonalScan.Gradients gradients;

    S5(JsonNode sizes, Operands x) {
      super(x);
      int columns = 2 * sizes.get("N").intValue();
      scan =
          new DiagonalScan(
              x.segments(),
              true,
              true,
              x.shared("aBar", 1, columns),
              x.ofSteps("u", columns),
              x.shared("bBar", 1, columns),
              null,
              ofRows("y", x.steps(columns)),
              null);
      gradients =
          new DiagonalScan.Gradients(
              x.ofSteps("dy", columns),
              null,
              ofShared("daBar", scan.a()),
              ofRows("du", x.steps(columns)),
              ofShared("dbBar", scan.gain()),
              null);
    }

    @Override
    public void forward() {
      kernels.diagonalScanForward(scan);
    }

    @Override
    void addGradients() {
      kernels.diagonalScanBackward(scan, gradients);
    }
  }

  private static CdeSolver solver(JsonNode sizes) {
    return CdeSolver.valueOf(sizes.get("solver").textValue());
  }

  private static final class Dense extends Base {
    private final LinearCdeSolve solve;
    private final LinearCdeSolve.Gradients gradients;

    Dense(JsonNode sizes, boolean trained, Operands x) {
      super(x);
      int w = sizes.get("W").intValue();
      int n = sizes.get("N").intValue();
      solve =
          new LinearCdeSolve(
              solver(sizes),
              x.segments(),
              x.ofSteps("dOmega", w),
              x.shared("a", w * n, n),
              null,
              null,
              x.ofSequences("initial", n),
              trained ? x.steps(n) : null,
              ofRows("last", x.sequences(n)));
      gradients =
          new LinearCdeSolve.Gradients(
              null,
              x.ofSequences("dLast", n),
              ofRows("dDOmega", x.steps(w)),
              ofShared("da", solve.a()),
              null,
              null,
              ofRows("dInitial", x.sequences(n)));
    }

    @Override
    public void forward() {
      kernels.linearCdeForward(solve);
    }

    @Override
    void addGradients() {
      kernels.linearCdeBackward(solve, gradients);
    }
  }

  private static final class Structured extends Base {
    private final StructuredCdeSolve solve;
    private final StructuredCdeSolve.Gradients gradients;

    Structured(JsonNode sizes, boolean trained, Operands x) {
      super(x);
      int w = sizes.get("W").intValue();
      int n = sizes.get("N").intValue();
      TransitionStructure structure = structure(sizes, n);
      solve =
          new StructuredCdeSolve(
              solver(sizes),
              structure,
              x.segments(),
              x.ofSteps("dOmega", w),
              x.shared("coefficients", w, structure.coefficients()),
              null,
              x.ofSequences("initial", n),
              trained ? x.steps(n) : null,
              ofRows("last", x.sequences(n)));
      gradients =
          new StructuredCdeSolve.Gradients(
              null,
              x.ofSequences("dLast", n),
              ofRows("dDOmega", x.steps(w)),
              ofShared("dCoefficients", solve.coefficients()),
              null,
              ofRows("dInitial", x.sequences(n)));
    }

    private static TransitionStructure structure(JsonNode sizes, int n) {
      return switch (sizes.get("structure").textValue()) {
        case "diagonal" -> TransitionStructure.blockDiagonal(n, 1);
        case "block-diagonal" -> TransitionStructure.blockDiagonal(n, sizes.get("b").intValue());
        case "low-rank" -> TransitionStructure.diagonalPlusLowRank(n, sizes.get("r").intValue());
        case "walsh-hadamard" -> TransitionStructure.walshHadamard(n);
        case "sparse" -> {
          int entries = sizes.get("entries").intValue(); // of every row, equally spaced
          int[] begin = IntStream.rangeClosed(0, n).map(i -> i * entries).toArray();
          int[] columns = new int[n * entries];
          Arrays.setAll(columns, e -> (e / entries + e % entries * (n / entries)) % n);
          yield TransitionStructure.sparse(begin, columns);
        }
        default -> throw new IllegalArgumentException(sizes.toString());
      };
    }

    @Override
    public void forward() {
      kernels.structuredCdeForward(solve);
    }

    @Override
    void addGradients() {
      kernels.structuredCdeBackward(solve, gradients);
    }
  }
}
