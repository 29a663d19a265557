package org.sparkssm.train;

import java.io.Serializable;

/**
 * One optimizer step as the micro-shards see it.
 *
 * @param step counted from 1 over the whole training
 * @param epoch counted from 1
 * @param batch number of the global batch within the epoch, from 0
 */
public record ShardStep(long step, int epoch, long batch) implements Serializable {}
