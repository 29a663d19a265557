package org.sparkssm.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.function.DoubleUnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.sparkssm.data.InvalidInputException;

/** Every layer with step sizes draws the first ones log-uniform from the range of its options. */
class StepRangeTest {
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "'kind': 's4d'                    | log_dt",
        "'kind': 's5', 'state': 64        | log_dt",
        "'kind': 'mamba', 'expand': 16    | dt_proj.bias",
        "'kind': 'delta-net', 'heads': 64, 'gated': true | dt_bias"
      })
  void stepsFillTheirRangeEvenlyInLogarithms(String layer, String parameter) {
    DoubleUnaryOperator logStep =
        parameter.equals("log_dt") ? x -> x : x -> Math.log(Math.log1p(Math.exp(x)));
    assertRange(0.001, 0.1, logSteps("{" + layer + "}", parameter, logStep));
    assertRange(
        0.05, 2, logSteps("{" + layer + ", 'dtMin': 0.05, 'dtMax': 2}", parameter, logStep));
  }

  @Test
  void aLeastStepAboveTheGreatestIsRefused() {
    InvalidInputException refused =
        assertThrows(
            InvalidInputException.class,
            () -> LayerSamples.model("{'kind': 's4d', 'state': 2, 'dtMin': 0.5, 'dtMax': 0.1}"));
    assertTrue(
        refused.getMessage().contains("option 'dtMax'")
            && refused.getMessage().contains("expected a number in [0.5, 1000.0)"),
        refused.getMessage());
  }

  @Test
  void aDeltaNetWithoutGateHasNoSteps() {
    assertThrows(
        InvalidInputException.class,
        () -> LayerSamples.model("{'kind': 'delta-net', 'dtMin': 0.5}"));
  }

  private static double[] logSteps(String layer, String name, DoubleUnaryOperator logStep) {
    SequenceModel model = LayerSamples.model(layer);
    double[] values = model.layout().initialValues(1);
    Parameter steps =
        model.layout().parameters().stream()
            .filter(parameter -> parameter.name().endsWith(name))
            .findFirst()
            .orElseThrow();
    return Arrays.stream(values, steps.offset(), steps.offset() + steps.size())
        .map(logStep)
        .toArray();
  }

  /** Bounds hold, and the mean is within four standard errors of the uniform one. */
  private static void assertRange(double least, double greatest, double[] logs) {
    double low = Math.log(least);
    double high = Math.log(greatest);
    for (double log : logs) {
      assertTrue(log >= low - 1e-9 && log <= high + 1e-9, "exp(" + log + ")");
    }
    double error = (high - low) / Math.sqrt(12.0 * logs.length);
    assertEquals((low + high) / 2, Arrays.stream(logs).average().orElseThrow(), 4 * error);
  }
}
