package org.sparkssm.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.kernel.CudaKernels;
import org.sparkssm.kernel.EmulatedCuda;
import org.sparkssm.kernel.HostKernels;
import org.sparkssm.kernel.Kernels;
import org.sparkssm.kernel.Precision;
import org.sparkssm.kernel.ReferenceKernels;
import org.sparkssm.kernel.Segments;
import org.sparkssm.kernel.Tensor;
import org.sparkssm.testing.SampleBatches;

/** What holds for every layer in the catalog. */
class LayersTest {
  private final Kernels reference = new ReferenceKernels(Precision.DOUBLE);

  static Stream<String> causalLayers() {
    return Stream.concat(LayerSamples.causal(), LayerSamples.ofTokens());
  }

  static Stream<String> acausalLayers() {
    return LayerSamples.acausal();
  }

  static Stream<String> allLayers() {
    return Stream.concat(causalLayers(), acausalLayers());
  }

  @Test
  void everyKindHasASample() {
    Set<String> kinds = new TreeSet<>();
    allLayers()
        .forEach(
            layer -> {
              Matcher matcher = Pattern.compile("'kind': '([^']*)'").matcher(layer);
              matcher.find();
              kinds.add(matcher.group(1));
            });
    assertEquals(new TreeSet<>(ModelSpec.layerKinds()), kinds);
  }

  @ParameterizedTest
  @MethodSource("causalLayers")
  void sequencesSplitAnywhereGiveTheSameOutputs(String layer) {
    SequenceModel model = LayerSamples.model(layer);
    Tensor parameters = LayerSamples.tensor(reference, LayerSamples.parameters(model));
    SequenceBatch batch = batch(layer, 3, 5, 0, 7, 1);
    float[] whole = model.score(reference, parameters, batch);
    for (int split = 0; split <= 7; split++) {
      SequenceState state = model.start(batch.size());
      float[] joined = LayerSamples.nan(whole.length);
      for (int[] range : new int[][] {{0, split}, {split, 7}}) {
        SequenceBatch part = LayerSamples.part(batch, range[0], range[1]);
        float[] outputs = model.advance(reference, parameters, state, part);
        LayerSamples.place(batch, part, range[0], outputs, joined);
      }
      assertArrayEquals(whole, joined, 1e-6f, layer + " split at " + split);
      assertEquals(7, state.position(2));
    }
  }

  @ParameterizedTest
  @MethodSource("causalLayers")
  void stepByStepInferenceOfTheHostEqualsTheScan(String layer) {
    SequenceModel model = LayerSamples.model(layer);
    try (HostKernels host = new HostKernels()) {
      Tensor parameters = LayerSamples.tensor(host, LayerSamples.parameters(model));
      SequenceBatch batch = batch(layer, 4, 70, 33);
      float[] whole = model.score(host, parameters, batch);
      float scale = 1;
      for (float output : whole) {
        scale = Math.max(scale, Math.abs(output));
      }
      SequenceState state = model.start(batch.size());
      float[] joined = LayerSamples.nan(whole.length);
      for (int step = 0; step < 70; step++) {
        SequenceBatch part = LayerSamples.part(batch, step, step + 1);
        float[] outputs = model.advance(host, parameters, state, part);
        LayerSamples.place(batch, part, step, outputs, joined);
      }
      assertArrayEquals(whole, joined, 1e-5f * scale, layer);
    }
  }

  @ParameterizedTest
  @MethodSource("acausalLayers")
  void layersThatReadWhatFollowsRefuseToGoStepByStep(String layer) {
    SequenceModel model = LayerSamples.model(layer);
    String message = assertThrows(InvalidInputException.class, () -> model.start(1)).getMessage();
    assertTrue(message.startsWith("layer ") && message.contains(" of block 1 "), message);
  }

