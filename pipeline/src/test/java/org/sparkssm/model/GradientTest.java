package org.sparkssm.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.sparkssm.kernel.Kernels;
import org.sparkssm.kernel.Precision;
import org.sparkssm.kernel.ReferenceKernels;
import org.sparkssm.kernel.Tensor;
import org.sparkssm.testing.SampleBatches;

/** Hand-written backward passes against finite differences of fourth order, in double precision. */
class GradientTest {
  private static final double STEP = 1e-4;
  private static final double TOLERANCE = 2e-8;

  private final Kernels kernels = new ReferenceKernels(Precision.DOUBLE);

  /** Each layer by itself, with every option that changes its code path. */
  @ParameterizedTest
  @MethodSource("layersOfValues")
  void layerGradientsAgreeWithFiniteDifferences(String layer) {
    SequenceBatch batch = SampleBatches.values(5, 3, 4, 1, 0, 7);
    check(LayerSamples.model(layer), SampleBatches.withNumbers(batch, 6, true));
  }

  @ParameterizedTest
  @MethodSource("layersOfTokens")
  void tokenLayerGradientsAgreeWithFiniteDifferences(String layer) {
    SequenceBatch batch = SampleBatches.tokens(5, 4, 4, 1, 0, 7);
    check(LayerSamples.model(layer), SampleBatches.withNumbers(batch, 6, true));
  }

  @Test
  void weightsThatAreNotTrainedHaveNoGradient() {
    SequenceModel model =
        LayerSamples.model("{'kind': 'linear-cde', 'state': 3, 'trained': false}");
    double[] parameters = LayerSamples.parameters(model);
    Tensor gradients = kernels.zeros(1, parameters.length);
    SequenceBatch batch = SampleBatches.withNumbers(SampleBatches.values(5, 3, 4), 6, true);
    model.lossAndGradient(kernels, tensor(parameters), gradients, batch, null);
    double[] values = kernels.toDoubles(gradients);
    for (Parameter parameter : model.layout().parameters()) {
      double sum = 0;
      for (int i = 0; i < parameter.size(); i++) {
        sum += Math.abs(values[parameter.offset() + i]);
      }
      boolean kept = parameter.name().matches("blocks.0.layer.(A|B|initial)");
      assertEquals(kept, sum == 0, parameter.name());
    }
  }

  static Stream<String> layersOfValues() {
    return LayerSamples.ofValues();
  }

  static Stream<String> layersOfTokens() {
    return LayerSamples.ofTokens();
  }

  /** Whole models: two blocks, every norm, activation, readout, head and encoder. */
  @ParameterizedTest
  @CsvSource({
    "none, gelu, true, 0, rms, last, regression",
    "rms, glu, true, 0, layer, mean, classification",
    "layer, none, false, 0.3, none, mean, regression",
    "layer, gelu, true, 0.3, rms, every-step, token-classification",
    "rms, glu, false, 0.5, none, last, classification",
    "rms, gelu-glu, true, 0.3, none, mean, regression",
  })
  void modelGradientsAgreeWithFiniteDifferences(
      String norm,
      String activation,
      boolean residual,
      double dropout,
      String finalNorm,
      String readout,
      String head) {
    String block =
        "{'norm': '%s', 'activation': '%s', 'residual': %s, 'dropout': %s, 'layer': "
            .formatted(norm, activation, residual, dropout);
    String rest =
        ("'width': 3, 'blocks': ["
                + block
                + "{'kind': 'mamba', 'state': 2}}, "
                + block
                + "{'kind': 'linear-cde', 'state': 3, 'controls': 2}}],"
                + "'finalNorm': '%s', 'readout': '%s', 'head': {'kind': '%s', 'outputs': %d}}")
            .formatted(finalNorm, readout, head, head.equals("regression") ? 1 : 3);
    boolean perStep = readout.equals("every-step");
    check(
        "{'input': {'channels': 2, 'time': true}, " + rest,
        labelled(SampleBatches.values(3, 2, 5, 1, 3), head, perStep));
    check(
        "{'input': {'kind': 'tokens', 'vocabulary': 4}, " + rest,
        labelled(SampleBatches.tokens(3, 4, 5, 1, 3), head, perStep));
  }

  private static SequenceBatch labelled(SequenceBatch batch, String head, boolean perStep) {
    return head.equals("regression")
        ? SampleBatches.withNumbers(batch, 1, perStep)
        : SampleBatches.withClasses(batch, 1, 3, perStep);
  }

  private void check(String json, SequenceBatch batch) {
    ModelSpec spec = ModelSpec.parse(json.replace('\'', '"'));
    Scaling scaling =
        spec.input().tokens()
            ? Scaling.identity(0)
            : new Scaling(
                new double[spec.input().channels()],
                constant(spec.input().channels(), 0.7),
                2.5,
                0.1,
                0.5);
    check(new SequenceModel(spec, scaling), batch);
  }

  private void check(SequenceModel model, SequenceBatch batch) {
    double[] parameters = LayerSamples.parameters(model);
    Pass.Dropout dropout = new Pass.Dropout(7, 3);
    Tensor gradients = kernels.zeros(1, parameters.length);
    model.lossAndGradient(kernels, tensor(parameters), gradients, batch, dropout);
    double[] analytic = kernels.toDoubles(gradients);
    for (Parameter parameter : model.layout().parameters()) {
      for (int i = 0; i < Math.min(parameter.size(), 12); i++) {
        int index =
            parameter.offset()
                + (int) ((long) i * parameter.size() / Math.min(parameter.size(), 12));
        double numeric = derivative(model, parameters, index, batch, dropout);
        double error = Math.abs(numeric - analytic[index]) / Math.max(1, Math.abs(numeric));
        assertTrue(
            error <= TOLERANCE,
            () ->
                parameter.name()
                    + "["
                    + (index - parameter.offset())
                    + "]: backward "
                    + analytic[index]
                    + ", finite difference "
                    + numeric);
      }
    }
  }

  private double derivative(
      SequenceModel model,
      double[] parameters,
      int index,
      SequenceBatch batch,
      Pass.Dropout dropout) {
    double[] factors = {1.0 / 12, -8.0 / 12, 8.0 / 12, -1.0 / 12};
    double[] shifts = {-2, -1, 1, 2};
    double sum = 0;
    for (int i = 0; i < shifts.length; i++) {
      double[] shifted = parameters.clone();
      shifted[index] += shifts[i] * STEP;
      Tensor unused = kernels.zeros(1, parameters.length);
      sum +=
          factors[i]
              * model
                  .lossAndGradient(kernels, tensor(shifted), unused, batch, dropout)
                  .sums()
                  .loss();
    }
    return sum / STEP;
  }

  private static double[] constant(int count, double value) {
    double[] values = new double[count];
    Arrays.fill(values, value);
    return values;
  }

  private Tensor tensor(double[] values) {
    Tensor tensor = kernels.allocate(1, values.length);
    kernels.write(tensor, values);
    return tensor;
  }
}
