package org.sparkssm.spark;

import org.apache.spark.unsafe.types.UTF8String;
import org.sparkssm.data.RawSequence;

/**
 * A sequence of a foreign source with what belongs to it.
 *
 * @param raw times and values
 * @param key nullable: what the id is the hash of
 * @param split nullable: as the source has it
 * @param label nullable: an Integer (class index) or a Double
 * @param kept values of further columns, in Spark's own form
 */
@SuppressWarnings("ArrayRecordComponent") // lives between two iterators, never compared
record ForeignSequence(
    RawSequence raw, UTF8String key, String split, Object label, Object[] kept) {}
