package org.sparkssm.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;
import org.sparkssm.model.ModelSpec;
import org.sparkssm.model.Scaling;

class MomentsTest {
  private static final ModelSpec SPEC =
      ModelSpec.parse(
          """
          {"input": {"channels": 2}, "blocks": [{"layer": {"kind": "mamba"}}],
           "head": {"kind": "regression"}}
          """);

  @Test
  void scalingHasMeansAndDeviationsOverAllSteps() {
    Moments moments =
        Moments.of(shard(sequence(1, 10, 1, 7, 2, 7)), 2)
            .plus(Moments.of(shard(), 2))
            .plus(Moments.of(shard(sequence(2, 20, 6, 7)), 2));
    Scaling scaling = moments.scaling(SPEC, true);
    assertArrayEquals(new double[] {3, 7}, scaling.mean(), 1e-15);
    assertArrayEquals(new double[] {Math.sqrt(14.0 / 3), 1}, scaling.deviation(), 1e-15);
    assertEquals(15, scaling.labelMean());
    assertEquals(5, scaling.labelDeviation());
    assertEquals(1, scaling.timeScale());
  }

  @Test
  void classesAreNotScaled() {
    Scaling scaling = Moments.of(shard(sequence(1, 3, 1, 7, 2, 7)), 2).scaling(SPEC, false);
    assertEquals(0, scaling.labelMean());
    assertEquals(1, scaling.labelDeviation());
  }

  private static MicroShard shard(LabelledSequence... sequences) {
    PackedSequences.Builder training = PackedSequences.builder(false);
    for (LabelledSequence sequence : sequences) {
      training.add(sequence);
    }
    return new MicroShard(0, training.build(), PackedSequences.builder(false).build());
  }

  private static LabelledSequence sequence(long id, double label, float... values) {
    return new LabelledSequence(id, values.length / 2, 2, values, null, null, new double[] {label});
  }
}