  @ParameterizedTest
  @MethodSource("allLayers")
  void raggedBatchGivesTheOutputsOfItsSequencesOneByOne(String layer) {
    SequenceModel model = LayerSamples.model(layer);
    Tensor parameters = LayerSamples.tensor(reference, LayerSamples.parameters(model));
    int[] lengths = {4, 0, 7, 1};
    SequenceBatch batch = batch(layer, 5, lengths);
    float[] together = model.score(reference, parameters, batch);
    for (int b = 0; b < lengths.length; b++) {
      SequenceBatch alone = only(batch, b);
      float[] outputs = model.score(reference, parameters, alone);
      for (int l = 0; l < lengths[b]; l++) {
        assertEquals(outputs[l], together[batch.segments().offset(b) + l], 0, layer);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("allLayers")
  void hostAgreesWithReferenceInLossAndGradient(String layer) {
    try (HostKernels host = new HostKernels()) {
      checkLossAndGradient(host, layer);
    }
  }

  @ParameterizedTest
  @MethodSource("allLayers")
  void cudaAgreesWithReferenceInLossAndGradient(String layer) {
    try (CudaKernels cuda = EmulatedCuda.open()) {
      checkLossAndGradient(cuda, layer);
    }
  }

  private void checkLossAndGradient(Kernels kernels, String layer) {
    SequenceModel model = LayerSamples.model(layer);
    double[] values = LayerSamples.parameters(model);
    SequenceBatch batch = SampleBatches.withNumbers(batch(layer, 6, 5, 0, 37, 1, 32), 7, true);
    Tensor expected = reference.zeros(1, values.length);
    Tensor actual = kernels.zeros(1, values.length);
    LossSums ofReference =
        model
            .lossAndGradient(
                reference, LayerSamples.tensor(reference, values), expected, batch, null)
            .sums();
    LossSums found =
        model
            .lossAndGradient(kernels, LayerSamples.tensor(kernels, values), actual, batch, null)
            .sums();
    assertEquals(ofReference.loss(), found.loss(), 1e-4 * Math.max(1, ofReference.loss()));
    double[] e = reference.toDoubles(expected);
    double[] a = kernels.toDoubles(actual);
    for (Parameter parameter : model.layout().parameters()) {
      double scale = 1;
      double difference = 0;
      for (int i = parameter.offset(); i < parameter.offset() + parameter.size(); i++) {
        scale = Math.max(scale, Math.abs(e[i]));
        difference = Math.max(difference, Math.abs(e[i] - a[i]));
      }
      double relative = difference / scale;
      assertTrue(
          relative <= 2e-4, () -> layer + " " + parameter.name() + " differs by " + relative);
    }
  }

  @Test
  void lastAndMeanReadoutsFollowTheStepsSoFar() {
    for (String readout : new String[] {"last", "mean"}) {
      SequenceModel model =
          LayerSamples.model("{'kind': 'mamba', 'state': 2}", false, readout, Scaling.identity(3));
      Tensor parameters = LayerSamples.tensor(reference, LayerSamples.parameters(model));
      SequenceBatch batch = SampleBatches.values(8, 3, 6, 2);
      SequenceState state = model.start(2);
      for (int step = 0; step < 6; step++) {
        float[] outputs =
            model.advance(reference, parameters, state, LayerSamples.part(batch, step, step + 1));
        float[] soFar = model.score(reference, parameters, LayerSamples.part(batch, 0, step + 1));
        assertArrayEquals(soFar, outputs, 1e-6f, readout + " after step " + step);
      }
    }
  }

  @Test
  void aStateGoesOnTwoWaysFromACopyAndStaysAsItWasWhereAStepFails() {
    SequenceModel model = LayerSamples.model("{'kind': 'lstm', 'state': 3}");
    Tensor parameters = LayerSamples.tensor(reference, LayerSamples.parameters(model));
    SequenceBatch batch = SampleBatches.values(9, 3, 6);
    SequenceState state = model.start(1);
    model.advance(reference, parameters, state, LayerSamples.part(batch, 0, 3));
    SequenceState copy = state.copy();
    SequenceBatch rest = LayerSamples.part(batch, 3, 6);
    float[] expected = model.advance(reference, parameters, copy, rest);
    assertThrows(
        InvalidInputException.class,
        () -> model.advance(reference, parameters, state, SampleBatches.values(1, 2, 1)));
    assertEquals(3, state.position(0));
    assertArrayEquals(expected, model.advance(reference, parameters, state, rest));
  }

  @Test
  void stepsOfAnotherNumberOfSequencesAreRefused() {
    SequenceModel model = LayerSamples.model("{'kind': 'rnn', 'state': 3}");
    Tensor parameters = LayerSamples.tensor(reference, LayerSamples.parameters(model));
    SequenceState state = model.start(2);
    assertEquals(
        "the state is that of 2 sequences, found steps of 1",
        assertThrows(
                IllegalArgumentException.class,
                () -> model.advance(reference, parameters, state, SampleBatches.values(1, 3, 1)))
            .getMessage());
  }

  private static SequenceBatch batch(String layer, long seed, int... lengths) {
    return layer.contains("tokens")
        ? SampleBatches.tokens(seed, 4, lengths)
        : SampleBatches.values(seed, 3, lengths);
  }

  private static SequenceBatch only(SequenceBatch batch, int b) {
    int from = batch.segments().offset(b);
    int to = from + batch.segments().length(b);
    int c = batch.channels();
    return new SequenceBatch(
        new long[] {batch.ids()[b]},
        Segments.ofLengths(to - from),
        c,
        Arrays.copyOfRange(batch.values(), from * c, to * c),
        batch.times() == null ? null : Arrays.copyOfRange(batch.times(), from, to),
        batch.tokens() == null ? null : Arrays.copyOfRange(batch.tokens(), from, to),
        null,
        false);
  }
}
