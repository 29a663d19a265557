package org.sparkssm.data;

/**
 * One case of a {@code .ts} file.
 *
 * @param channels C
 * @param values [L x C] row-major, NaN where missing; not copied
 * @param times [L], or null without time stamps; not copied
 * @param label nullable: as written
 */
@SuppressWarnings("ArrayRecordComponent") // handed from the reader to one caller, never compared
public record TsCase(int channels, float[] values, double[] times, String label) {}
