package org.sparkssm.model;

import java.util.Map;
import java.util.TreeMap;

/**
 * Every kind of layer, by the name it has in a {@link ModelSpec}. A new layer is one entry here.
 */
final class LayerCatalog {
  private static final Map<String, Factory> FACTORIES =
      new TreeMap<>(
          Map.of(
              "delta-net", DeltaNet::new,
              "gateloop", Gla::gateLoop,
              "gla", Gla::real,
              "linear-cde", LinearCde::new,
              "mamba", Mamba::new,
              "s4d", S4d::new,
              "s5", S5::new));

  private LayerCatalog() {}

  /** Makes a layer of as many input as output columns. */
  @FunctionalInterface
  interface Factory {
    Layer create(Options options, int width, ParameterLayout layout);
  }

  /** Names of all kinds, in alphabetical order. */
  static String[] kinds() {
    return FACTORIES.keySet().toArray(String[]::new);
  }

  /** Makes a layer of a kind in {@link #kinds}, reading its options. */
  static Layer create(String kind, Options options, int width, ParameterLayout layout) {
    return FACTORIES.get(kind).create(options, width, layout);
  }

  static Layer create(ModelSpec.Layer spec, String where, int width, ParameterLayout layout) {
    Options options = new Options(spec.options(), "layer " + spec.kind() + " of " + where);
    return create(spec.kind(), options, width, layout);
  }
}
