package org.sparkssm.jobs.experiment;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class PowerLawTest {
  @Test
  void slopeOfAPowerIsItsExponent() {
    double[] sizes = {2, 3, 10, 40};
    double[] errors = new double[sizes.length];
    for (int k = 0; k < sizes.length; k++) {
      errors[k] = 7 * Math.pow(sizes[k], -1.25);
    }
    assertEquals(-1.25, PowerLaw.slope(sizes, errors), 1e-12);
    assertEquals(Double.NaN, PowerLaw.slope(new double[] {4}, new double[] {1}));
  }

  @Test
  void bandOfSlopesIsThatOfTheSeeds() {
    List<Result> results = new ArrayList<>();
    for (int size : new int[] {10, 20, 40}) {
      results.add(result(size, 1, Math.pow(size, -0.5)));
      results.add(result(size, 2, Math.pow(size, -1.0)));
    }
    Results.Band band = PowerLaw.slopes(new Results(results), "size", "error");
    assertEquals(-1.0, band.low(), 1e-12);
    assertEquals(-0.75, band.mean(), 1e-12);
    assertEquals(-0.5, band.high(), 1e-12);
  }

  private static Result result(int size, int seed, double error) {
    return new Result(
        Cell.of("size", size, "seed", seed),
        new ObjectMapper().createObjectNode().put("error", error),
        1);
  }
}
