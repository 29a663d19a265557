package org.sparkssm.train;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.data.LibraryVersion;
import org.sparkssm.model.ModelSpec;
import org.sparkssm.model.Parameter;
import org.sparkssm.model.ParameterLayout;
import org.sparkssm.model.Scaling;
import org.sparkssm.model.SequenceModel;

/**
 * The two files a model consists of: {@value #DESCRIPTION} with everything but the parameters, and
 * {@value #WEIGHTS} with the parameters by name, readable by any safetensors library.
 */
public final class ModelFiles {
  /** Name of the file with the description. */
  public static final String DESCRIPTION = "model.json";

  /** Name of the file with the parameters. */
  public static final String WEIGHTS = "weights.safetensors";

  /** Of the layout of both files. */
  public static final int FORMAT_VERSION = 1;

  private static final ObjectMapper JSON =
      JsonMapper.builder()
          .enable(SerializationFeature.INDENT_OUTPUT)
          .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
          .build();

  private ModelFiles() {}

  /** The text of {@value #DESCRIPTION}. */
  public static String description(TrainedModel model) {
    ObjectNode node = JsonNodeFactory.instance.objectNode();
    node.put("formatVersion", FORMAT_VERSION);
    node.put("libraryVersion", LibraryVersion.current());
    node.put("parameters", model.parameters().length);
    node.put("weightsSha256", model.weightsSha256());
    node.set("spec", model.spec().toJsonNode());
    node.set("scaling", JSON.valueToTree(model.scaling()));
    node.set("classes", JSON.valueToTree(model.classes()));
    node.set("training", JSON.valueToTree(model.training()));
    try {
      return JSON.writeValueAsString(node) + "\n";
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("a model could not be written as JSON", e);
    }
  }

  /** Writes {@value #WEIGHTS} and leaves the stream open. */
  public static void writeWeights(TrainedModel model, OutputStream out) throws IOException {
    Map<String, Safetensors.Entry> tensors = new LinkedHashMap<>();
    for (Parameter parameter : model.model().layout().parameters()) {
      float[] values =
          Arrays.copyOfRange(
              model.parameters(), parameter.offset(), parameter.offset() + parameter.size());
      tensors.put(parameter.name(), new Safetensors.Entry(shape(parameter), values));
    }
    Safetensors.write(out, tensors, Map.of("format", "spark-ssm"));
  }

  /**
   * Reads a model back.
   *
   * @param description the text of {@value #DESCRIPTION}
   * @param weights the content of {@value #WEIGHTS}
   * @param where the model's folder, for messages
   * @throws InvalidInputException if the files are damaged, of another version, or do not belong
   *     together
   */
  public static TrainedModel read(String description, InputStream weights, String where)
      throws IOException {
    JsonNode node = parse(description, where + "/" + DESCRIPTION);
    ModelSpec spec = ModelSpec.parse(node.path("spec").toString());
    Scaling scaling = JSON.treeToValue(node.path("scaling"), Scaling.class);
    List<String> classes = List.of(JSON.treeToValue(node.path("classes"), String[].class));
    TrainedModel.Training training =
        JSON.treeToValue(node.path("training"), TrainedModel.Training.class);
    float[] parameters =
        parameters(
            new SequenceModel(spec, scaling).layout(),
            Safetensors.read(weights, where + "/" + WEIGHTS).tensors(),
            where + "/" + WEIGHTS);
    TrainedModel model = new TrainedModel(spec, scaling, parameters, classes, training);
    String expected = node.path("weightsSha256").asText();
    if (!model.weightsSha256().equals(expected)) {
      throw new InvalidInputException(
          where + "/" + WEIGHTS + " is not the file that " + DESCRIPTION + " was written with");
    }
    return model;
  }

  private static JsonNode parse(String description, String where) {
    JsonNode node;
    try {
      node = JSON.readTree(description);
    } catch (JsonProcessingException e) {
      throw new InvalidInputException(where + " is damaged: it is not JSON", e);
    }
    if (!node.path("formatVersion").isInt() || !node.path("spec").isObject()) {
      throw new InvalidInputException(where + " is damaged: formatVersion or spec is missing");
    }
    int version = node.path("formatVersion").asInt();
    if (version != FORMAT_VERSION) {
      throw new InvalidInputException(
          where
              + " has format version "
              + version
              + ", this library (version "
              + LibraryVersion.current()
              + ") reads format version "
              + FORMAT_VERSION);
    }
    return node;
  }

  private static float[] parameters(
      ParameterLayout layout, Map<String, Safetensors.Entry> tensors, String where) {
    float[] parameters = new float[layout.size()];
    for (Parameter parameter : layout.parameters()) {
      Safetensors.Entry tensor = tensors.remove(parameter.name());
      if (tensor == null || !Arrays.equals(tensor.shape(), shape(parameter))) {
        throw new InvalidInputException(
            where
                + " has tensor "
                + parameter.name()
                + (tensor == null ? " missing" : " of shape " + Arrays.toString(tensor.shape()))
                + ", expected shape "
                + Arrays.toString(shape(parameter)));
      }
      System.arraycopy(tensor.values(), 0, parameters, parameter.offset(), parameter.size());
    }
    if (!tensors.isEmpty()) {
      throw new InvalidInputException(
          where + " has tensors that the model lacks: " + String.join(", ", tensors.keySet()));
    }
    return parameters;
  }

  private static int[] shape(Parameter parameter) {
    return parameter.rows() == 1
        ? new int[] {parameter.columns()}
        : new int[] {parameter.rows(), parameter.columns()};
  }
}
