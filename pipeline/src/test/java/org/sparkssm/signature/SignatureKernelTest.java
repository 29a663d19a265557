package org.sparkssm.signature;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.sparkssm.testing.OracleFile;

class SignatureKernelTest {
  @Test
  void agreesWithTheOracleForBothStaticKernelsAndEveryDyadicOrder() {
    List<OracleFile.Case> cases = OracleFile.cases("signature_kernel.json");
    assertFalse(cases.isEmpty());
    for (OracleFile.Case c : cases) {
      int channels = c.parameter("channels").asInt();
      int order = c.parameter("dyadic_order").asInt();
      SignatureKernel kernel =
          c.parameter("static_kernel").asText().equals("linear")
              ? SignatureKernel.linear(channels, order)
              : SignatureKernel.rbf(channels, order, c.parameter("sigma").asDouble());
      double expected = c.output("kernel")[0];
      double tolerance = (order == 3 ? 1e-11 : 1e-12) * Math.max(1, Math.abs(expected));
      assertEquals(expected, kernel.of(c.input("x"), c.input("y")), tolerance, c.toString());
    }
  }
}
