package org.sparkssm.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.sparkssm.kernel.Device;
import org.sparkssm.kernel.Kernels;
import org.sparkssm.model.LossSums;
import org.sparkssm.model.ModelSpec;
import org.sparkssm.model.Parameter;
import org.sparkssm.model.ParameterLayout;
import org.sparkssm.model.Scaling;
import org.sparkssm.model.SequenceModel;

class OptimizerTest {
  private static final ParameterLayout LAYOUT =
      new SequenceModel(
              ModelSpec.parse(
                  """
                  {"input": {"channels": 1}, "width": 4,
                   "blocks": [{"norm": "layer", "layer": {"kind": "mamba", "state": 2}},
                              {"layer": {"kind": "s4d", "state": 2}}],
                   "head": {"kind": "regression"}}
                  """),
              Scaling.identity(1))
          .layout();

  @Test
  void momentumFollowsItsRecurrence() {
    float[] parameters = filled(1);
    OptimizerSettings settings = new OptimizerSettings(OptimizerKind.SGD, 0.5, 0.1, 0);
    try (Kernels kernels = Device.REFERENCE.open()) {
      Optimizer optimizer =
          new Optimizer(kernels, LAYOUT, settings, TrainingState.from(parameters));
      optimizer.step(gradient(2, 4), 1, 0.1);
      optimizer.step(gradient(2, 4), 2, 0.1);
      parameters = optimizer.weights().values();
    }
    for (Parameter parameter : LAYOUT.parameters()) {
      double decay = parameter.decayed() ? 0.1 : 0;
      double first = 0.5 + decay;
      double after = 1 - 0.1 * first;
      double second = 0.5 * first + 0.5 + decay * after;
      assertEquals(after - 0.1 * second, parameters[parameter.offset()], 1e-6, parameter.name());
    }
  }

  @Test
  void decayLeavesBiasesNormsAndTransitionsAlone() {
    List<String> free =
        LAYOUT.parameters().stream().filter(p -> !p.decayed()).map(Parameter::name).toList();
    List<String> decayed =
        LAYOUT.parameters().stream().filter(Parameter::decayed).map(Parameter::name).toList();
    assertTrue(
        free.containsAll(
            List.of(
                "encoder.bias",
                "blocks.0.norm.weight",
                "blocks.0.norm.bias",
                "blocks.0.layer.A_log",
                "blocks.1.layer.log_A_real",
                "blocks.1.layer.A_imag",
                "head.bias")),
        free::toString);
    assertTrue(
        decayed.containsAll(
            List.of("encoder.weight", "blocks.0.layer.in_proj.weight", "head.weight")),
        decayed::toString);
  }

  @Test
  void theMeanGradientIsClippedByItsNorm() {
    float[] parameters = filled(0);
    OptimizerSettings settings = new OptimizerSettings(OptimizerKind.SGD, 0, 0, 1);
    try (Kernels kernels = Device.REFERENCE.open()) {
      Optimizer optimizer =
          new Optimizer(kernels, LAYOUT, settings, TrainingState.from(parameters));
      optimizer.step(gradient(300, 3), 1, 1);
      parameters = optimizer.weights().values();
    }
    double squares = 0;
    for (float parameter : parameters) {
      squares += (double) parameter * parameter;
    }
    assertEquals(1, squares, 1e-5);
  }

  private static GradientSum gradient(float each, double weight) {
    return new GradientSum(filled(each), LossSums.of(weight, 0, 0, 0, 0, 0, 0), null);
  }

  private static float[] filled(float value) {
    float[] values = new float[LAYOUT.size()];
    java.util.Arrays.fill(values, value);
    return values;
  }
}
