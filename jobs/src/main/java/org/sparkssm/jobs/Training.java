package org.sparkssm.jobs;

import java.util.List;
import java.util.Map;
import org.apache.spark.ml.Transformer;

/**
 * What came out of a training.
 *
 * @param stages that make predictions
 * @param options that the training ran with, defaults included
 * @param results facts for the manifest and the summary, by name
 * @param history one entry per epoch, or empty
 * @param weightsSha256 SHA-256 of the weights
 */
record Training(
    List<Transformer> stages,
    Map<String, Object> options,
    Map<String, Object> results,
    List<Map<String, Object>> history,
    String weightsSha256) {}
