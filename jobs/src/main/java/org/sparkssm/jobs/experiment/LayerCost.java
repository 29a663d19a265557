package org.sparkssm.jobs.experiment;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Arrays;
import java.util.OptionalLong;
import java.util.function.Consumer;
import org.apache.commons.rng.UniformRandomProvider;
import org.sparkssm.data.SeededRandom;
import org.sparkssm.kernel.Device;
import org.sparkssm.kernel.Kernels;
import org.sparkssm.kernel.Segments;
import org.sparkssm.kernel.Tensor;
import org.sparkssm.model.ModelSpec;
import org.sparkssm.model.Scaling;
import org.sparkssm.model.SequenceBatch;
import org.sparkssm.model.SequenceModel;
import org.sparkssm.model.SequenceState;

/** What one block of a layer costs on one core: a training pass, and a step of inference. */
final class LayerCost {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int CHANNELS = 4;

  /** Timed again until this many seconds and this many times. */
  private static final double LEAST_SECONDS = 0.2;

  private static final int LEAST_RUNS = 3;

  private final SequenceModel model;
  private final double[] parameters;

  /**
   * @param layer with its options, as a JSON object
   * @param width D
   */
  LayerCost(String layer, int width) {
    ObjectNode spec = Models.classification(layer, 1, width, 0);
    spec.putObject("input").put("kind", "values");
    spec.put("readout", "last");
    spec.putObject("head").put("kind", "regression");
    model =
        new SequenceModel(
            ModelSpec.parse(spec.toString()).withInputSize(CHANNELS).withOutputs(1),
            Scaling.identity(CHANNELS));
    parameters = model.layout().initialValues(1);
  }

  /**
   * Loss and gradient of a batch.
   *
   * @return {@code median} seconds of a pass, {@code lowerQuartile}, {@code upperQuartile}, {@code
   *     nanosecondsPerStep}, and {@code megabytes} that a pass touches beyond one over sequences of
   *     one step, where the system tells
   */
  ObjectNode training(int sequences, int length) {
    ObjectNode values = JSON.createObjectNode();
    withKernels(
        (kernels, weights, gradients) -> {
          SequenceBatch batch = batch(sequences, length, 0);
          SequenceBatch oneStep = batch(sequences, 1, 0);
          Consumer<SequenceBatch> pass =
              data -> model.lossAndGradient(kernels, weights, gradients, data, null).sums();
          pass.accept(batch);
          time(values, () -> pass.accept(batch));
          OptionalLong whole = leastTouched(() -> pass.accept(batch));
          OptionalLong least = leastTouched(() -> pass.accept(oneStep));
          if (whole.isPresent() && least.isPresent()) {
            values.put("megabytes", Math.max(0, whole.getAsLong() - least.getAsLong()) / 1e6);
          }
        });
    values.put("nanosecondsPerStep", 1e9 * values.path("median").asDouble() / sequences / length);
    return values;
  }

  /**
   * One step after a number of others.
   *
   * @return {@code median} seconds of a step and its quartiles, and {@code megabytes} of the heap
   *     that the state of the sequences takes after a collection of garbage
   */
  ObjectNode inference(int sequences, int position) {
    ObjectNode values = JSON.createObjectNode();
    withKernels(
        (kernels, weights, gradients) -> {
          long before = heap();
          SequenceState state = model.start(sequences);
          model.advance(kernels, weights, state, batch(sequences, position, 0));
          values.put("megabytes", Math.max(0, heap() - before) / 1e6);
          SequenceBatch step = batch(sequences, 1, position);
          time(values, () -> model.advance(kernels, weights, state.copy(), step));
        });
    return values;
  }

  /** Of several runs the one during which the rest of this virtual machine did least. */
  private static OptionalLong leastTouched(Runnable work) {
    long least = Long.MAX_VALUE;
    for (int k = 0; k < LEAST_RUNS; k++) {
      OptionalLong touched = TouchedMemory.of(work);
      if (touched.isEmpty()) {
        return touched;
      }
      least = Math.min(least, touched.getAsLong());
    }
    return OptionalLong.of(least);
  }

  private interface Work {
    void run(Kernels kernels, Tensor weights, Tensor gradients);
  }

  private void withKernels(Work work) {
    try (Kernels kernels = Device.AUTO.open()) {
      Tensor weights = kernels.allocate(1, parameters.length);
      kernels.write(weights, parameters);
      work.run(kernels, weights, kernels.zeros(1, parameters.length));
    }
  }

  private static void time(ObjectNode values, Runnable work) {
    double[] seconds = new double[0];
    double sum = 0;
    while (sum < LEAST_SECONDS || seconds.length < LEAST_RUNS) {
      long start = System.nanoTime();
      work.run();
      double taken = (System.nanoTime() - start) / 1e9;
      sum += taken;
      seconds = Arrays.copyOf(seconds, seconds.length + 1);
      seconds[seconds.length - 1] = taken;
    }
    Arrays.sort(seconds);
    values.put("median", seconds[seconds.length / 2]);
    values.put("lowerQuartile", seconds[seconds.length / 4]);
    values.put("upperQuartile", seconds[seconds.length * 3 / 4]);
  }

  private static long heap() {
    System.gc();
    return Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory();
  }

  private static SequenceBatch batch(int sequences, int length, int position) {
    UniformRandomProvider random = SeededRandom.create(1, length);
    int[] lengths = new int[sequences];
    Arrays.fill(lengths, length);
    float[] values = new float[sequences * length * CHANNELS];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextDouble();
    }
    double[] times = new double[sequences * length];
    for (int i = 0; i < times.length; i++) {
      times[i] = position + i % length;
    }
    return new SequenceBatch(
        new long[sequences],
        Segments.ofLengths(lengths),
        CHANNELS,
        values,
        times,
        null,
        new double[sequences],
        false);
  }
}
