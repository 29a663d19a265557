package org.sparkssm.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.testing.OracleFile;

class ScheduleTest {
  @Test
  void cosineWithWarmupAgreesWithOracle() {
    for (OracleFile.Case c : OracleFile.cases("layers.json", "cosine_with_warmup")) {
      double[] steps = c.input("step");
      double[] expected = c.output("learning_rate");
      for (int i = 0; i < steps.length; i++) {
        double rate =
            Schedule.COSINE.rate(
                c.parameter("base_rate").asDouble(),
                c.parameter("minimum_rate").asDouble(),
                c.parameter("warmup_steps").asLong(),
                c.parameter("total_steps").asLong(),
                (long) steps[i],
                1);
        assertEquals(expected[i], rate, 1e-15, c.toString());
      }
    }
  }

  @Test
  void constantStaysAtTheBaseAfterTheWarmup() {
    assertEquals(0.05, Schedule.CONSTANT.rate(0.1, 0, 10, 100, 5, 1), 1e-15);
    assertEquals(0.1, Schedule.CONSTANT.rate(0.1, 0, 10, 100, 99, 1));
  }

  @Test
  void stepDropsEveryFewEpochs() {
    LearningRate rate = new LearningRate(0.1, Schedule.STEP, 0.1, 2, 0.5);
    assertEquals(0.1, rate.at(11, 10, 10), 1e-15);
    assertEquals(0.05, rate.at(21, 10, 10), 1e-15);
    assertEquals(0.05, rate.at(40, 10, 10), 1e-15);
    assertEquals(0.025, rate.at(41, 10, 10), 1e-15);
    assertEquals(0.00625, rate.at(100, 10, 10), 1e-15);
  }

  @Test
  void unknownSchedulesAreRefused() {
    InvalidInputException e =
        assertThrows(InvalidInputException.class, () -> Schedule.of("linear"));
    assertEquals("schedule is 'linear', expected one of constant, cosine, step", e.getMessage());
  }
}
