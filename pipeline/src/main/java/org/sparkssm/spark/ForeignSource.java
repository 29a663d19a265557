package org.sparkssm.spark;

import java.util.List;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.sql.types.StructField;
import org.sparkssm.data.LabelDescription;

/**
 * Sequences of a foreign source.
 *
 * @param channels names of the channels
 * @param label what the labels are
 * @param time nullable: the column of the times, or a name for them
 * @param timeIsTimestamp whether times are seconds made from dates and times
 * @param hasKey whether ids are hashes of keys
 * @param hasSplit whether the source says what is for training
 * @param kept further columns
 * @param sequences one partition per shard to write; evaluated anew for each pass over the data
 */
record ForeignSource(
    List<String> channels,
    LabelDescription label,
    String time,
    boolean timeIsTimestamp,
    boolean hasKey,
    boolean hasSplit,
    List<StructField> kept,
    JavaRDD<ForeignSequence> sequences) {}
