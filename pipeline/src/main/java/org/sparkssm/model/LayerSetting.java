package org.sparkssm.model;

/**
 * What surrounds a layer.
 *
 * @param width D, columns in and out
 * @param vocabulary number of tokens where the model reads tokens, at least 1; else 0
 */
record LayerSetting(int width, int vocabulary) {

  static LayerSetting of(ModelSpec.Input input, int width) {
    return new LayerSetting(width, input.tokens() ? Math.max(1, input.vocabulary()) : 0);
  }
}
