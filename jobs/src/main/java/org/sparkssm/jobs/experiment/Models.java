package org.sparkssm.jobs.experiment;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.ToDoubleFunction;
import org.sparkssm.jobs.report.Plot;

/** Models that the experiments compare: their descriptions, and how they fared by epoch. */
final class Models {
  private static final ObjectMapper JSON = new ObjectMapper();

  private Models() {}

  /**
   * Equal residual blocks, read out at the last step. Without norms a stack of linear layers stays
   * linear.
   *
   * @param activation after each layer: none, gelu, glu or gelu-glu
   * @param norm before each layer and at the end: rms, layer or none
   */
  static ObjectNode regression(
      String layer, int blocks, String activation, String norm, int width, int state) {
    ObjectNode spec = stack(layer, blocks, activation, norm, width, state);
    spec.putObject("input").put("kind", "values").put("standardize", true);
    spec.put("readout", "last");
    spec.putObject("head").put("kind", "regression");
    return spec;
  }

  /**
   * Residual blocks with norms and dropout over standardized channels and time, read out as the
   * mean over the steps, for classes.
   *
   * @param layer with its options, as a JSON object
   */
  static ObjectNode classification(String layer, int blocks, int width, double dropout) {
    ObjectNode spec = stack("", blocks, "none", "rms", width, 0);
    for (JsonNode block : spec.withArrayProperty("blocks")) {
      ((ObjectNode) block).set("layer", parsed(layer));
      ((ObjectNode) block).put("dropout", dropout);
    }
    spec.putObject("input").put("kind", "values").put("standardize", true).put("time", true);
    spec.put("readout", "mean");
    spec.putObject("head").put("kind", "classification");
    return spec;
  }

  /**
   * Residual blocks with norms over embedded tokens, with a class for every step.
   *
   * @param options of the layer, as a JSON object
   * @param activation after each layer: none, gelu, glu or gelu-glu
   */
  static ObjectNode tokens(String layer, String options, int blocks, String activation, int width) {
    ObjectNode spec = stack(layer, blocks, activation, "rms", width, 0);
    for (JsonNode block : spec.withArrayProperty("blocks")) {
      ObjectNode description = (ObjectNode) block.required("layer");
      description.remove("state");
      description.setAll(parsed(options));
    }
    spec.putObject("input").put("kind", "tokens");
    spec.put("readout", "every-step");
    spec.putObject("head").put("kind", "token-classification");
    return spec;
  }

  private static ObjectNode parsed(String options) {
    try {
      return (ObjectNode) JSON.readTree(options);
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException(options + " is no JSON object", e);
    }
  }

  /** A metric by epoch, lowest to highest over the seeds. */
  static void curve(Plot plot, String name, Results runs, String history) {
    int epochs = runs.all().stream().mapToInt(run -> run.numbers(history).length).min().orElse(0);
    double[] xs = new double[epochs];
    List<Results.Band> bands = new ArrayList<>();
    for (int k = 0; k < epochs; k++) {
      int at = k;
      xs[k] = k + 1;
      bands.add(runs.band(run -> run.numbers(history)[at]));
    }
    curve(plot, name, xs, bands);
  }

  /**
   * A number by a parameter, lowest to highest over what else differs.
   *
   * @param groups the runs by values of the parameter, which are numbers
   */
  static void curve(
      Plot plot, String name, Map<String, Results> groups, ToDoubleFunction<Result> value) {
    curve(
        plot,
        name,
        groups.keySet().stream().mapToDouble(Double::parseDouble).toArray(),
        groups.values().stream().map(runs -> runs.band(value)).toList());
  }

  /** A line through the means, in the area from the lows to the highs. */
  static void curve(Plot plot, String name, double[] xs, List<Results.Band> bands) {
    plot.band(
            xs,
            bands.stream().mapToDouble(Results.Band::low).toArray(),
            bands.stream().mapToDouble(Results.Band::high).toArray())
        .line(name, xs, bands.stream().mapToDouble(Results.Band::mean).toArray());
  }

  /** By how much a metric differs at the end from what it was at three quarters of the epochs. */
  static double lateChange(double[] history) {
    return Math.abs(history[history.length - 1] - atThreeQuarters(history));
  }

  /** A metric at three quarters of the epochs. */
  static double atThreeQuarters(double[] history) {
    return history[(history.length - 1) * 3 / 4];
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
