package org.sparkssm.jobs.experiment;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;

/** Model descriptions that the experiments compare. */
final class Models {
  private static final ObjectMapper JSON = new ObjectMapper();

  private Models() {}

  /**
   * Equal residual blocks without norms, so that a stack of linear layers stays linear, read out at
   * the last step.
   *
   * @param activation after each layer: none, gelu or glu
   */
  static ObjectNode regression(String layer, int blocks, String activation, int width, int state) {
    ObjectNode spec = stack(layer, blocks, activation, "none", width, state);
    spec.putObject("input").put("kind", "values").put("standardize", true);
    spec.put("readout", "last");
    spec.putObject("head").put("kind", "regression");
    return spec;
  }

  /**
   * Residual blocks with norms over embedded tokens, with a class for every step.
   *
   * @param activation after each layer: none, gelu or glu
   */
  static ObjectNode tokens(String layer, int blocks, String activation, int width, int state) {
    ObjectNode spec = stack(layer, blocks, activation, "rms", width, state);
    spec.putObject("input").put("kind", "tokens");
    spec.put("readout", "every-step");
    spec.putObject("head").put("kind", "token-classification");
    return spec;
  }

  private static ObjectNode stack(
      String layer, int blocks, String activation, String norm, int width, int state) {
    ObjectNode spec = JSON.createObjectNode();
    spec.put("width", width);
    for (int k = 0; k < blocks; k++) {
      ObjectNode block = spec.withArrayProperty("blocks").addObject();
      block.put("norm", norm);
      ObjectNode description = block.putObject("layer");
      description.put("kind", layer);
      description.put("state", state);
      block.put("activation", activation);
      block.put("residual", true);
    }
    spec.put("finalNorm", norm);
    return spec;
  }
}
