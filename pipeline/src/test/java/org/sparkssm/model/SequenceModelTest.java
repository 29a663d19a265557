package org.sparkssm.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.kernel.Kernels;
import org.sparkssm.kernel.Precision;
import org.sparkssm.kernel.ReferenceKernels;
import org.sparkssm.kernel.Segments;
import org.sparkssm.kernel.Tensor;
import org.sparkssm.testing.SampleBatches;

class SequenceModelTest {
  private static final String TWO_BLOCKS =
      "{'input': {'channels': 2}, 'width': 3, 'blocks': [{'layer': {'kind': 'mamba', 'state': 2}},"
          + " {'layer': {'kind': 'linear-cde', 'state': 3}, 'dropout': 0.5}],"
          + " 'head': {'kind': 'regression'}}";

  private final Kernels kernels = new ReferenceKernels(Precision.DOUBLE);
  private final SequenceModel model = model(TWO_BLOCKS);
  private final Tensor parameters = parameters(model, 4);

  @Test
  void initialParametersDependOnTheSeedAlone() {
    double[] first = model.layout().initialValues(1);
    assertArrayEquals(first, model(TWO_BLOCKS).layout().initialValues(1));
    assertNotEquals(Arrays.hashCode(first), Arrays.hashCode(model.layout().initialValues(2)));
  }

  @Test
  void parameterNamesAreThoseOfTheLayers() {
    assertEquals("encoder.weight", model.layout().parameters().get(0).name());
    assertEquals(
        "blocks.0.layer.in_proj.weight",
        model.layout().parameters().stream()
            .filter(p -> p.name().contains("in_proj"))
            .findFirst()
            .orElseThrow()
            .name());
  }

  @Test
  void aSequenceScoresTheSameAloneAndInAnyBatch() {
    SequenceBatch batch = SampleBatches.values(1, 2, 4, 0, 7, 1);
    float[] together = model.score(kernels, parameters, batch);
    for (int b = 0; b < batch.size(); b++) {
      float[] alone = model.score(kernels, parameters, only(batch, b));
      assertEquals(together[b], alone[0], 0);
    }
  }

  @Test
  void scoresAreInUnitsOfTheLabel() {
    Scaling scaling = new Scaling(new double[2], new double[] {1, 1}, 1, 100, 10);
    SequenceModel scaled = new SequenceModel(model.spec(), scaling);
    SequenceBatch batch = SampleBatches.values(1, 2, 4, 7);
    float[] plain = model.score(kernels, parameters, batch);
    float[] inUnits = scaled.score(kernels, parameters, batch);
    assertEquals(100 + 10 * plain[0], inUnits[0], 1e-4);
    assertEquals(100 + 10 * plain[1], inUnits[1], 1e-4);
  }

  @Test
  void dropoutIsAFunctionOfSeedStepAndSequence() {
    SequenceBatch batch = SampleBatches.withNumbers(SampleBatches.values(1, 2, 4, 7), 2, false);
    double loss = loss(batch, new Pass.Dropout(1, 1));
    assertEquals(loss, loss(batch, new Pass.Dropout(1, 1)));
    assertNotEquals(loss, loss(batch, new Pass.Dropout(1, 2)));
    assertNotEquals(loss, loss(batch, new Pass.Dropout(2, 1)));
  }

  @Test
  void unlabelledStepsCountForNothing() {
    SequenceModel classes =
        model(
            "{'input': {'kind': 'tokens', 'vocabulary': 3}, 'width': 2, 'blocks': [{'layer':"
                + " {'kind': 'mamba', 'state': 1}}], 'head': {'kind': 'token-classification',"
                + " 'outputs': 2}}");
    SequenceBatch tokens = SampleBatches.tokens(1, 3, 3);
    double[] labels = {Double.NaN, 1, Double.NaN};
    SequenceBatch batch =
        new SequenceBatch(
            tokens.ids(), tokens.segments(), 0, new float[0], null, tokens.tokens(), labels, true);
    LossSums sums = classes.evaluate(kernels, parameters(classes, 1), batch);
    assertEquals(1, sums.weight());
  }

  @Test
  void numbersThatAreNotFiniteAreNamedByBlockAndPosition() {
    SequenceBatch batch = SampleBatches.withNumbers(SampleBatches.values(1, 2, 2, 4), 2, false);
    model.requireFinite(kernels, parameters, batch, null);
    double[] values = model.layout().initialValues(4);
    Parameter a =
        model.layout().parameters().stream()
            .filter(p -> p.name().equals("blocks.1.layer.A"))
            .findFirst()
            .orElseThrow();
    Arrays.fill(values, a.offset(), a.offset() + a.size(), 1e100);
    Tensor wild = kernels.allocate(1, values.length);
    kernels.write(wild, values);
    NonFiniteException e =
        assertThrows(
            NonFiniteException.class, () -> model.requireFinite(kernels, wild, batch, null));
    assertEquals("block 2 (linear-cde) gave ", e.getMessage().substring(0, 26));
    assertEquals(" at position ", e.getMessage().replaceAll(".*( at position ).*", "$1"));
  }

  @Test
  void inputThatDoesNotFitIsRefused() {
    InvalidInputException e =
        assertThrows(
            InvalidInputException.class,
            () -> model.score(kernels, parameters, SampleBatches.values(1, 3, 4)));
    assertEquals("the sequences have 3 channels, the model expects 2", e.getMessage());
  }

  private double loss(SequenceBatch batch, Pass.Dropout dropout) {
    Tensor gradients = kernels.zeros(1, model.layout().size());
    return model.lossAndGradient(kernels, parameters, gradients, batch, dropout).sums().loss();
  }

  private static SequenceBatch only(SequenceBatch batch, int b) {
    int from = batch.segments().offset(b);
    int length = batch.segments().length(b);
    int c = batch.channels();
    return new SequenceBatch(
        new long[] {batch.ids()[b]},
        Segments.ofLengths(length),
        c,
        Arrays.copyOfRange(batch.values(), from * c, (from + length) * c),
        Arrays.copyOfRange(batch.times(), from, from + length),
        null,
        null,
        false);
  }

  private static SequenceModel model(String json) {
    ModelSpec spec = ModelSpec.parse(json.replace('\'', '"'));
    return new SequenceModel(spec, Scaling.identity(spec.input().channels()));
  }

  private Tensor parameters(SequenceModel of, long seed) {
    Tensor tensor = kernels.allocate(1, of.layout().size());
    kernels.write(tensor, of.layout().initialValues(seed));
    return tensor;
  }
}
