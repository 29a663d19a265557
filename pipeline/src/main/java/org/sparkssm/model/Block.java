package org.sparkssm.model;

import com.fasterxml.jackson.databind.node.ObjectNode;
import org.sparkssm.kernel.Activation;
import org.sparkssm.kernel.Tensor;

/** {@code y = x + dropout(activation(layer(norm(x))))}; each part but the layer is optional. */
final class Block implements Layer {
  private final ModelSpec.Block spec;
  private final int number;
  private final int width;
  private final Norm norm;
  private final Layer layer;
  private final Layer activation;

  /**
   * @param number of the block in the model, from 0
   */
  Block(ModelSpec.Block spec, int number, LayerSetting setting, ParameterLayout layout) {
    this.spec = spec;
    this.number = number;
    this.width = setting.width();
    this.norm =
        spec.norm() == NormKind.NONE ? null : new Norm(spec.norm(), width, layout.child("norm"));
    ObjectNode described = spec.layer().options().deepCopy();
    described.put("kind", spec.layer().kind());
    Options options = new Options(described, "layer " + spec.layer().kind() + " of " + name());
    this.layer = LayerCatalog.create(options, setting, layout.child("layer"));
    this.activation =
        switch (spec.activation()) {
          case NONE -> null;
          case GELU -> Block::gelu;
          case GLU -> new GatedUnit(width, layout.child("activation"));
          case GELU_GLU -> geluBefore(new GatedUnit(width, layout.child("activation")));
        };
  }

  /** For messages: "block 2". */
  String name() {
    return "block " + (number + 1);
  }

  @Override
  public void requireCausal(String where) {
    layer.requireCausal("layer " + spec.layer().kind() + " of " + where);
  }

  @Override
  public Backward forward(Pass pass, Tensor x, Tensor y) {
    Tensor normed = norm == null ? x : pass.allocate(width);
    Backward normBackward = norm == null ? null : norm.forward(pass, x, normed);
    Tensor mixed = activation == null ? y : pass.allocate(width);
    Backward layerBackward = layer.forward(pass, normed, mixed);
    pass.check(name() + " (" + spec.layer().kind() + ")", mixed);
    Backward activationBackward = activation == null ? null : activation.forward(pass, mixed, y);
    pass.dropout(spec.dropout(), number, y);
    if (spec.residual()) {
      pass.kernels().addScaled(1, x, y);
    }
    pass.check(name(), y);
    return (dy, dx) -> {
      Tensor dOut = undrop(pass, dy);
      Tensor dMixed = dOut;
      if (activationBackward != null) {
        dMixed = pass.allocate(width);
        activationBackward.run(dOut, dMixed);
      }
      if (normBackward == null) {
        layerBackward.run(dMixed, dx);
      } else {
        Tensor dNormed = pass.allocate(width);
        layerBackward.run(dMixed, dNormed);
        normBackward.run(dNormed, dx);
      }
      if (spec.residual()) {
        pass.kernels().addScaled(1, dy, dx);
      }
    };
  }

  private Tensor undrop(Pass pass, Tensor dy) {
    if (spec.dropout() == 0) {
      return dy;
    }
    Tensor kept = pass.allocate(width);
    pass.kernels().copy(dy, kept);
    pass.dropout(spec.dropout(), number, kept);
    return kept;
  }

  private Layer geluBefore(Layer unit) {
    return (pass, x, y) -> {
      Tensor bent = pass.allocate(width);
      Backward geluBackward = gelu(pass, x, bent);
      Backward unitBackward = unit.forward(pass, bent, y);
      return (dy, dx) -> {
        Tensor dBent = pass.allocate(width);
        unitBackward.run(dy, dBent);
        geluBackward.run(dBent, dx);
      };
    };
  }

  private static Backward gelu(Pass pass, Tensor x, Tensor y) {
    pass.kernels().activationForward(Activation.GELU, x, y);
    return (dy, dx) -> pass.kernels().activationBackward(Activation.GELU, x, dy, dx);
  }
}
