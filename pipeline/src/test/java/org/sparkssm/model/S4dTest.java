package org.sparkssm.model;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Initial transitions of S4D against numbers worked out from the paper (arXiv 2206.11893, section
 * 4.4).
 */
class S4dTest {
  /**
   * A_n = -1/2 + i pi n, and with N = 4 states of both signs A_n = -1/2 + i 4 / pi (4 / (2 n + 1) -
   * 1).
   */
  @ParameterizedTest
  @CsvSource({"lin, 0, 3.141592653589793", "inv, 3.819718634205488, 0.4244131815783876"})
  void initialTransitionsAreThoseOfThePaper(String initialization, double first, double second) {
    SequenceModel model =
        LayerSamples.model(
            "{'kind': 's4d', 'state': 2, 'initialization': '%s'}".formatted(initialization));
    double[] values = model.layout().initialValues(1);
    for (Parameter parameter : model.layout().parameters()) {
      for (int i = 0; i < parameter.size(); i++) {
        double value = values[parameter.offset() + i];
        if (parameter.name().endsWith("A_imag")) {
          assertEquals(i % 2 == 0 ? first : second, value, 1e-14);
        } else if (parameter.name().endsWith("log_A_real")) {
          assertEquals(Math.log(0.5), value, 1e-15);
        }
      }
    }
  }
}
