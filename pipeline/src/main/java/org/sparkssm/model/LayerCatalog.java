package org.sparkssm.model;

import java.util.Map;
import java.util.TreeMap;

/**
 * Every kind of layer, by the name it has in a {@link ModelSpec}. A new layer is one entry here.
 */
final class LayerCatalog {
  private static final Map<String, Factory> FACTORIES =
      new TreeMap<>(
          Map.ofEntries(
              Map.entry("attention", Attention::new),
              Map.entry("bidirectional", Bidirectional::new),
              Map.entry("delta-net", DeltaNet::new),
              Map.entry("gateloop", Gla::gateLoop),
              Map.entry("gla", Gla::real),
              Map.entry("linear-cde", LinearCde::new),
              Map.entry("lstm", RecurrentNetwork::lstm),
              Map.entry("mamba", Mamba::new),
              Map.entry("rnn", RecurrentNetwork::tanh),
              Map.entry("s4d", S4d::new),
              Map.entry("s5", S5::new)));

  private LayerCatalog() {}

  /** Makes a layer of as many input as output columns. */
  @FunctionalInterface
  interface Factory {
    Layer create(Options options, LayerSetting setting, ParameterLayout layout);
  }

  /** Names of all kinds, in alphabetical order. */
  static String[] kinds() {
    return FACTORIES.keySet().toArray(String[]::new);
  }

  /** Makes the layer that {@code kind} among the options names, reading the others. */
  static Layer create(Options options, LayerSetting setting, ParameterLayout layout) {
    return FACTORIES.get(options.word("kind", null, kinds())).create(options, setting, layout);
  }
}
