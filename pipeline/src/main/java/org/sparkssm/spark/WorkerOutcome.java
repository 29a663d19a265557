package org.sparkssm.spark;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.Serializable;
import org.sparkssm.train.TrainingResult;
import org.sparkssm.train.WeightsHash;

/**
 * What a worker's training came to, on its way to the driver. A class and not a record, so that
 * Kryo can carry it.
 */
final class WorkerOutcome implements Serializable {
  private static final long serialVersionUID = 1L;
  private static final ObjectMapper JSON = new ObjectMapper();

  private final String kernels;
  private final String weightsSha256;
  private final String nonFinite;
  private final float[] parameters;
  private final String result;

  private WorkerOutcome(
      String kernels, String weightsSha256, String nonFinite, float[] parameters, String result) {
    this.kernels = kernels;
    this.weightsSha256 = weightsSha256;
    this.nonFinite = nonFinite;
    this.parameters = parameters;
    this.result = result;
  }

  /** Of worker 0, with everything. */
  static WorkerOutcome whole(TrainingResult result, String kernels) {
    try {
      return new WorkerOutcome(
          kernels,
          WeightsHash.hexadecimal(WeightsHash.of(result.parameters())),
          null,
          result.parameters(),
          JSON.writeValueAsString(result.withParameters(new float[0])));
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("the result of a training could not be written as JSON", e);
    }
  }

  /** Of another worker. */
  static WorkerOutcome hashOnly(TrainingResult result) {
    return new WorkerOutcome(
        null, WeightsHash.hexadecimal(WeightsHash.of(result.parameters())), null, null, null);
  }

  /** Of a training that met a number that is not finite. */
  static WorkerOutcome nonFinite(String message) {
    return new WorkerOutcome(null, null, message, null, null);
  }

  /** Nullable: why the training stopped. */
  String nonFinite() {
    return nonFinite;
  }

  String weightsSha256() {
    return weightsSha256;
  }

  String kernels() {
    return kernels;
  }

  /** Of worker 0. */
  TrainingResult result() {
    try {
      return JSON.readValue(result, TrainingResult.class).withParameters(parameters);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("the result of a training is not JSON", e);
    }
  }
}
