package org.sparkssm.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;
import org.sparkssm.data.InvalidInputException;

class ModelSpecTest {
  private static final String SMALL =
      "{'blocks': [{'layer': {'kind': 'mamba'}}], 'head': {'kind': 'classification'}}";

  @Test
  void jsonRoundTripsWithDefaultsFilledIn() {
    ModelSpec spec = parse(SMALL);
    assertEquals(spec, ModelSpec.parse(spec.toJson()));
    assertEquals(16, spec.blocks().get(0).layer().options().path("state").asInt());
    assertEquals(Readout.MEAN, spec.readout());
    assertEquals(NormKind.RMS, spec.blocks().get(0).norm());
  }

  @Test
  void sizesMayComeFromTheData() {
    ModelSpec spec = parse(SMALL).withInputSize(12).withOutputs(9).withSeed(5);
    assertEquals(12, spec.input().columns());
    assertEquals(9, spec.head().outputs());
    assertEquals(spec, ModelSpec.parse(spec.toJson()));
  }

  @Test
  void faultsAreOneSentenceThatSaysWhere() {
    assertFault(
        "option 'kind' of the layer of block 1 is \"s6\", expected one of"
            + " attention, bidirectional, delta-net, gateloop, gla, linear-cde, lstm, mamba, rnn,"
            + " s4d, s5",
        SMALL.replace("mamba", "s6"));
    assertFault(
        "the layer of block 1 has an unknown option 'stat', expected clock, convolution, dtMax,"
            + " dtMin, expand, kind, state",
        SMALL.replace("'mamba'", "'mamba', 'stat': 3"));
    assertFault(
        "option 'state' of the layer of block 1 is 0, expected a whole number of at least 1",
        SMALL.replace("'mamba'", "'mamba', 'state': 0"));
    assertFault(
        "option 'blocks' of the model description is missing, expected a list of objects",
        "{'head': {'kind': 'regression'}}");
    assertFault(
        "the model description has an unknown option 'depth', expected blocks, finalNorm, head,"
            + " input, readout, seed, width",
        SMALL.replace("'blocks'", "'depth': 2, 'blocks'"));
    assertFault(
        "head classification labels a sequence, expected readout last or mean, found every-step"
            + " (token-classification labels every step)",
        SMALL.replace("'head'", "'readout': 'every-step', 'head'"));
    assertFault(
        "option 'dropout' of block 1 is 1.5, expected a number in [0.0, 1.0)",
        SMALL.replace("'layer'", "'dropout': 1.5, 'layer'"));
  }

  @Test
  void textThatIsNotJsonIsRefused() {
    InvalidInputException e =
        assertThrows(InvalidInputException.class, () -> ModelSpec.parse("{mamba"));
    assertEquals("the model description is not JSON: ", e.getMessage().substring(0, 35));
  }

  private static void assertFault(String sentence, String json) {
    assertEquals(
        sentence, assertThrows(InvalidInputException.class, () -> parse(json)).getMessage());
  }

  private static ModelSpec parse(String json) {
    return ModelSpec.parse(json.replace('\'', '"'));
  }
}
