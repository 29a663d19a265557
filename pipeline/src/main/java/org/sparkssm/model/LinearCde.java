package org.sparkssm.model;

import java.util.Locale;
import org.sparkssm.kernel.CdeSolver;
import org.sparkssm.kernel.Tensor;

/**
 * A linear controlled differential equation (Cirone et al. 2024, arXiv 2402.19047, equation 6) with
 * state N, control omega of W channels and a dense or structured transition:
 *
 * <pre>
 * dZ  = sum_i A_i Z d omega^i + B d omega,   Z_0 = initial
 * out = Z readout^T + bias
 * </pre>
 *
 * <p>Option {@code control} says where omega comes from:
 *
 * <ul>
 *   <li>{@code increments}: the rows are the path, omega = (t, x control^T) with the origin as base
 *       point, so the first increment is (0, p_0). Time is that of the data, so irregular steps are
 *       part of the control.
 *   <li>{@code values}: the rows are the path's derivative, d omega_l = (1, p_l) h;
 *   <li>{@code tokens}: a token is a direction, d omega_l = h e_token: it selects an A_i, and the
 *       others are never multiplied. For models that read tokens; the encoder is not seen.
 * </ul>
 *
 * with h = {@code step}, or 1 / length of the sequence where that is 0 (then the states of a
 * sequence depend on its whole length).
 *
 * <p>Option {@code structure} is that of the A_i ({@link CdeTransition}): dense, diagonal,
 * block-diagonal, low-rank, walsh-hadamard or sparse. Entries are drawn from N(0, 1) so that the
 * sum over the controls has a norm of about the size of an increment, for the dense one 1 / sqrt(N
 * W) (the paper's 1 / sqrt(N) is for few channels of small increments); B ~ N(0, 1), initial ~ N(0,
 * 1), control ~ N(0, 1) / sqrt(D). Where {@code trained} is false, A, B and initial stay as drawn,
 * as in the paper's theory.
 *
 * <p>Options: {@code state} N (64), {@code control} (increments), {@code controls} W - 1 (8, not
 * with tokens), {@code step} (0, not with increments), {@code solver} euler, rk4 or exponential
 * (rk4), {@code structure} (dense), {@code block} (4, block-diagonal), {@code rank} (1, low-rank),
 * {@code density} (0.1, sparse), {@code trained} (true).
 */
final class LinearCde implements Layer {
  private final int state;
  private final boolean trained;
  private final CdeControl control;
  private final CdeTransition transition;
  private final Parameter drive;
  private final Parameter initial;
  private final Dense readout;
  private final StateSlot states;

  LinearCde(Options options, LayerSetting setting, ParameterLayout layout) {
    state = options.integer("state", 64, 1);
    control = CdeControl.of(options, setting, layout);
    CdeSolver solver =
        CdeSolver.valueOf(
            options.word("solver", "rk4", "euler", "rk4", "exponential").toUpperCase(Locale.ROOT));
    trained = options.flag("trained", true);
    transition = CdeTransition.of(options, solver, state, control.channels(), trained, layout);
    drive = layout.addFree("B", state, control.channels(), Initializer.normal(1));
    initial = layout.addFree("initial", 1, state, Initializer.normal(1));
    readout = new Dense(state, setting.width(), true, layout.child("readout"));
    states = layout.addState("z", state, transition.carry());
  }

  @Override
  public void requireCausal(String where) {
    control.requireCausal(where);
  }

  @Override
  public Backward forward(Pass pass, Tensor x, Tensor y) {
    Tensor dOmega = control.forward(pass, x);
    CdeTransition.Run run =
        transition.forward(
            pass, dOmega, pass.value(drive), start(pass), pass.allocate(state), pass.after(states));
    pass.carry(states, run.last());
    Backward readoutBackward = readout.forward(pass, run.y(), y);
    return (dy, dx) -> {
      Tensor dStates = pass.allocate(state);
      readoutBackward.run(dy, dStates);
      Tensor dDOmega = pass.allocate(control.channels());
      Tensor dStart = pass.kernels().allocate(pass.segments().batch(), state);
      run.backward(dStates, dDOmega, pass.gradient(drive, trained), dStart);
      pass.kernels().sumRows(dStart, pass.gradient(initial, trained));
      control.backward(pass, x, dDOmega, dx);
    };
  }

  private Tensor start(Pass pass) {
    Tensor before = pass.before(states);
    if (before != null) {
      return before;
    }
    Tensor start = pass.kernels().zeros(pass.segments().batch(), state);
    pass.kernels().addRow(pass.value(initial), start);
    return start;
  }
}
