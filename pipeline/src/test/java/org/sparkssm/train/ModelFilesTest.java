package org.sparkssm.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.model.ModelSpec;
import org.sparkssm.model.Scaling;
import org.sparkssm.model.SequenceModel;

class ModelFilesTest {
  private final TrainedModel model = model(3);
  private final String description = ModelFiles.description(model);
  private final byte[] weights = weights(model);

  @Test
  void aModelReadBackIsTheSame() throws IOException {
    TrainedModel back = read(description, weights);
    assertEquals(model.spec(), back.spec());
    assertEquals(model.scaling(), back.scaling());
    assertEquals(model.classes(), back.classes());
    assertEquals(model.training(), back.training());
    assertArrayEquals(model.parameters(), back.parameters(), 0);
  }

  @Test
  void weightsFollowTheSafetensorsLayout() {
    ByteBuffer bytes = ByteBuffer.wrap(weights).order(ByteOrder.LITTLE_ENDIAN);
    int headerLength = (int) bytes.getLong();
    assertEquals(0, headerLength % 8);
    String header = new String(weights, 8, headerLength, StandardCharsets.UTF_8);
    assertTrue(
        header.contains(
            "\"encoder.weight\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]}"),
        header);
    assertEquals(model.parameters()[0], bytes.getFloat(8 + headerLength));
    assertEquals(8 + headerLength + 4 * model.parameters().length, weights.length);
  }

  @Test
  void filesThatDoNotBelongTogetherAreRefused() {
    assertFault(
        "m/weights.safetensors is not the file that model.json was written with",
        description,
        weights(model(4)));
    assertFault(
        "m/weights.safetensors has tensor encoder.weight of shape [2, 3], expected shape [5, 3]",
        description.replace("\"width\" : 2", "\"width\" : 5"),
        weights);
  }

  @Test
  void damagedFilesAndOtherVersionsAreRefused() {
    assertFault("m/model.json is damaged: it is not JSON", "{", weights);
    assertFault("m/model.json is damaged: formatVersion or spec is missing", "{}", weights);
    assertFault(
        "m/weights.safetensors is damaged: it ends after 3 of 8 bytes",
        description,
        new byte[] {1, 2, 3});
    assertFault(
        "m/weights.safetensors is damaged: the numbers of tensor head.bias are missing",
        description,
        Arrays.copyOf(weights, weights.length - 1));
    InvalidInputException e =
        assertThrows(
            InvalidInputException.class,
            () ->
                read(
                    description.replace("\"formatVersion\" : 1", "\"formatVersion\" : 2"),
                    weights));
    assertTrue(e.getMessage().startsWith("m/model.json has format version 2, this library"));
  }

  /** Of the same format version: with fewer fields, whose defaults hold, and with unknown ones. */
  @Test
  void filesOfOtherLibrariesOfTheSameFormatAreRead() throws IOException {
    ObjectMapper json = new ObjectMapper();
    ObjectNode other = (ObjectNode) json.readTree(description);
    other.put("libraryVersion", "0.0.1").put("colour", "red");
    ((ObjectNode) other.path("training")).remove("history");
    ((ObjectNode) other.path("training")).put("coffees", 3);
    ((ObjectNode) other.path("spec")).remove(List.of("finalNorm", "readout", "seed"));
    ((ObjectNode) other.path("spec").path("blocks").path(0)).remove(List.of("norm", "dropout"));
    TrainedModel back = read(json.writeValueAsString(other), weights);
    assertEquals(model.spec(), back.spec());
    assertEquals(List.of(), back.training().history());
    assertArrayEquals(model.parameters(), back.parameters(), 0);
  }

  private static void assertFault(String sentence, String description, byte[] weights) {
    assertEquals(
        sentence,
        assertThrows(InvalidInputException.class, () -> read(description, weights)).getMessage());
  }

  private static TrainedModel read(String description, byte[] weights) throws IOException {
    return ModelFiles.read(description, new ByteArrayInputStream(weights), "m");
  }

  private static byte[] weights(TrainedModel model) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try {
      ModelFiles.writeWeights(model, out);
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
    return out.toByteArray();
  }

  private static TrainedModel model(long seed) {
    ModelSpec spec =
        ModelSpec.parse(
            """
            {"input": {"channels": 3}, "width": 2,
             "blocks": [{"layer": {"kind": "mamba", "state": 2}}],
             "head": {"kind": "classification", "outputs": 2}}
            """);
    Scaling scaling = new Scaling(new double[] {1, 2, 3}, new double[] {1, 0.1, 1e-5}, 99, 0, 1);
    double[] values = new SequenceModel(spec, scaling).layout().initialValues(seed);
    float[] parameters = new float[values.length];
    for (int i = 0; i < values.length; i++) {
      parameters[i] = (float) values[i];
    }
    EpochRecord epoch = new EpochRecord(1, 10, 0.5, 0.001, Map.of("accuracy", 0.75), 1.5);
    return new TrainedModel(
        spec,
        scaling,
        parameters,
        List.of("no", "yes"),
        new TrainedModel.Training(80, 20, 0.2, 7, 1, "reference", 1.5, 53.3, List.of(epoch)));
  }
}
