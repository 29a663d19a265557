package org.sparkssm.model;

import org.sparkssm.data.InvalidInputException;
import org.sparkssm.kernel.Tensor;

/**
 * Any layer read from both ends (Schuster and Paliwal 1997, "Bidirectional recurrent neural
 * networks"): {@code out = forward(x) + reverse(backward(reverse(x)))}, two layers of the same kind
 * and options with parameters of their own.
 *
 * <p>Options: {@code layer}, a layer as in a block.
 */
final class Bidirectional implements Layer {
  private final int width;
  private final Layer ahead;
  private final Layer back;

  Bidirectional(Options options, LayerSetting setting, ParameterLayout layout) {
    width = setting.width();
    String where = "the layer of " + options.where();
    ahead = LayerCatalog.create(options.child("layer", where), setting, layout.child("forward"));
    Options again = options.child("layer", where);
    back = LayerCatalog.create(again, setting, layout.child("backward"));
    again.finish();
    options.resolve("layer", again);
  }

  @Override
  public void requireCausal(String where) {
    throw new InvalidInputException(
        where + " reads sequences from their ends too, expected causal layers to go step by step");
  }

  @Override
  public Backward forward(Pass pass, Tensor x, Tensor y) {
    Pass reversed = pass.reversed();
    Backward aheadBackward = ahead.forward(pass, x, y);
    Tensor xReversed = reversed(pass, x);
    Tensor yReversed = pass.allocate(width);
    Backward backBackward = back.forward(reversed, xReversed, yReversed);
    pass.kernels().addScaled(1, reversed(pass, yReversed), y);
    return (dy, dx) -> {
      aheadBackward.run(dy, dx);
      Tensor dxReversed = pass.allocate(width);
      backBackward.run(reversed(pass, dy), dxReversed);
      pass.kernels().addScaled(1, reversed(pass, dxReversed), dx);
    };
  }

  private Tensor reversed(Pass pass, Tensor x) {
    Tensor reversed = pass.allocate(width);
    pass.kernels().reverseRows(pass.segments(), x, reversed);
    return reversed;
  }
}
