package org.sparkssm.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class HippoBasisTest {
  @ParameterizedTest
  @ValueSource(ints = {1, 2, 32, 64})
  void columnsAreOrthonormalEigenvectorsOfTheNormalPart(int states) {
    HippoBasis basis = HippoBasis.of(states);
    double scale = basis.frequencies()[states - 1];
    double previous = 0;
    for (int s = 0; s < states; s++) {
      double frequency = basis.frequencies()[s];
      assertTrue(frequency > previous);
      previous = frequency;
      for (int n = 0; n < 2 * states; n++) {
        double real = 0;
        double imaginary = 0;
        for (int k = 0; k < 2 * states; k++) {
          double entry = Math.signum(k - n) * Math.sqrt((n + 0.5) * (k + 0.5));
          real += entry * basis.real(k, s);
          imaginary += entry * basis.imaginary(k, s);
        }
        assertEquals(-frequency * basis.imaginary(n, s), real, 1e-11 * scale);
        assertEquals(frequency * basis.real(n, s), imaginary, 1e-11 * scale);
      }
      for (int t = 0; t < states; t++) {
        double inner = 0;
        for (int n = 0; n < 2 * states; n++) {
          inner +=
              basis.real(n, s) * basis.real(n, t) + basis.imaginary(n, s) * basis.imaginary(n, t);
        }
        assertEquals(s == t ? 1 : 0, inner, 1e-9);
      }
    }
  }
}
