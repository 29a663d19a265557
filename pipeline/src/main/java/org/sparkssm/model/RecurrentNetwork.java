package org.sparkssm.model;

import org.sparkssm.kernel.RecurrentCell;
import org.sparkssm.kernel.RecurrentScan;
import org.sparkssm.kernel.Tensor;

/**
 * Baselines with a non-linear recurrence: the tanh network (Elman 1990) and the LSTM (Hochreiter
 * and Schmidhuber 1997, with a forget gate) with H hidden units:
 *
 * <pre>
 * p   = x in_proj^T + bias                 [T, G H], G = 1 (tanh) or 4 (LSTM)
 * h   = cell(p, recurrent, h before)       see {@link RecurrentCell}
 * out = h readout^T + bias
 * </pre>
 *
 * <p>Initial values are those of PyTorch's RNN and LSTM, uniform in ±1/sqrt(H), with one bias in
 * place of two equal ones.
 *
 * <p>Options: {@code state} H (64).
 */
final class RecurrentNetwork implements Layer {
  private final RecurrentCell cell;
  private final int hidden;
  private final Parameter input;
  private final Parameter bias;
  private final Parameter recurrent;
  private final Dense readout;
  private final StateSlot state;

  private RecurrentNetwork(
      RecurrentCell cell, Options options, LayerSetting setting, ParameterLayout layout) {
    this.cell = cell;
    hidden = options.integer("state", 64, 1);
    int gates = cell.gates() * hidden;
    Initializer initializer = Initializer.uniform(1 / Math.sqrt(hidden));
    input = layout.addWeight("in_proj.weight", gates, setting.width(), initializer);
    bias = layout.addFree("in_proj.bias", 1, gates, initializer);
    recurrent = layout.addWeight("recurrent.weight", gates, hidden, initializer);
    readout = new Dense(hidden, setting.width(), true, layout.child("readout"));
    state = layout.addState("h", cell.stateParts() * hidden, Carry.SEQUENTIAL);
  }

  static RecurrentNetwork tanh(Options options, LayerSetting setting, ParameterLayout layout) {
    return new RecurrentNetwork(RecurrentCell.TANH, options, setting, layout);
  }

  static RecurrentNetwork lstm(Options options, LayerSetting setting, ParameterLayout layout) {
    return new RecurrentNetwork(RecurrentCell.LSTM, options, setting, layout);
  }

  @Override
  public Backward forward(Pass pass, Tensor x, Tensor y) {
    Tensor p = pass.allocate(cell.gates() * hidden);
    pass.kernels().gemm(false, true, 1, x, pass.value(input), 0, p);
    pass.kernels().addRow(pass.value(bias), p);
    RecurrentScan scan =
        new RecurrentScan(
            cell,
            pass.segments(),
            p,
            pass.value(recurrent),
            pass.before(state),
            pass.allocate(hidden),
            pass.allocate(RecurrentScan.savedColumns(cell, hidden)),
            pass.after(state));
    pass.kernels().recurrentScanForward(scan);
    pass.carry(state, scan.last());
    Backward readoutBackward = readout.forward(pass, scan.h(), y);
    return (dy, dx) -> {
      Tensor dh = pass.allocate(hidden);
      readoutBackward.run(dy, dh);
      Tensor dp = pass.allocate(cell.gates() * hidden);
      pass.kernels()
          .recurrentScanBackward(
              scan, new RecurrentScan.Gradients(dh, null, dp, pass.gradient(recurrent), null));
      pass.kernels().sumRows(dp, pass.gradient(bias));
      pass.kernels().gemm(true, false, 1, dp, x, 1, pass.gradient(input));
      pass.kernels().gemm(false, false, 1, dp, pass.value(input), 0, dx);
    };
  }
}
