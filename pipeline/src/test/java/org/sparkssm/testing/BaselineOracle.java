package org.sparkssm.testing;

import org.sparkssm.kernel.CausalAttention;
import org.sparkssm.kernel.Kernels;
import org.sparkssm.kernel.RecurrentCell;
import org.sparkssm.kernel.RecurrentScan;
import org.sparkssm.kernel.Segments;
import org.sparkssm.kernel.Tensor;
import org.sparkssm.testing.OracleFile.Case;

/** Holds attention and the recurrent cells of any kernels against {@code layers.json}. */
public final class BaselineOracle {
  private final Kernels kernels;
  private final double outputTolerance;
  private final double gradientTolerance;

  public BaselineOracle(Kernels kernels, double outputTolerance, double gradientTolerance) {
    this.kernels = kernels;
    this.outputTolerance = outputTolerance;
    this.gradientTolerance = gradientTolerance;
  }

  /** Cases rnn_tanh and lstm, with the products of the input around the scan. */
  public void checkRecurrentScans() {
    OracleFile.cases("layers.json", "rnn_tanh").forEach(c -> check(c, RecurrentCell.TANH));
    OracleFile.cases("layers.json", "lstm").forEach(c -> check(c, RecurrentCell.LSTM));
  }

  private void check(Case c, RecurrentCell cell) {
    int batch = c.parameter("batch").asInt();
    int input = c.parameter("input").asInt();
    int hidden = c.parameter("hidden").asInt();
    Segments segments = Segments.uniform(batch, c.parameter("length").asInt());
    int rows = segments.rows();
    int gates = cell.gates() * hidden;
    boolean lstm = cell == RecurrentCell.LSTM;
    Tensor x = tensor(rows, input, c.input("x"));
    Tensor inWeight = tensor(gates, input, c.input("w_ih"));
    Tensor p = kernels.allocate(rows, gates);
    kernels.gemm(false, true, 1, x, inWeight, 0, p);
    kernels.addRow(tensor(1, gates, c.input("b_ih")), p);
    kernels.addRow(tensor(1, gates, c.input("b_hh")), p);
    Tensor initial = kernels.allocate(batch, cell.stateParts() * hidden);
    kernels.write(initial.columnRange(0, hidden), c.input("h0"));
    if (lstm) {
      kernels.write(initial.columnRange(hidden, 2 * hidden), c.input("c0"));
    }
    RecurrentScan scan =
        new RecurrentScan(
            cell,
            segments,
            p,
            tensor(gates, hidden, c.input("w_hh")),
            initial,
            kernels.allocate(rows, hidden),
            lstm ? kernels.allocate(rows, RecurrentScan.savedColumns(cell, hidden)) : null,
            kernels.allocate(batch, cell.stateParts() * hidden));
    kernels.recurrentScanForward(scan);
    output(c, "h", scan.h());
    if (lstm) {
      output(c, "c_last", scan.last().columnRange(hidden, 2 * hidden));
    }
    RecurrentScan.Gradients g =
        new RecurrentScan.Gradients(
            tensor(rows, hidden, c.cotangent("h")),
            null,
            kernels.allocate(rows, gates),
            kernels.zeros(gates, hidden),
            kernels.allocate(batch, cell.stateParts() * hidden));
    kernels.recurrentScanBackward(scan, g);
    gradient(c, "w_hh", g.dWeight());
    gradient(c, "h0", g.dInitial().columnRange(0, hidden));
    if (lstm) {
      gradient(c, "c0", g.dInitial().columnRange(hidden, 2 * hidden));
    }
    Tensor dBias = kernels.zeros(1, gates);
    kernels.sumRows(g.dp(), dBias);
    gradient(c, "b_ih", dBias);
    gradient(c, "b_hh", dBias);
    Tensor dWeight = kernels.zeros(gates, input);
    kernels.gemm(true, false, 1, g.dp(), x, 1, dWeight);
    gradient(c, "w_ih", dWeight);
    Tensor dx = kernels.allocate(rows, input);
    kernels.gemm(false, false, 1, g.dp(), inWeight, 0, dx);
    gradient(c, "x", dx);
  }

  /** Case causal_attention. */
  public void checkAttention() {
    for (Case c : OracleFile.cases("layers.json", "causal_attention")) {
      Segments segments =
          Segments.uniform(c.parameter("batch").asInt(), c.parameter("length").asInt());
      int rows = segments.rows();
      int heads = c.parameter("heads").asInt();
      int keys = heads * c.parameter("key").asInt();
      int values = heads * c.parameter("value").asInt();
      CausalAttention attention =
          new CausalAttention(
              segments,
              segments,
              heads,
              tensor(rows, keys, c.input("q")),
              tensor(rows, keys, c.input("k")),
              tensor(rows, values, c.input("v")),
              kernels.allocate(rows, values),
              kernels.allocate(rows, heads));
      kernels.causalAttentionForward(attention);
      output(c, "o", attention.o());
      CausalAttention.Gradients g =
          new CausalAttention.Gradients(
              tensor(rows, values, c.cotangent("o")),
              kernels.allocate(rows, keys),
              kernels.allocate(rows, keys),
              kernels.allocate(rows, values));
      kernels.causalAttentionBackward(attention, g);
      gradient(c, "q", g.dq());
      gradient(c, "k", g.dk());
      gradient(c, "v", g.dv());
    }
  }

  private Tensor tensor(int rows, int columns, double[] values) {
    Tensor tensor = kernels.allocate(rows, columns);
    kernels.write(tensor, values);
    return tensor;
  }

  private void output(Case c, String name, Tensor actual) {
    RecurrenceOracle.check(
        c + " " + name, c.output(name), kernels.toDoubles(actual), outputTolerance);
  }

  private void gradient(Case c, String name, Tensor actual) {
    RecurrenceOracle.check(
        c + " d" + name, c.gradient(name), kernels.toDoubles(actual), gradientTolerance);
  }
}
