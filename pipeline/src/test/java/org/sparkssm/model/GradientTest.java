package org.sparkssm.model;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import org.apache.commons.rng.UniformRandomProvider;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.sparkssm.data.SeededRandom;
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
  @ValueSource(
      strings = {
        "{'kind': 'mamba', 'state': 3}",
        "{'kind': 'mamba', 'state': 2, 'expand': 3, 'convolution': 2}",
        "{'kind': 'linear-cde', 'state': 5, 'controls': 2}",
        "{'kind': 'linear-cde', 'state': 5, 'controls': 2, 'solver': 'euler'}",
        "{'kind': 'linear-cde', 'state': 4, 'controls': 3, 'control': 'values'}",
        "{'kind': 'linear-cde', 'state': 4, 'controls': 3, 'control': 'values', 'step': 0.2}",
        "{'kind': 's4d', 'state': 3}",
        "{'kind': 's4d', 'state': 2, 'initialization': 'inv', 'discretization': 'bilinear'}",
        "{'kind': 's5', 'state': 3}",
        "{'kind': 's5', 'state': 2, 'discretization': 'bilinear'}",
        "{'kind': 'gla', 'heads': 2, 'key': 3, 'gateRank': 2, 'temperature': 4}",
        "{'kind': 'gateloop', 'heads': 2, 'key': 1, 'value': 3, 'gateRank': 2}",
        "{'kind': 'delta-net', 'heads': 2, 'key': 3, 'value': 2}",
        "{'kind': 'delta-net', 'heads': 1, 'key': 3, 'negative': true, 'updates': 2}",
        "{'kind': 'delta-net', 'heads': 2, 'key': 2, 'gated': true, 'negative': true}",
      })
  void layerGradientsAgreeWithFiniteDifferences(String layer) {
    check(
        "{'input': {'channels': 3, 'time': true}, 'width': 4,"
            + "'blocks': [{'norm': 'none', 'residual': false, 'layer': "
            + layer
            + "}], 'finalNorm': 'none', 'readout': 'every-step', 'head': {'kind': 'regression'}}",
        SampleBatches.withNumbers(SampleBatches.values(5, 3, 4, 1, 0, 7), 6, true));
  }

  /** Whole models: two blocks, every norm, activation, readout, head and encoder. */
  @ParameterizedTest
  @CsvSource({
    "none, gelu, true, 0, rms, last, regression",
    "rms, glu, true, 0, layer, mean, classification",
    "layer, none, false, 0.3, none, mean, regression",
    "layer, gelu, true, 0.3, rms, every-step, token-classification",
    "rms, glu, false, 0.5, none, last, classification",
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
    SequenceModel model = new SequenceModel(spec, scaling);
    double[] parameters = perturbed(model.layout().initialValues(11));
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
              * model.lossAndGradient(kernels, tensor(shifted), unused, batch, dropout).loss();
    }
    return sum / STEP;
  }

  /** Away from symmetric values such as gains of one, so that no gradient vanishes by accident. */
  private static double[] perturbed(double[] values) {
    UniformRandomProvider random = SeededRandom.create(2);
    double[] result = values.clone();
    for (int i = 0; i < result.length; i++) {
      result[i] += 0.2 * (random.nextDouble() - 0.5);
    }
    return result;
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
