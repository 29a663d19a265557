package org.sparkssm.train;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import org.sparkssm.data.InvalidInputException;

/**
 * Reads and writes the safetensors format (github.com/huggingface/safetensors): an 8-byte
 * little-endian length, a JSON header, the numbers. Tensors are float32 here.
 */
public final class Safetensors {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int LONGEST_HEADER = 100_000_000;

  private Safetensors() {}

  /**
   * A tensor.
   *
   * @param shape sizes of the axes
   * @param values row-major; not copied
   */
  @SuppressWarnings("ArrayRecordComponent") // a carrier, never compared
  public record Entry(int[] shape, float[] values) {}

  /**
   * What a file holds.
   *
   * @param tensors by name
   * @param metadata texts of the header
   */
  public record Content(Map<String, Entry> tensors, Map<String, String> metadata) {}

  /**
   * Writes tensors in the order of the map and leaves the stream open.
   *
   * @param metadata texts for the header's {@code __metadata__}
   */
  public static void write(
      OutputStream out, Map<String, Entry> tensors, Map<String, String> metadata)
      throws IOException {
    ObjectNode header = JsonNodeFactory.instance.objectNode();
    ObjectNode metadataNode = header.putObject("__metadata__");
    metadata.forEach(metadataNode::put);
    long offset = 0;
    for (Map.Entry<String, Entry> tensor : tensors.entrySet()) {
      ObjectNode node = header.putObject(tensor.getKey()).put("dtype", "F32");
      Arrays.stream(tensor.getValue().shape()).forEach(node.putArray("shape")::add);
      long end = offset + (long) Float.BYTES * tensor.getValue().values().length;
      node.putArray("data_offsets").add(offset).add(end);
      offset = end;
    }
    byte[] text = JSON.writeValueAsString(header).getBytes(StandardCharsets.UTF_8);
    byte[] padded = Arrays.copyOf(text, (text.length + 7) / 8 * 8);
    Arrays.fill(padded, text.length, padded.length, (byte) ' ');
    out.write(
        ByteBuffer.allocate(Long.BYTES)
            .order(ByteOrder.LITTLE_ENDIAN)
            .putLong(padded.length)
            .array());
    out.write(padded);
    for (Entry tensor : tensors.values()) {
      ByteBuffer bytes =
          ByteBuffer.allocate(Float.BYTES * tensor.values().length).order(ByteOrder.LITTLE_ENDIAN);
      bytes.asFloatBuffer().put(tensor.values());
      out.write(bytes.array());
    }
  }

  /**
   * Reads a whole file.
   *
   * @param where the file, for messages
   * @throws InvalidInputException if it is damaged or holds other than float32
   */
  public static Content read(InputStream in, String where) throws IOException {
    long length = ByteBuffer.wrap(exactly(in, 8, where)).order(ByteOrder.LITTLE_ENDIAN).getLong();
    if (length < 2 || length > LONGEST_HEADER) {
      throw damaged(where, "its header would be " + length + " bytes long");
    }
    JsonNode header;
    try {
      header = JSON.readTree(exactly(in, (int) length, where));
    } catch (JsonProcessingException e) {
      throw damaged(where, "its header is not JSON");
    }
    byte[] content = in.readAllBytes();
    Map<String, Entry> tensors = new LinkedHashMap<>();
    Map<String, String> metadata = new LinkedHashMap<>();
    for (Map.Entry<String, JsonNode> text : header.path("__metadata__").properties()) {
      metadata.put(text.getKey(), text.getValue().asText());
    }
    for (Map.Entry<String, JsonNode> property : header.properties()) {
      if (!property.getKey().equals("__metadata__")) {
        tensors.put(
            property.getKey(), tensor(property.getKey(), property.getValue(), content, where));
      }
    }
    return new Content(tensors, metadata);
  }

  private static Entry tensor(String name, JsonNode node, byte[] content, String where) {
    if (!node.path("dtype").asText().equals("F32")) {
      throw new InvalidInputException(
          where + " has tensor " + name + " of type " + node.path("dtype") + ", expected F32");
    }
    int[] shape = new int[node.path("shape").size()];
    long size = 1;
    for (int axis = 0; axis < shape.length; axis++) {
      shape[axis] = node.path("shape").path(axis).asInt(-1);
      size = size < 0 || shape[axis] < 0 ? -1 : size * shape[axis];
    }
    long from = node.path("data_offsets").path(0).asLong(-1);
    long to = node.path("data_offsets").path(1).asLong(-1);
    if (size < 0 || from < 0 || to > content.length || to - from != Float.BYTES * size) {
      throw damaged(where, "the numbers of tensor " + name + " are missing");
    }
    float[] values = new float[(int) size];
    ByteBuffer.wrap(content, (int) from, (int) (to - from))
        .order(ByteOrder.LITTLE_ENDIAN)
        .asFloatBuffer()
        .get(values);
    return new Entry(shape, values);
  }

  private static byte[] exactly(InputStream in, int count, String where) throws IOException {
    byte[] bytes = in.readNBytes(count);
    if (bytes.length < count) {
      throw damaged(where, "it ends after " + bytes.length + " of " + count + " bytes");
    }
    return bytes;
  }

  private static InvalidInputException damaged(String where, String how) {
    return new InvalidInputException(where + " is damaged: " + how);
  }
}
