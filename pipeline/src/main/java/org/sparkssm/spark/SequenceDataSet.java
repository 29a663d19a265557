package org.sparkssm.spark;

import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.sparkssm.data.DataSetManifest;

/**
 * A sequence data set as it was read.
 *
 * @param path of its folder
 * @param manifest what is known about it
 * @param rows one row per sequence, columns as in {@link org.sparkssm.data.SequenceSchema}
 */
public record SequenceDataSet(String path, DataSetManifest manifest, Dataset<Row> rows) {}
