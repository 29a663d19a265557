package org.sparkssm.train;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.model.LossSums;

/**
 * A {@link TrainingState} as a safetensors file: the tensors {@code parameters}, {@code
 * firstMoment}, {@code secondMoment} and, where there is one, {@code best}; the rest is JSON in the
 * header's metadata, under {@code progress}.
 */
public final class StateFile {
  private static final String PROGRESS = "progress";
  private static final String PARAMETERS = "parameters";
  private static final String FIRST_MOMENT = "firstMoment";
  private static final String SECOND_MOMENT = "secondMoment";
  private static final String BEST = "best";

  private static final ObjectMapper JSON =
      JsonMapper.builder().disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES).build();

  private StateFile() {}

  /** What a state holds besides tensors; the names are those of {@link TrainingState}. */
  @SuppressWarnings("ArrayRecordComponent") // a carrier, never compared
  private record Progress(
      long step,
      double[] epochSums,
      List<EpochRecord> history,
      int bestEpoch,
      long sequences,
      double stepSeconds,
      double seconds) {}

  /** Writes a state and leaves the stream open. */
  public static void write(TrainingState state, OutputStream out) throws IOException {
    Map<String, Safetensors.Entry> tensors = new LinkedHashMap<>();
    tensors.put(PARAMETERS, vector(state.parameters()));
    tensors.put(FIRST_MOMENT, vector(state.firstMoment()));
    tensors.put(SECOND_MOMENT, vector(state.secondMoment()));
    if (state.best() != null) {
      tensors.put(BEST, vector(state.best()));
    }
    Progress progress =
        new Progress(
            state.step(),
            state.epochSums().toArray(),
            state.history(),
            state.bestEpoch(),
            state.sequences(),
            state.stepSeconds(),
            state.seconds());
    Safetensors.write(out, tensors, Map.of(PROGRESS, JSON.writeValueAsString(progress)));
  }

  private static Safetensors.Entry vector(float[] values) {
    return new Safetensors.Entry(new int[] {values.length}, values);
  }

  /**
   * Reads a state.
   *
   * @param where the file, for messages
   * @throws InvalidInputException if it is damaged
   */
  public static TrainingState read(InputStream in, String where) throws IOException {
    Safetensors.Content content = Safetensors.read(in, where);
    Progress progress;
    try {
      progress = JSON.readValue(content.metadata().getOrDefault(PROGRESS, ""), Progress.class);
    } catch (JsonProcessingException e) {
      throw new InvalidInputException(where + " is damaged: it does not say how far it is", e);
    }
    float[] parameters = values(content, PARAMETERS, where);
    return new TrainingState(
        parameters,
        values(content, FIRST_MOMENT, where),
        values(content, SECOND_MOMENT, where),
        progress.step(),
        LossSums.of(progress.epochSums()),
        progress.history(),
        content.tensors().containsKey(BEST) ? values(content, BEST, where) : null,
        progress.bestEpoch(),
        progress.sequences(),
        progress.stepSeconds(),
        progress.seconds());
  }

  private static float[] values(Safetensors.Content content, String name, String where) {
    Safetensors.Entry tensor = content.tensors().get(name);
    if (tensor == null) {
      throw new InvalidInputException(where + " is damaged: it has no tensor " + name);
    }
    return tensor.values();
  }
}
