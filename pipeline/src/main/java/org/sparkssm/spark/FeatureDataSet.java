package org.sparkssm.spark;

import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;

/**
 * A feature data set as it was read.
 *
 * @param path of its folder
 * @param manifest what is known about it
 * @param rows one row per sequence: id, features (an MLlib vector), label and what else the source
 *     had, but for the sequences themselves
 */
public record FeatureDataSet(String path, FeatureManifest manifest, Dataset<Row> rows) {}
